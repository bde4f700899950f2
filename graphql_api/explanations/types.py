"""Explanations, and the evidence that they rest on."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime

import strawberry

from graphql_api import enums  # noqa: F401 (registers them)
from graphql_api.catalog.types import Product, product_now_or_later
from graphql_api.context import Info
from graphql_api.limits.prices import costs
from graphql_api.relay import encode_id
from scoring.types import ReasonKind
from shop.entities import explanations as entities
from shop.entities.evidence import Evidence
from shop.entities.explanations import TextSource, TextStatus


@strawberry.type(description="One piece of evidence. What count and value mean depends on the kind.")
class Reason:
    kind: ReasonKind = strawberry.field(description="What kind of evidence.")
    label: str | None = strawberry.field(description="The category id, brand or tag it is about.")
    count: int | None = strawberry.field(
        description="BOUGHT_TOGETHER: shoppers who bought both at once. ALSO_BOUGHT: shoppers who bought both. "
        "SAME_CATEGORY, SAME_BRAND, BUY_AGAIN: on how many days the shopper bought from it, or it. SHOPPERS_LIKE_YOU, "
        "POPULAR: buyers. DUE_AGAIN: usual days between purchases."
    )
    value: float | None = strawberry.field(
        description="BUY_AGAIN, RECENTLY_VIEWED: days since; null for what only the request's `behavior` tells of. "
        "DUE_AGAIN: days until it is due, below 0 when overdue. For reports, not for shoppers: BOUGHT_TOGETHER, "
        "ALSO_BOUGHT: lift over chance. SIMILAR_TO: similarity, 0 to 1. TRENDING: growth over the usual level. "
        "EXPLORATION: the probability of being picked."
    )
    raw: strawberry.Private[Evidence]

    @classmethod
    def of(cls, evidence: Evidence) -> Reason:
        return cls(kind=evidence.kind, label=evidence.label, count=evidence.count, value=evidence.value, raw=evidence)

    @strawberry.field(description="The other product it is about, such as the partner of BOUGHT_TOGETHER.")
    def product(self, info: Info) -> Product | None:
        if self.raw.product_id is None:
            return None
        found: Product | Awaitable[Product | None] | None = product_now_or_later(info, self.raw.product_id)
        return found  # type: ignore[return-value]  # the executor awaits what is awaitable


@strawberry.type(
    description="Why a product is shown, in words: at once by the template, or in the background where a model is set."
)
class Explanation:
    id: strawberry.ID = strawberry.field(
        description="Opaque; names this text of this shopper, for `rateExplanation`. Another evidence gives another id."
    )
    status: TextStatus = strawberry.field(
        description="PENDING until it is written, or STALE with the text before; `explanationReady` tells when."
    )
    text: str | None = strawberry.field(description="One to three sentences in `language`.")
    language: str = strawberry.field(
        description="BCP 47: the language of the text; English where the one asked for is not written."
    )
    source: TextSource | None = strawberry.field(description="Who wrote it.")
    evidence: list[Reason] = strawberry.field(
        description="What the text rests on; it claims nothing else.", directives=costs(size=3)
    )
    model: str | None = strawberry.field(description="The language model, null for a template.")
    prompt_version: str | None = strawberry.field(description="The version of prompt or template.")
    generated_at: datetime | None = strawberry.field(description="When it was written.")

    @classmethod
    def of(cls, explanation: entities.Explanation, reasons: list[Reason] | None = None) -> Explanation:
        """`reasons` are the item's own, which are the same evidence and need not be converted twice."""
        text = explanation.text
        return cls(
            id=encode_id("Explanation", explanation.key),
            status=explanation.status,
            text=text.text if text else None,
            language=explanation.language,
            source=text.source if text else None,
            evidence=[Reason.of(item) for item in explanation.evidence] if reasons is None else reasons,
            model=text.model if text else None,
            prompt_version=text.prompt_version if text else None,
            generated_at=text.generated_at if text else None,
        )
