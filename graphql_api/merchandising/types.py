"""Merchandising rules, as staff read and write them."""

from __future__ import annotations

from datetime import UTC, datetime

import strawberry

from graphql_api import enums  # noqa: F401 (registers them)
from graphql_api.arguments import in_utc, labels
from graphql_api.catalog.types import Category, Product
from graphql_api.context import Info
from graphql_api.limits.prices import costs
from graphql_api.limits.sizes import LONGEST_SHORT, MOST_ENTRIES, sizes
from graphql_api.relay import Node, decode_ids, encode_id
from scoring.ranking.rules import Rule, RuleAction, Scope, Segment, Target
from scoring.ranking.rules import RuleSchedule as Schedule
from scoring.types import Scenario
from shop.entities import merchandising as entities
from shop.entities.merchandising import Weekday
from shop.services.merchandising import LONGEST_RULE_NAME
from shop.values import LONGEST_LABEL


@strawberry.type(description="The products that a rule is about: those that are any of these.")
class RuleTarget:
    brands: list[str] = strawberry.field(description="Products of these brands.")
    tags: list[str] = strawberry.field(description="Products with any of these tags.")
    raw: strawberry.Private[Target]

    @classmethod
    def of(cls, target: Target) -> RuleTarget:
        return cls(brands=list(target.brands), tags=list(target.tags), raw=target)

    @strawberry.field(
        description="These products, in the rule's order; those that have left the catalogue are missing.",
        directives=costs(size=10),
    )
    async def products(self, info: Info) -> list[Product]:
        found = await info.context.loaders.products.load_many(list(self.raw.products))
        return [Product.of(product) for product in found if product]

    @strawberry.field(description="Products in these categories, or below them.", directives=costs(size=10))
    async def categories(self, info: Info) -> list[Category]:
        return await _categories(info, self.raw.categories)


@strawberry.type(description="The lists that a rule is for: those that fit each condition. An empty one fits all.")
class RuleScope:
    scenarios: list[Scenario] = strawberry.field(description="Only these scenarios.")
    segments: list[Segment] = strawberry.field(description="Only shoppers of these segments.")
    languages: list[str] = strawberry.field(description="Only these languages; `de` fits `de-AT` too.")
    devices: list[str] = strawberry.field(description="Only where `context.device` is one of these.")
    raw: strawberry.Private[Scope]

    @classmethod
    def of(cls, scope: Scope) -> RuleScope:
        return cls(
            scenarios=[one for one in Scenario if one in scope.scenarios],
            segments=[one for one in Segment if one in scope.segments],
            languages=sorted(scope.languages),
            devices=sorted(scope.devices),
            raw=scope,
        )

    @strawberry.field(
        description="Only pages of these categories or below, and seed products in them.", directives=costs(size=10)
    )
    async def categories(self, info: Info) -> list[Category]:
        return await _categories(info, sorted(self.raw.categories))


@strawberry.type(description="When a rule holds. What is empty or null is no condition.")
class RuleSchedule:
    starts_at: datetime | None = strawberry.field(description="From this moment on.")
    ends_at: datetime | None = strawberry.field(description="Up to this moment, and no longer at it.")
    weekdays: list[Weekday] = strawberry.field(description="Only on these days, in UTC.")
    hours: list[int] = strawberry.field(description="Only in these hours of the day in UTC, 0 to 23.")

    @classmethod
    def of(cls, schedule: Schedule) -> RuleSchedule:
        return cls(
            starts_at=_moment(schedule.starts_at),
            ends_at=_moment(schedule.ends_at),
            weekdays=[Weekday(day) for day in sorted(schedule.weekdays)],
            hours=sorted(schedule.hours),
        )


@strawberry.type(description="What the shop itself wants shown, pushed, held back or hidden (staff).")
class MerchandisingRule(Node):
    name: str = strawberry.field(description="For people; may be empty.")
    action: RuleAction = strawberry.field(description="What it does with its products.")
    target: RuleTarget = strawberry.field(description="Which products.")
    factor: float | None = strawberry.field(description="What scores are multiplied by; for BOOST and BURY.")
    position: int | None = strawberry.field(
        description="Where the first product stands, from 1, the others after it; for PIN."
    )
    scope: RuleScope = strawberry.field(description="In which lists.")
    schedule: RuleSchedule = strawberry.field(description="When.")
    priority: int = strawberry.field(description="Where rules disagree, the highest decides.")
    enabled: bool = strawberry.field(description="Whether it is switched on.")
    active: bool = strawberry.field(description="Whether it holds right now: switched on, and within its schedule.")
    created_at: datetime | None = strawberry.field(description="When it was made.")
    updated_at: datetime | None = strawberry.field(description="When it was last saved.")
    updated_by: strawberry.ID | None = strawberry.field(description="The user who last saved it.")

    @classmethod
    def of(cls, stored: entities.MerchandisingRule) -> MerchandisingRule:
        rule = stored.rule
        return cls(
            id=encode_id("MerchandisingRule", rule.id),
            name=stored.name,
            action=rule.action,
            target=RuleTarget.of(rule.target),
            factor=rule.factor if rule.action in {RuleAction.BOOST, RuleAction.BURY} else None,
            position=rule.position if rule.action is RuleAction.PIN else None,
            scope=RuleScope.of(rule.scope),
            schedule=RuleSchedule.of(rule.schedule),
            priority=rule.priority,
            enabled=rule.enabled,
            active=rule.enabled and rule.schedule.holds(int(datetime.now(UTC).timestamp())),
            created_at=stored.created_at,
            updated_at=stored.updated_at,
            updated_by=encode_id("User", stored.updated_by) if stored.updated_by else None,
        )


