"""The books and budgets of language models, on a real MongoDB and a real Valkey."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from pydantic import ValidationError

from mongo_seed.migrate import migrate
from shop.entities.explanations import TextSource
from shop.entities.usage import Lookups, Purpose, UsageCounts, UsageDimension
from shop.errors import BadInputError, UnavailableError
from shop.resources.serving import open_serving
from shop.services.budgets import BudgetService
from shop.services.usage import UsageService
from shop.settings import LlmSettings, Price
from shop.store.usage import SpentStore, UsageStore
from tests.fixtures.cable import cable
from tests.fixtures.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.resources.serving import ServingResources
    from shop.settings import Settings
    from shop.store.database import Database

MODEL = "claude-haiku-4-5"  # 1 and 5 dollars per million tokens
DAY, NEXT_DAY = date(2026, 11, 26), date(2026, 11, 27)
CALL = {"input_tokens": 100, "output_tokens": 100}  # 600 micro-dollars


@dataclass
class Office:
    """One process's books and budget, with a calendar that a test can turn."""

    usage: UsageService
    budget: BudgetService
    day: date = DAY

    def answer(self, purpose: Purpose = Purpose.EXPLAIN, model: str = MODEL, **tokens: int) -> int:
        took = {**CALL, "seconds": 0.5, **tokens}
        return self.usage.answered(TextSource.ANTHROPIC, model, purpose, **took)  # type: ignore[arg-type]

    async def reserve(self, purpose: Purpose = Purpose.EXPLAIN, model: str = MODEL, **tokens: int) -> Any:
        return await self.budget.reserve(purpose, TextSource.ANTHROPIC, model, **{**CALL, **tokens})


def office(resources: ServingResources, **settings: Any) -> Office:
    llm = LlmSettings.model_validate({"provider": "anthropic", **settings})
    store = UsageStore(resources.stores.database)
    budget = BudgetService(SpentStore(resources.stores.redis, resources.stores.keys), store, llm, lambda: opened.day)
    opened = Office(UsageService(store, budget, llm, lambda: opened.day), budget)
    return opened


@pytest.fixture(autouse=True)
async def migrated(database: Database) -> None:
    await migrate(database)


@pytest.fixture
async def resources(settings: Settings) -> AsyncIterator[ServingResources]:
    async with open_serving(settings, start=False) as opened:
        yield opened


