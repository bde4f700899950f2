"""What a writer of texts takes and returns: facts in, checked sentences out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from shop.texts.facts import ExplanationTask, Fact, InsightTask, ItemTask, ProductFacts, ShopperFacts

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from shop.entities.explanations import TextSource

__all__ = [
    "ExplanationTask",
    "Fact",
    "InsightTask",
    "ItemTask",
    "LlmProvider",
    "ProductFacts",
    "ShopperFacts",
    "TextChecked",
    "TextDelta",
    "Usage",
    "WrittenText",
]


@dataclass(frozen=True, slots=True)
class WrittenText:
    """A text that may be shown, and who wrote it."""

    text: str
    source: TextSource
    model: str | None
    prompt_version: str


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of a text that is being written, before any check; pieces are joined without anything between them."""

    text: str


@dataclass(frozen=True, slots=True)
class TextChecked:
    """The end of a text that was streamed. With `replaced` it is another one than the pieces made up."""

    written: WrittenText
    replaced: bool


@dataclass(frozen=True, slots=True)
class Usage:
    """What one call of a model cost."""

    source: TextSource
    model: str
    purpose: str  # "explain", "explain_stream" or "insight"
    input_tokens: int
    output_tokens: int
    seconds: float


class LlmProvider(Protocol):
    """Writes texts. Raises only `workers.llm.errors.ProviderError`."""

    @property
    def source(self) -> TextSource: ...

    @property
    def model(self) -> str | None: ...

    @property
    def prompt_version(self) -> str: ...

    async def explain(self, task: ExplanationTask) -> list[str]:
        """One text for each item, in their order. They are not yet checked against the evidence."""
        ...

    async def insight(self, task: InsightTask) -> str:
        """One sentence on the shopper's taste."""
        ...

    def stream(self, task: ExplanationTask) -> AsyncGenerator[str, None]:
        """The text of the task's one item in pieces, as it is written. It is not yet checked against the evidence."""
        ...

    async def aclose(self) -> None:
        """Closes connections; safe to call more than once."""
        ...
