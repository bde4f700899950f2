"""What shoppers say of explanations, and the report on what explanations do."""

from __future__ import annotations

from datetime import datetime

import strawberry

from graphql_api import enums  # noqa: F401 (registers them)
from graphql_api.relay import encode_id
from shop.entities import feedback
from shop.entities.explanations import TextSource
from shop.entities.feedback import RatingReason


@strawberry.type(description="What a shopper thinks of an explanation.")
class ExplanationRating:
    explanation_id: strawberry.ID = strawberry.field(description="Of which explanation.")
    product_id: strawberry.ID = strawberry.field(description="The product that it explains.")
    helpful: bool = strawberry.field(description="Whether it helped.")
    reason: RatingReason | None = strawberry.field(description="What is wrong with it.")
    comment: str | None = strawberry.field(description="In the shopper's own words.")
    at: datetime = strawberry.field(description="When it was given.")

    @classmethod
    def of(cls, rating: feedback.ExplanationRating) -> ExplanationRating:
        return cls(
            explanation_id=encode_id("Explanation", rating.key),
            product_id=encode_id("Product", rating.product_id),
            helpful=rating.helpful,
            reason=rating.reason,
            comment=rating.comment,
            at=rating.at,
        )


@strawberry.type(description="A share, and how sure it is.")
class Proportion:
    value: float = strawberry.field(description="The share, 0 to 1.")
    low: float = strawberry.field(description="Lower end of its 95 % interval (Wilson).")
    high: float = strawberry.field(description="Upper end of its 95 % interval (Wilson).")

    @classmethod
    def of(cls, share: feedback.Proportion | None) -> Proportion | None:
        return None if share is None else cls(value=share.value, low=share.low, high=share.high)


@strawberry.type(description="How shoppers rate the explanations of one group (staff).")
class ExplanationRatingRow:
    group: str | None = strawberry.field(description="The source, model or prompt version; null for texts without one.")
    shown: int = strawberry.field(description="How often such a text was in a list when the list was shown.")
    ratings: int = strawberry.field(description="How many were rated in that time.")
    helpful: int = strawberry.field(description="How many of the ratings say that it helped.")
    helpful_share: Proportion | None = strawberry.field(description="Their share; null without ratings.")

    @classmethod
    def of(cls, row: feedback.RatingRow) -> ExplanationRatingRow:
        return cls(
            group=row.group,
            shown=row.shown,
            ratings=row.ratings,
            helpful=row.helpful,
            helpful_share=Proportion.of(row.helpful_share),
        )


@strawberry.type(description="How often products are clicked, shown with and without an explanation (staff).")
class ExplanationClickRow:
    with_explanation: bool = strawberry.field(
        description="Whether the text was there when the list was shown. One that came a moment later counts as none."
    )
    source: TextSource | None = strawberry.field(description="Who wrote the text; null without one.")
    group: str | None = strawberry.field(description="The text's group, as asked for; null without one.")
    impressions: int = strawberry.field(description="Places of lists shown in that time.")
    clicks: int = strawberry.field(
        description="Those that the shopper clicked, liked or bought within a day, naming the list."
    )
    ctr: Proportion | None = strawberry.field(description="Clicks per impression.")

    @classmethod
    def of(cls, row: feedback.ClickRow) -> ExplanationClickRow:
        return cls(
            with_explanation=row.source is not None,
            source=row.source,
            group=row.group,
            impressions=row.impressions,
            clicks=row.clicks,
            ctr=Proportion.of(row.rate),
        )


@strawberry.type(description="What explanations do (staff).")
class ExplanationReport:
    ratings: list[ExplanationRatingRow] = strawberry.field(description="By group, the most rated first.")
    click_through: list[ExplanationClickRow] = strawberry.field(
        description="By source and group, and the places without a text; the most shown first. Shoppers were not drawn "
        "by lot, so a difference is no proof of a cause."
    )

    @classmethod
    def of(cls, report: feedback.ExplanationReport) -> ExplanationReport:
        return cls(
            ratings=[ExplanationRatingRow.of(row) for row in report.ratings],
            click_through=[ExplanationClickRow.of(row) for row in report.clicks],
        )
