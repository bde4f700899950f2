"""What a writer of texts is asked and what it gives back: facts in, checked sentences out.

A task holds all that a language model may ever see of a shopper. There is no field for a name, an e-mail
address or an id, so none can leave.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from scoring.types import ReasonKind
    from shop.entities.explanations import TextSource
    from shop.entities.recommendations import Evidence


@dataclass(frozen=True, slots=True)
class Fact:
    """One piece of evidence in readable words; `scoring.types.ReasonKind` says what count and value mean."""

    kind: ReasonKind
    product_name: str | None = None
    label: str | None = None  # a category, brand or tag as shoppers read it, never an id
    count: int | None = None
    value: float | None = None

    @classmethod
    def of(cls, evidence: Evidence, product_names: Mapping[str, str], labels: Mapping[str, str]) -> Fact:
        """Evidence with its product id replaced by a name, and its label by what `labels` calls it, if it does."""
        name = product_names.get(evidence.product_id) if evidence.product_id is not None else None
        label = labels.get(evidence.label, evidence.label) if evidence.label is not None else None
        return cls(evidence.kind, name, label, evidence.count, evidence.value)


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """What is known of a product. All of it is untrusted text from whoever fills the catalogue."""

    name: str
    brand: str = ""
    category: str = ""
    price: str = ""  # as shown to the shopper, "$3.49"
    package_size: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class ShopperFacts:
    """What may be said of a shopper: categories of recent interest and stated tastes, as readable names."""

    recent_categories: tuple[str, ...] = ()
    tastes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ItemTask:
    """One product to explain, with its evidence, strongest first."""

    product: ProductFacts
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class ExplanationTask:
    """The items of one shopper's list. `language` is a BCP 47 tag."""

    language: str
    items: tuple[ItemTask, ...]
    shopper: ShopperFacts = field(default_factory=ShopperFacts)


@dataclass(frozen=True, slots=True)
class InsightTask:
    """A shopper's profile, to be put in one sentence. Categories and brands are names with purchases, most first."""

    language: str
    categories: tuple[tuple[str, int], ...] = ()
    brands: tuple[tuple[str, int], ...] = ()
    order_count: int = 0
    average_price: str = ""  # as shown to the shopper, "$3.49"
    tastes: tuple[str, ...] = ()


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
