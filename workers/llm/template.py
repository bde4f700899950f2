"""The template as a provider; it needs nothing and never fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shop.entities.explanations import TEMPLATE_VERSION, TextSource
from shop.texts.template import describe_shopper, explain_item

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from workers.llm.protocol import ExplanationTask, InsightTask


class TemplateProvider:
    source: TextSource = TextSource.TEMPLATE
    model: str | None = None
    prompt_version: str = TEMPLATE_VERSION

    async def explain(self, task: ExplanationTask) -> list[str]:
        return [explain_item(item, task.language) for item in task.items]

    async def insight(self, task: InsightTask) -> str:
        return describe_shopper(task)

    async def stream(self, task: ExplanationTask) -> AsyncGenerator[str, None]:
        for text in await self.explain(task):
            yield text

    async def aclose(self) -> None:
        return None
