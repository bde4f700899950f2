"""Schemas for servers that make a grammar of them, and so can hold a model to more than its form."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workers.llm.prompts import Prompt


def counted(prompt: Prompt) -> dict[str, object]:
    """The prompt's schema with the length of each list in it. Anthropic and OpenAI refuse or ignore such bounds."""
    schema: dict[str, Any] = copy.deepcopy(prompt.schema)
    for field in schema["properties"].values():
        if field["type"] == "array":
            field |= {"minItems": prompt.texts, "maxItems": prompt.texts}
    return schema