class TestBooks:
    async def test_tokens_and_money_add_up_by_day_provider_model_and_purpose(self, resources: ServingResources) -> None:
        books = office(resources)
        books.answer(input_tokens=321, output_tokens=45)
        books.answer(input_tokens=1000, output_tokens=200)
        books.answer(Purpose.INSIGHT)
        books.usage.failed(TextSource.ANTHROPIC, MODEL, Purpose.INSIGHT)
        books.day = NEXT_DAY
        books.answer()

        report = await books.usage.report(DAY, NEXT_DAY)

        assert [(row.day, row.purpose, row.source, row.model) for row in report.rows] == [
            (DAY, Purpose.EXPLAIN, TextSource.ANTHROPIC, MODEL),
            (DAY, Purpose.INSIGHT, TextSource.ANTHROPIC, MODEL),
            (NEXT_DAY, Purpose.EXPLAIN, TextSource.ANTHROPIC, MODEL),
        ]
        first, second, _ = (row.counts for row in report.rows)
        assert first == UsageCounts(2, 0, 1321, 245, 321 + 5 * 45 + 1000 + 5 * 200, 0, 1.0)
        assert (second.calls, second.failures, second.cost_micros) == (1, 1, 600)
        assert report.totals.calls == 4
        cost = report.totals.cost
        assert cost is not None
        assert (cost.amount, cost.currency) == (Decimal("0.003746"), "USD")

    async def test_rows_are_grouped_as_asked_and_only_from_the_days_asked_for(
        self, resources: ServingResources
    ) -> None:
        books = office(resources)
        books.answer()
        books.answer(Purpose.INSIGHT)
        books.day = NEXT_DAY
        books.answer(Purpose.INSIGHT, calls := "other-model")

        by_model = (await books.usage.report(DAY, NEXT_DAY, {UsageDimension.MODEL})).rows
        one_day = (await books.usage.report(DAY, DAY, ())).rows

        assert [(row.model, row.counts.calls, row.day, row.purpose) for row in by_model] == [
            (MODEL, 2, None, None),
            (calls, 1, None, None),
        ]
        assert [row.counts.calls for row in one_day] == [2]

    async def test_a_model_without_a_price_costs_an_unknown_amount(self, resources: ServingResources) -> None:
        books = office(resources)
        books.answer(model="my-own")

        (row,) = (await books.usage.report(DAY, DAY)).rows
        assert (row.counts.cost, row.counts.priced, row.counts.input_tokens) == (None, False, 100)

        books.answer()
        totals = (await books.usage.report(DAY, DAY)).totals
        assert totals.cost is not None
        assert (totals.cost.amount, totals.priced) == (Decimal("0.0006"), False)

    async def test_recorders_that_race_lose_nothing(self, resources: ServingResources) -> None:
        books = [office(resources) for _ in range(3)]

        async def work(one: Office) -> None:
            for _ in range(20):
                one.answer()
                one.usage.looked_up(Lookups(memory=2, ordered=1))
                await asyncio.gather(one.usage.flush(), one.usage.flush())

        await asyncio.gather(*(work(one) for one in books for _ in range(2)))

        report = await books[0].usage.report(DAY, DAY)
        assert (report.totals.calls, report.totals.cost_micros) == (120, 120 * 600)
        assert report.lookups == Lookups(memory=240, ordered=120)
        assert report.lookups.hit_rate == pytest.approx(2 / 3)

    async def test_counts_wait_for_a_database_that_is_away(self, settings: Settings) -> None:
        async with cable(urlsplit(settings.mongo.uri or "").port or 0) as line:
            line.cut()
            uri = f"mongodb://127.0.0.1:{line.port}/?directConnection=true&heartbeatFrequencyMS=500"
            cabled = settings.model_copy(
                update={"mongo": settings.mongo.model_copy(update={"uri": uri, "timeout_ms": 200})}
            )
            async with open_serving(cabled, start=False) as away:
                books = office(away)
                books.answer()
                books.usage.looked_up(Lookups(redis=3))
                with pytest.raises(UnavailableError):
                    await books.usage.flush()
                await books.usage.try_flush()
                books.answer()

                async def written() -> bool:
                    with contextlib.suppress(UnavailableError):
                        await books.usage.flush()
                        return True
                    return False

                line.mend()
                await until(written, "the database to take the counts")
                report = await books.usage.report(DAY, DAY)

        assert (report.totals.calls, report.lookups) == (2, Lookups(redis=3))

    async def test_what_was_counted_last_is_written_when_a_process_ends(
        self, resources: ServingResources, settings: Settings
    ) -> None:
        async with open_serving(settings, start=False) as ending:
            ending.usage.answered(
                TextSource.OPENAI, "gpt-5-mini", Purpose.INSIGHT, input_tokens=4, output_tokens=2, seconds=1.0
            )
            ending.usage.looked_up(Lookups(memory=1))

        report = await resources.usage.report()
        assert (report.totals.calls, report.totals.cost_micros, report.lookups.memory) == (1, 5, 1)

    @pytest.mark.parametrize(("first", "last"), [(NEXT_DAY, DAY), (date(2024, 1, 1), DAY)])
    async def test_a_span_that_is_none_is_refused(self, resources: ServingResources, first: date, last: date) -> None:
        with pytest.raises(BadInputError) as caught:
            await office(resources).usage.report(first, last)
        assert caught.value.field == "from"

    async def test_the_beginning_of_time_is_no_error(self, resources: ServingResources) -> None:
        assert (await office(resources).usage.report(None, date(1, 1, 2))).rows == ()


