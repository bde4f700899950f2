"""What language models were asked and what it cost, as staff read it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Any

import strawberry

from graphql_api import enums  # noqa: F401 (registers them)
from graphql_api.catalog.types import Money
from shop.entities import usage as entities
from shop.entities.explanations import TextSource
from shop.entities.usage import Purpose, dollars


@strawberry.type(description="How often language models were asked, and what it cost.")
class LlmUsageCounts:
    calls: int = strawberry.field(description="Answers of a model, usable or not: each costs.")
    failures: int = strawberry.field(
        description="Texts that a model was asked for and did not give, after all its tries; a template wrote them."
    )
    input_tokens: float = strawberry.field(description="Tokens that models read: whole, and too many for an Int.")
    output_tokens: float = strawberry.field(description="Tokens that models wrote: whole, and too many for an Int.")
    seconds: float = strawberry.field(description="How long the calls took, added up.")
    cost: Money | None = strawberry.field(
        description="What the calls cost by the shop's price table, exact to a millionth; null when none has a price."
    )
    priced: bool = strawberry.field(description="False when calls of models without a price are missing in `cost`.")


@strawberry.type(description="Usage of one day, provider, model and purpose, or a sum over what it is not grouped by.")
class LlmUsageRow(LlmUsageCounts):
    day: date | None = strawberry.field(description="In UTC; null unless grouped by DAY.")
    provider: TextSource | None = strawberry.field(description="Who was asked; null unless grouped by PROVIDER.")
    model: str | None = strawberry.field(description="Which model; null unless grouped by MODEL.")
    purpose: Purpose | None = strawberry.field(description="What for; null unless grouped by PURPOSE.")

    @classmethod
    def of(cls, row: entities.UsageRow) -> LlmUsageRow:
        return cls(day=row.day, provider=row.source, model=row.model, purpose=row.purpose, **_counts(row.counts))


@strawberry.type(description="What a purpose may cost today (UTC).")
class LlmBudget:
    purpose: Purpose = strawberry.field(description="What for.")
    limit: Money | None = strawberry.field(description="Null when there is none.")
    used: Money = strawberry.field(description="With what calls under way may cost at most.")
    remaining: Money | None = strawberry.field(description="Null when there is no limit.")
    exhausted: bool = strawberry.field(description="Whether the template writes until the day ends.")

    @classmethod
    def of(cls, budget: entities.Budget) -> LlmBudget:
        limit, remaining = budget.limit_micros, budget.remaining_micros
        return cls(
            purpose=budget.purpose,
            limit=None if limit is None else Money.of(dollars(limit)),
            used=Money(amount=dollars(budget.used_micros).amount, currency_code="USD"),
            remaining=None if remaining is None else Money.of(dollars(remaining)),
            exhausted=budget.exhausted,
        )


@strawberry.type(description="How many wanted explanations were there already, and so cost nothing.")
class ExplanationCache:
    hits: float = strawberry.field(description="Found in one of the next three: whole, and too many for an Int.")
    in_memory: float = strawberry.field(description="Found in the memory of an API process.")
    in_redis: float = strawberry.field(description="Found in Redis.")
    in_database: float = strawberry.field(description="Found in MongoDB.")
    misses: float = strawberry.field(
        description="Found nowhere, so a text was ordered. One that is being written already is neither hit nor miss."
    )
    hit_rate: float | None = strawberry.field(description="0 to 1; null when nothing was looked up.")

    @classmethod
    def of(cls, lookups: entities.Lookups) -> ExplanationCache:
        return cls(
            hits=lookups.hits,
            in_memory=lookups.memory,
            in_redis=lookups.redis,
            in_database=lookups.database,
            misses=lookups.ordered,
            hit_rate=lookups.hit_rate,
        )


@strawberry.type(description="Usage of language models over some days, and today's budgets.")
class LlmUsage:
    from_: date = strawberry.field(name="from", description="The first day, in UTC.")
    to: date = strawberry.field(description="The last day, included.")
    rows: list[LlmUsageRow] = strawberry.field(description="Sums, in the order of days, purposes and models.")
    totals: LlmUsageCounts = strawberry.field(description="The sum of all rows.")
    budgets: list[LlmBudget] = strawberry.field(description="Of today, whatever days were asked for.")
    cache: ExplanationCache = strawberry.field(description="Look-ups of explanations on these days.")

    @classmethod
    def of(cls, report: entities.UsageReport) -> LlmUsage:
        return cls(
            from_=report.first,
            to=report.last,
            rows=[LlmUsageRow.of(row) for row in report.rows],
            totals=LlmUsageCounts(**_counts(report.totals)),
            budgets=[LlmBudget.of(budget) for budget in report.budgets],
            cache=ExplanationCache.of(report.lookups),
        )


def _counts(counts: entities.UsageCounts) -> dict[str, Any]:
    shown = {"calls", "failures", "input_tokens", "output_tokens", "seconds"}
    same = {name: value for name, value in asdict(counts).items() if name in shown}
    return {**same, "cost": Money.of(counts.cost), "priced": counts.priced}
