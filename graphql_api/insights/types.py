"""Insights on shoppers."""

from __future__ import annotations

from datetime import datetime

import strawberry

from graphql_api import enums  # noqa: F401 (registers them)
from shop.entities import explanations as entities
from shop.entities.explanations import TextSource, TextStatus


@strawberry.type(description="One sentence on a shopper's taste. It is written in the background.")
class Insight:
    status: TextStatus = strawberry.field(description="PENDING until it is written; `insightUpdated` tells when.")
    text: str | None = strawberry.field(
        description="The sentence. While a new one is PENDING the last one is here, as long as it holds."
    )
    language: str = strawberry.field(
        description="BCP 47: the language of the text; English where the one asked for is not written."
    )
    source: TextSource | None = strawberry.field(description="Who wrote it.")
    model: str | None = strawberry.field(description="The language model, null for a template.")
    generated_at: datetime | None = strawberry.field(description="When it was written.")

    @classmethod
    def of(cls, insight: entities.Insight) -> Insight:
        text = insight.text
        return cls(
            status=insight.status,
            text=text.text if text else None,
            language=insight.language,
            source=text.source if text else None,
            model=text.model if text else None,
            generated_at=text.generated_at if text else None,
        )
