"""Recommendation lists, and what a client asks them with."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from graphql_api import enums  # noqa: F401 (registers them)
from graphql_api.arguments import LOCALE, OF_THE_VISIT
from graphql_api.catalog.types import Product, ProductFilterInput
from graphql_api.context import Info
from graphql_api.explanations.types import Explanation, Reason
from graphql_api.insights.types import Insight
from graphql_api.limits.prices import costs
from graphql_api.limits.sizes import LONGEST_SESSION, LONGEST_SHORT, LONGEST_SKU, MOST_ENTRIES, sizes
from graphql_api.relay import decode_id, decode_ids
from scoring import types as scoring
from scoring.types import Component, Scenario
from shop.entities import recommendations as entities
from shop.entities.recommendations import Confidence, Degradation
from shop.entities.users import Actor


@strawberry.type(description="One component's part in a score.")
class ComponentScore:
    value: float = strawberry.field(description="How far above the catalogue's mean, in standard deviations.")
    weight: float = strawberry.field(description="The component's weight in this list.")
    share: float = strawberry.field(description="Its share of the score; the four shares sum to 1.")

    @classmethod
    def of(cls, score: scoring.ComponentScore) -> ComponentScore:
        return cls(value=score.value, weight=score.weight, share=score.share)


@strawberry.type(description="What the four components say.")
class ScoreBreakdown:
    collaborative: ComponentScore = strawberry.field(description="What shoppers like this one bought.")
    content_based: ComponentScore = strawberry.field(description="Similarity to what this one bought.")
    neural: ComponentScore = strawberry.field(description="Learned embeddings of shoppers and products.")
    contextual: ComponentScore = strawberry.field(description="What is in demand here and now.")

    @classmethod
    def of(cls, breakdown: dict[Component, scoring.ComponentScore]) -> ScoreBreakdown:
        return cls(
            collaborative=ComponentScore.of(breakdown[Component.COLLABORATIVE]),
            content_based=ComponentScore.of(breakdown[Component.CONTENT]),
            neural=ComponentScore.of(breakdown[Component.NEURAL]),
            contextual=ComponentScore.of(breakdown[Component.CONTEXTUAL]),
        )


@strawberry.type(description="A product, and why it is here.")
class Recommendation:
    product: Product = strawberry.field(description="What is recommended.")
    rank: int = strawberry.field(description="Its place, from 1.")
    score: float = strawberry.field(
        description="How strong this is among what the shop shows on such shelves, 0 to 1: at 0.8, four fifths of "
        "what reference lists of the same kind hold are weaker. Comparable between shelves, so a page can show it. A "
        "BOOST or BURY rule of the shop moves it; what only fills a list has 0.3 at most."
    )
    probability: float | None = strawberry.field(
        description="The calibrated chance that the shopper takes this product soon, 0 to 1; small numbers are usual. "
        "In FOR_YOU and NEXT_IN_SESSION alone, and null where training had too few shoppers to calibrate it."
    )
    confidence: Confidence = strawberry.field(
        description="The score as a label: VERY_HIGH above 0.7, HIGH above 0.5, MEDIUM above 0.3, else EXPLORATORY. "
        "It means the same on every shelf."
    )
    breakdown: ScoreBreakdown = strawberry.field(description="Which component said what.")
    reasons: list[Reason] = strawberry.field(
        description="Typed evidence, the strongest first; never empty.", directives=costs(size=3)
    )
    explanation: Explanation = strawberry.field(description="The same in words, perhaps a moment later.")
    exploration: bool = strawberry.field(description="Whether it is shown to learn.")
    propensity: float = strawberry.field(description="The exact probability with which it was put here.")

    @classmethod
    def of(cls, item: entities.Recommendation) -> Recommendation:
        reasons = [Reason.of(reason) for reason in item.reasons]
        return cls(
            product=Product.of(item.product),
            rank=item.rank,
            score=item.score,
            probability=item.probability,
            confidence=item.confidence,
            breakdown=ScoreBreakdown.of(item.breakdown),
            reasons=reasons,
            explanation=Explanation.of(
                item.explanation, reasons if item.explanation.evidence == item.reasons else None
            ),
            exploration=item.exploration,
            propensity=item.propensity,
        )


@strawberry.type(description="The arm of an experiment that made this list.")
class ExperimentVariant:
    experiment: str = strawberry.field(description="The experiment's key.")
    name: str = strawberry.field(description="The arm's name.")


@strawberry.type(description="How fresh a list is.")
class Freshness:
    last_event_at: datetime | None = strawberry.field(description="The shopper's newest event that it knows.")
    model_trained_at: datetime | None = strawberry.field(description="When the model was trained.")


@strawberry.type(description="A list, logged under its id.")
class RecommendationList:
    id: strawberry.ID = strawberry.field(description="Pass it with trackInteraction, so clicks are attributed.")
    items: list[Recommendation] = strawberry.field(description="Best first.")
    model_version: str = strawberry.field(description="Which model ranked it.")
    variant: ExperimentVariant | None = strawberry.field(description="Null outside of experiments.")
    generated_at: datetime = strawberry.field(description="When it was made.")
    freshness: Freshness = strawberry.field(description="What it knows.")
    degraded: list[Degradation] = strawberry.field(description="Parts that did not answer; empty when all did.")
    language: str = strawberry.field(
        description="BCP 47: the language of its explanations and its insight. English where the one asked for is not "
        "written; then `degraded` has LANGUAGE."
    )
    raw: strawberry.Private[entities.RecommendationList]

    @classmethod
    def of(cls, shown: entities.RecommendationList) -> RecommendationList:
        return cls(
            id=strawberry.ID(shown.id),
            items=[Recommendation.of(item) for item in shown.items],
            model_version=shown.model_version,
            variant=None,
            generated_at=shown.generated_at,
            freshness=Freshness(
                last_event_at=shown.freshness.last_event_at, model_trained_at=shown.freshness.model_trained_at
            ),
            degraded=list(shown.degraded),
            language=shown.language,
            raw=shown,
        )

    @strawberry.field(
        description="One sentence on this shopper's taste; null for anonymous visitors.", directives=costs(10)
    )
    async def insight(self, info: Info) -> Insight | None:
        user_id = self.raw.actor.user_id
        user = await info.context.user(user_id) if user_id is not None else None
        return Insight.of(await info.context.resources.insights.get(user, self.raw.language)) if user else None


@strawberry.input(description="What the page knows and the server may not.")
class BehaviorInput:
    viewed: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Products seen on this visit.", metadata=sizes(entries=MOST_ENTRIES)
    )
    purchased: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Products bought elsewhere.", metadata=sizes(entries=MOST_ENTRIES)
    )
    recent_views: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Categories looked at.", metadata=sizes(entries=MOST_ENTRIES)
    )
    session_id: str | None = strawberry.field(
        default=None, description="As RecommendationInput.sessionId.", metadata=sizes(length=LONGEST_SESSION)
    )

    def to_entity(self) -> entities.Behavior:
        return entities.Behavior(
            viewed=decode_ids("Product", self.viewed, "behavior.viewed"),
            purchased=decode_ids("Product", self.purchased, "behavior.purchased"),
            recent_views=decode_ids("Category", self.recent_views, "behavior.recentViews"),
        )


@strawberry.input(description="Where the list will be shown.")
class ContextInput:
    device: str | None = strawberry.field(
        default=None, description="Such as mobile or desktop.", metadata=sizes(length=LONGEST_SHORT)
    )
    locale: str | None = strawberry.field(default=None, description=LOCALE, metadata=sizes(length=LONGEST_SHORT))
    page: str | None = strawberry.field(
        default=None, description="Such as home, product or cart.", metadata=sizes(length=LONGEST_SHORT)
    )
    local_hour: int | None = strawberry.field(default=None, description="The shopper's hour of day, 0 to 23.")
    category_id: strawberry.ID | None = strawberry.field(
        default=None, description="The category that the page shows; merchandising rules may ask for it."
    )

    def to_entity(self) -> entities.PageContext:
        category_id = decode_id("Category", self.category_id, "context.categoryId") if self.category_id else None
        return entities.PageContext(self.device, self.locale, self.page, self.local_hour, category_id)


@strawberry.input(description="What to recommend, to whom.")
class RecommendationInput:
    scenario: Scenario = strawberry.field(default=Scenario.FOR_YOU, description="What the list is for.")
    user_id: strawberry.ID | None = strawberry.field(
        default=None, description="For staff and services; a shopper is always the viewer."
    )
    session_id: str | None = strawberry.field(
        default=None, description=OF_THE_VISIT, metadata=sizes(length=LONGEST_SESSION)
    )
    product_ids: list[strawberry.ID] | None = strawberry.field(
        default=None,
        description="The seed products of SIMILAR, BOUGHT_TOGETHER and CART.",
        metadata=sizes(entries=MOST_ENTRIES),
    )
    product_skus: list[str] | None = strawberry.field(
        default=None,
        description="More of them, by the shop's own article numbers, variants' too.",
        metadata=sizes(entries=MOST_ENTRIES, length=LONGEST_SKU),
    )
    limit: int = strawberry.field(default=5, description="1 to 100.")
    filter: ProductFilterInput | None = strawberry.field(default=None, description="Which products may appear.")
    exclude_product_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Never these.", metadata=sizes(entries=MOST_ENTRIES)
    )
    exclude_product_skus: list[str] | None = strawberry.field(
        default=None,
        description="Nor these, by their article numbers; one that no product has is ignored.",
        metadata=sizes(entries=MOST_ENTRIES, length=LONGEST_SKU),
    )
    include_purchased: bool = strawberry.field(default=False, description="Also what the shopper has bought before.")
    diversity: float = strawberry.field(default=0.2, description="0 (the best scores) to 1 (as varied as can be).")
    max_per_category: int | None = strawberry.field(
        default=None,
        description="At most so many products of one deepest category; 0 for no limit, the shop's own if left out. "
        "Where that would leave the list short, first the limit for brands is lifted, then this one.",
    )
    max_per_brand: int | None = strawberry.field(
        default=None,
        description="At most so many products of one brand; 0 for no limit, the shop's own if left out. "
        "Lifted where it would leave the list short.",
    )
    behavior: BehaviorInput | None = strawberry.field(default=None, description="What the page knows.")
    context: ContextInput | None = strawberry.field(default=None, description="Where it will be shown.")

    def to_request(self, actor: Actor) -> entities.RecommendationRequest:
        """Without the products that SKUs name. Raises BadInputError for ids that are none."""
        return entities.RecommendationRequest(
            actor=actor,
            scenario=self.scenario,
            product_ids=decode_ids("Product", self.product_ids, "productIds"),
            limit=self.limit,
            filter=self.filter.to_scoring() if self.filter else scoring.ItemFilter(),
            in_stock=self.filter is None or self.filter.in_stock is not False,
            exclude_product_ids=decode_ids("Product", self.exclude_product_ids, "excludeProductIds"),
            include_purchased=self.include_purchased,
            diversity=self.diversity,
            max_per_category=self.max_per_category,
            max_per_brand=self.max_per_brand,
            behavior=self.behavior.to_entity() if self.behavior else entities.Behavior(),
            context=self.context.to_entity() if self.context else entities.PageContext(),
        )


ListInput = Annotated[
    RecommendationInput | None, strawberry.argument(description="What to recommend, to whom; all has defaults.")
]