@strawberry.input(description="The products that a rule is about: those that are any of these.")
class RuleTargetInput:
    product_ids: list[strawberry.ID] | None = strawberry.field(
        default=None,
        description="These products. PIN takes nothing else, and keeps their order.",
        metadata=sizes(entries=MOST_ENTRIES),
    )
    category_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Products in these categories, or below them.", metadata=sizes(entries=MOST_ENTRIES)
    )
    brands: list[str] | None = strawberry.field(
        default=None,
        description="Products of these brands, spelled exactly; one that no product has gets a warning.",
        metadata=sizes(entries=MOST_ENTRIES, length=LONGEST_LABEL),
    )
    tags: list[str] | None = strawberry.field(
        default=None,
        description="Products with any of these tags; one that no product has gets a warning.",
        metadata=sizes(entries=MOST_ENTRIES, length=LONGEST_LABEL),
    )

    def to_target(self) -> Target:
        return Target(
            products=tuple(dict.fromkeys(decode_ids("Product", self.product_ids, "target.productIds"))),
            categories=decode_ids("Category", self.category_ids, "target.categoryIds"),
            brands=labels(self.brands),
            tags=labels(self.tags),
        )


@strawberry.input(description="The lists that a rule is for: those that fit each condition.")
class RuleScopeInput:
    scenarios: list[Scenario] | None = strawberry.field(
        default=None, description="Only these scenarios.", metadata=sizes(entries=len(Scenario))
    )
    category_ids: list[strawberry.ID] | None = strawberry.field(
        default=None,
        description="Only pages of these categories or below (`context.categoryId`), and seed products in them.",
        metadata=sizes(entries=MOST_ENTRIES),
    )
    segments: list[Segment] | None = strawberry.field(
        default=None, description="Only shoppers of these segments.", metadata=sizes(entries=len(Segment))
    )
    languages: list[str] | None = strawberry.field(
        default=None,
        description="Only these languages, as BCP 47 tags; `de` fits `de-AT` too.",
        metadata=sizes(entries=MOST_ENTRIES, length=LONGEST_SHORT),
    )
    devices: list[str] | None = strawberry.field(
        default=None,
        description="Only where `context.device` is one of these.",
        metadata=sizes(entries=MOST_ENTRIES, length=LONGEST_SHORT),
    )

    def to_scope(self) -> Scope:
        return Scope(
            scenarios=frozenset(self.scenarios or ()),
            categories=frozenset(decode_ids("Category", self.category_ids, "scope.categoryIds")),
            segments=frozenset(self.segments or ()),
            languages=frozenset(self.languages or ()),
            devices=frozenset(self.devices or ()),
        )


@strawberry.input(description="When a rule holds; always, if all is left out.")
class RuleScheduleInput:
    starts_at: datetime | None = strawberry.field(
        default=None, description="From this moment on; with its zone, such as `2026-03-01T00:00:00Z`."
    )
    ends_at: datetime | None = strawberry.field(
        default=None, description="Up to this moment, and no longer at it; with its zone."
    )
    weekdays: list[Weekday] | None = strawberry.field(
        default=None, description="Only on these days, in UTC.", metadata=sizes(entries=7)
    )
    hours: list[int] | None = strawberry.field(
        default=None, description="Only in these hours of the day in UTC, 0 to 23.", metadata=sizes(entries=24)
    )

    def to_schedule(self) -> Schedule:
        return Schedule(
            starts_at=_seconds(self.starts_at, "schedule.startsAt"),
            ends_at=_seconds(self.ends_at, "schedule.endsAt"),
            weekdays=frozenset(map(int, self.weekdays or ())),
            hours=frozenset(self.hours or ()),
        )


@strawberry.input(description="All of a rule: what is left out is set to its default, also when it is changed.")
class SaveMerchandisingRuleInput:
    action: RuleAction = strawberry.field(description="What to do with the products.")
    target: RuleTargetInput = strawberry.field(description="Which products; at least one condition.")
    id: strawberry.ID | None = strawberry.field(
        default=None, description="The rule to replace; a new one is made if left out."
    )
    name: str = strawberry.field(
        default="", description="For people.", metadata=sizes(length=LONGEST_RULE_NAME, told=True)
    )
    factor: float | None = strawberry.field(
        default=None, description="BOOST: above 1, 100 at most. BURY: above 0 and below 1. Not for the others."
    )
    position: int | None = strawberry.field(
        default=None, description="PIN: 1 to 100, where the first product stands. Not for the others."
    )
    scope: RuleScopeInput | None = strawberry.field(default=None, description="In which lists; all if left out.")
    schedule: RuleScheduleInput | None = strawberry.field(default=None, description="When; always if left out.")
    priority: int = strawberry.field(
        default=0, description="Where rules disagree on a product or a position, the highest decides."
    )
    enabled: bool = strawberry.field(default=True, description="False keeps the rule without applying it.")

    def to_entity(self, rule_id: str) -> entities.MerchandisingRule:
        """Raises BadInputError for ids that are none."""
        rule = Rule(
            id=rule_id,
            action=self.action,
            target=self.target.to_target(),
            factor=1.0 if self.factor is None else self.factor,
            position=0 if self.position is None else self.position,
            scope=(self.scope or RuleScopeInput()).to_scope(),
            schedule=(self.schedule or RuleScheduleInput()).to_schedule(),
            priority=self.priority,
            enabled=self.enabled,
        )
        return entities.MerchandisingRule(rule, self.name.strip())


async def _categories(info: Info, ids: list[str] | tuple[str, ...]) -> list[Category]:
    known = await info.context.resources.catalog.categories()
    return [Category.of(known[id_], known) for id_ in ids if id_ in known]


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _seconds(moment: datetime | None, field: str) -> int | None:
    return None if moment is None else int(in_utc(moment, field).timestamp())