class TestBudgets:
    async def test_workers_who_ask_at_once_pass_the_limit_by_one_call_at_most(
        self, resources: ServingResources
    ) -> None:
        workers = [office(resources, daily_budget_explain_usd=0.003) for _ in range(4)]

        granted = [one for one in await asyncio.gather(*(worker.reserve() for worker in workers * 5)) if one]

        assert len(granted) == 5, "3000 micro-dollars have room for five calls of 600"
        (budget, *_) = await workers[0].budget.all()
        assert (budget.used_micros, budget.remaining_micros, budget.exhausted) == (3000, 0, True)

    async def test_what_a_call_did_not_take_is_free_again(self, resources: ServingResources) -> None:
        books = office(resources, daily_budget_explain_usd=0.0006)
        first = await books.reserve(output_tokens=10_000)
        assert await books.reserve() is None, "all is set aside"

        await books.budget.settle(first, books.answer(input_tokens=10, output_tokens=10))

        (budget, *_) = await books.budget.all()
        assert (budget.used_micros, budget.remaining_micros) == (60, 540)
        assert await books.reserve() is not None

    async def test_a_purpose_does_not_spend_what_is_anothers(self, resources: ServingResources) -> None:
        books = office(resources, daily_budget_explain_usd=0, daily_budget_insight_usd=1)

        assert await books.reserve(Purpose.EXPLAIN) is None
        assert await books.reserve(Purpose.INSIGHT) is not None
        assert await books.reserve(Purpose.STREAM) is not None, "no limit was set"

    async def test_a_new_day_has_a_new_budget(self, resources: ServingResources) -> None:
        books = office(resources, daily_budget_explain_usd=0.0006)
        await books.reserve()
        await books.budget.refresh()
        assert books.budget.exhausted(Purpose.EXPLAIN)
        assert await books.reserve() is None

        books.day = NEXT_DAY

        assert not books.budget.exhausted(Purpose.EXPLAIN), "known without asking anybody"
        assert await books.reserve() is not None
        await books.budget.refresh()
        assert books.budget.exhausted(Purpose.EXPLAIN)

    async def test_a_redis_that_forgot_what_was_spent_is_told_by_the_books(self, resources: ServingResources) -> None:
        books = office(resources, daily_budget_explain_usd=0.0006)
        granted = await books.reserve()
        cost = books.answer()
        await books.usage.flush()
        await books.budget.settle(granted, cost)

        await resources.stores.redis.delete(resources.stores.keys.llm_spent("EXPLAIN", DAY.isoformat()))
        await books.budget.settle(granted, cost)

        assert await books.reserve() is None
        await books.budget.refresh()
        assert books.budget.exhausted(Purpose.EXPLAIN)

    async def test_without_redis_there_is_no_call_under_a_limit(self, settings: Settings) -> None:
        async with cable(urlsplit(settings.redis.url or "").port or 0) as line, contextlib.AsyncExitStack() as stack:
            url = f"redis://127.0.0.1:{line.port}/0"
            cabled = settings.model_copy(update={"redis": settings.redis.model_copy(update={"url": url})})
            away = await stack.enter_async_context(open_serving(cabled, start=False))
            limited, free = office(away, daily_budget_explain_usd=5), office(away)
            line.cut()

            with pytest.raises(UnavailableError):
                await limited.reserve()
            assert await free.reserve() is not None
            budgets = await limited.budget.all()
            assert [budget.used_micros for budget in budgets] == [0, 0, 0], "by the books alone"
            line.mend()

    async def test_a_model_without_a_price_is_not_asked_under_a_limit_unless_it_is_ones_own(
        self, resources: ServingResources
    ) -> None:
        books = office(resources, daily_budget_explain_usd=5)

        assert await books.reserve(model="unknown") is None
        assert await books.reserve(Purpose.INSIGHT, model="unknown") is not None
        own = await books.budget.reserve(Purpose.EXPLAIN, TextSource.LOCAL, "llama", **CALL)
        assert own is not None

    def test_a_budget_that_could_not_hold_is_refused_at_the_start(self) -> None:
        with pytest.raises(ValidationError, match="price of 'gpt-9' in LLM_PRICES"):
            LlmSettings(provider="openai", openai_model="gpt-9", daily_budget_insight_usd=1)

        LlmSettings(
            provider="openai",
            openai_model="gpt-9",
            daily_budget_insight_usd=1,
            prices={"gpt-9": Price(input=1, output=2)},
        )

    def test_prices_come_from_the_environment_as_json(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LLM_PRICES", '{"tiny": {"input": 0.05, "output": 0.4}}')

        prices = LlmSettings().prices

        assert prices["tiny"].micros(1000, 100) == 90
        assert list(prices) == ["tiny"]
