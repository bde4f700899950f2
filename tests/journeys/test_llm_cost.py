"""A shop whose texts a paid model writes: asking again is free, the budget holds, and staff see what it cost."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from shop.settings import LlmSettings
from tests.fixtures.llm_server import llm_server
from tests.fixtures.shop import open_shop, variant
from tests.fixtures.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.settings import Settings
    from tests.fixtures.llm_server import LlmServer
    from tests.fixtures.shop import Shop

STAFF = "demo-staff"
LIST = "degraded items { product { name } explanation { status source } }"
USAGE = """
query ($from: Date, $to: Date, $groupBy: [LlmUsageDimension!]) {
  llmUsage(from: $from, to: $to, groupBy: $groupBy) {
    from to
    rows {
      day provider model purpose calls failures inputTokens outputTokens seconds priced
      cost { amount currencyCode }
    }
    totals { calls cost { amount } }
    budgets { purpose limit { amount } used { amount } remaining { amount } exhausted }
    cache { hits misses hitRate inMemory }
  }
}
"""
COST = 321 + 5 * 45  # micro-dollars: what the server says a call took, at 1 and 5 dollars per million tokens


@dataclass
class PaidShop:
    """The stocked shop with a paid model of its own, whose name no other test uses."""

    shop: Shop
    server: LlmServer
    model: str

    async def listed(self, user: str, limit: int = 3) -> dict[str, Any]:
        return await self.shop.listed(LIST, user, limit=limit)

    async def explained(self, user: str, limit: int = 3) -> dict[str, Any]:
        """The list once all its texts are there."""
        shown: dict[str, Any] = {}

        async def ready() -> bool:
            nonlocal shown
            shown = await self.listed(user, limit)
            return {item["explanation"]["status"] for item in shown["items"]} == {"READY"}

        await until(ready, "the explanations")
        return shown

    async def usage(self, **variables: Any) -> dict[str, Any]:
        found = dict((await self.shop.data(USAGE, variables, STAFF))["llmUsage"])
        return {**found, "rows": [row for row in found["rows"] if row["model"] in {self.model, None}]}

    async def found(self, place: str) -> float:
        """How many explanations this shop's API has found there; the report counts the database's other shops, too."""
        return await self.metric("whybuy_explanation_lookups_total", found=place)

    async def metric(self, name: str, **labels: str) -> float:
        async with self.shop.http.get(f"{self.shop.url}/metrics") as response:
            text = await response.text()
        wanted = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
        found = re.search(rf"^{name}{{{re.escape(wanted)}}} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0


@contextlib.asynccontextmanager
async def paid_shop(stocked: Settings, **llm: Any) -> AsyncIterator[PaidShop]:
    name = f"paid-{uuid4().hex[:8]}"
    async with llm_server() as server:
        values = {
            "provider": "anthropic",
            "anthropic_model": name,
            "ANTHROPIC_API_KEY": "secret-key",
            "anthropic_base_url": server.url,
            "prices": {name: {"input": 1, "output": 5}},
        }
        settings = variant(stocked, own_keys=name, llm=LlmSettings.model_validate(values | llm))
        async with open_shop(settings, with_worker=True) as shop:
            yield PaidShop(shop, server, name)


async def test_asking_for_the_same_list_again_costs_nothing(stocked: Settings) -> None:
    async with paid_shop(stocked) as paid:
        before = (await paid.usage())["cache"]
        first = await paid.explained("household-82")
        asked, after_first = len(paid.server.received), await paid.usage()
        in_memory = await paid.found("memory")

        second = await paid.listed("household-82")
        after_second = await paid.usage()

        assert {item["explanation"]["source"] for item in first["items"]} == {"ANTHROPIC"}
        assert second["items"] == first["items"]
        assert first["degraded"] == []
        assert len(paid.server.received) == asked >= 1
        assert after_second["rows"] == after_first["rows"] != []
        assert await paid.found("ordered") == 3
        assert await paid.found("memory") - in_memory == 3
        earlier, cache = after_first["cache"], after_second["cache"]
        assert cache["misses"] - before["misses"] >= 3
        assert min(cache[name] - earlier[name] for name in ("hits", "inMemory")) >= 3
        assert cache["hitRate"] == pytest.approx(cache["hits"] / (cache["hits"] + cache["misses"]))


async def test_staff_see_what_each_day_provider_model_and_purpose_cost(stocked: Settings) -> None:
    async with paid_shop(stocked) as paid:
        await paid.explained("household-82")
        calls = len(paid.server.received)

        everything = await paid.usage()
        by_purpose = await paid.usage(groupBy=["PURPOSE"])
        past = await paid.usage(**{"from": "2020-01-01", "to": "2020-01-31"})

        (row,) = [one for one in everything["rows"] if one["model"] == paid.model]
        assert row.pop("seconds") > 0
        assert Decimal(row.pop("cost")["amount"]) == Decimal(calls * COST) / 1_000_000
        assert row == {
            "day": everything["to"],
            "provider": "ANTHROPIC",
            "model": paid.model,
            "purpose": "EXPLAIN",
            "calls": calls,
            "failures": 0,
            "inputTokens": 321 * calls,
            "outputTokens": 45 * calls,
            "priced": True,
        }
        assert ("EXPLAIN", None, None) in {(one["purpose"], one["model"], one["day"]) for one in by_purpose["rows"]}
        assert by_purpose["totals"]["calls"] == everything["totals"]["calls"] >= calls
        assert (past["rows"], past["totals"]["calls"], past["cache"]["hitRate"]) == ([], 0, None)
        assert [(one["purpose"], one["limit"], one["exhausted"]) for one in everything["budgets"]] == [
            ("EXPLAIN", None, False),
            ("INSIGHT", None, False),
            ("STREAM", None, False),
        ]

        labels = {"provider": "ANTHROPIC", "model": paid.model, "purpose": "EXPLAIN"}
        assert await paid.metric("whybuy_llm_calls_total", **labels) == calls
        assert await paid.metric("whybuy_llm_cost_usd_total", **labels) == pytest.approx(calls * COST / 1e6)
        assert await paid.metric("whybuy_llm_input_tokens_total", **labels) == 321 * calls
        assert await paid.found("ordered") >= 3

        document = (Path(__file__).parents[2] / "docs/cost.md").read_text()
        (documented,) = re.findall(r"```graphql\n(.*?)```", document, re.DOTALL)
        assert (await paid.shop.data(documented, user=STAFF))["llmUsage"]["totals"]["calls"] >= calls

        for user, code in (("household-82", "FORBIDDEN"), (None, "UNAUTHENTICATED")):
            assert (await paid.shop.ask(USAGE, user=user)).code == code
        backwards = await paid.shop.ask(USAGE, {"from": "2026-02-02", "to": "2026-02-01"}, STAFF)
        assert backwards.code == "BAD_USER_INPUT"


async def test_when_the_budget_is_used_up_the_template_writes_and_lists_say_so(stocked: Settings) -> None:
    # Given a budget of a hundredth of a cent on top of what other shops of this database have spent today
    async with paid_shop(stocked) as other:
        used = {one["purpose"]: Decimal(one["used"]["amount"]) for one in (await other.usage())["budgets"]}
    limit = used["EXPLAIN"] + Decimal("0.0001")

    async with paid_shop(stocked, daily_budget_explain_usd=float(limit)) as paid:
        # When one list has used it up
        first = await paid.explained("household-82")
        assert {item["explanation"]["source"] for item in first["items"]} == {"ANTHROPIC"}
        asked = len(paid.server.received)

        async def told() -> bool:
            return "LLM_BUDGET" in (await paid.listed("household-82"))["degraded"]

        await until(told, "the list to say that the budget is used up")

        # Then the next shopper's texts come from the template, and what was written stays
        second = await paid.explained("household-391")
        assert {item["explanation"]["source"] for item in second["items"]} == {"TEMPLATE"}
        assert second["degraded"] == ["LLM_BUDGET"]
        assert len(paid.server.received) == asked
        assert (await paid.listed("household-82"))["items"] == first["items"]

        budget = (await paid.usage())["budgets"][0]
        assert (budget["purpose"], budget["exhausted"]) == ("EXPLAIN", True)
        assert Decimal(budget["limit"]["amount"]) == limit
        assert Decimal(budget["used"]["amount"]) == used["EXPLAIN"] + Decimal(asked * COST) / 1_000_000
        assert Decimal(budget["remaining"]["amount"]) == 0
        assert await paid.metric("whybuy_llm_budget_limit_usd", purpose="EXPLAIN") == pytest.approx(float(limit))
        assert await paid.metric("whybuy_llm_budget_used_usd", purpose="EXPLAIN") >= float(limit)
