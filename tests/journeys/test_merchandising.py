"""Staff decides, and the next list obeys: pins, exclusions, boosts, schedules, and the whole way back."""

from __future__ import annotations

import asyncio
import contextlib
import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from graphql_api.relay import decode_id, encode_id
from scoring.ranking.rules import RuleContext
from scoring.types import Scenario
from shop.entities.recommendations import RecommendationRequest
from shop.entities.users import Actor
from shop.resources.serving import open_serving
from tests.fixtures.queries import DELETE_RULE, product_ids
from tests.fixtures.waiting import until
from tests.journeys.test_outages import shop_on_cables

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.settings import Settings
    from tests.fixtures.shop import Shop

STAFF = "demo-staff"
SHOPPER = "household-82"
LIST = """
items {
  rank score propensity exploration
  product { id sku name brand inStock category { id } }
  reasons { kind }
  explanation { evidence { kind } }
}
"""
SAVE = """
mutation ($input: SaveMerchandisingRuleInput!) {
  saveMerchandisingRule(input: $input) {
    rule {
      id name action factor position priority enabled active createdAt updatedAt updatedBy
      target { products { id } categories { id } brands tags }
      scope { scenarios segments languages devices categories { id } }
      schedule { startsAt endsAt weekdays hours }
    }
    userErrors { field code message }
  }
}
"""
RULES = """
query ($first: Int, $after: String, $active: Boolean) {
  merchandisingRules(first: $first, after: $after, active: $active) {
    totalCount nodes { id name active } edges { cursor } pageInfo { hasNextPage endCursor }
  }
}
"""


async def items(shop: Shop, user: str | None = SHOPPER, **wanted: Any) -> list[dict[str, Any]]:
    return list((await shop.listed(LIST, user, **{"limit": 8, **wanted}))["items"])


@contextlib.asynccontextmanager
async def rule(shop: Shop, **input_: Any) -> AsyncIterator[dict[str, Any]]:
    """A rule for the time of a test, so that the others' lists stay as they are."""
    saved = (await shop.data(SAVE, {"input": input_}, STAFF))["saveMerchandisingRule"]
    assert saved["userErrors"] == []
    try:
        yield saved["rule"]
    finally:
        await shop.data(DELETE_RULE, {"id": saved["rule"]["id"]}, STAFF)


async def stranger(shop: Shop, listed: list[str]) -> str:
    """A product in stock that is far from the shopper's list."""
    nodes = await shop.data("{ products(first: 50, sort: NAME_DESC, filter: { inStock: true }) { nodes { id } } }")
    found: list[str] = [node["id"] for node in nodes["products"]["nodes"] if node["id"] not in listed]
    return found[7]


async def test_a_pin_and_an_exclusion_hold_in_the_next_list_and_end_with_their_rules(shop: Shop) -> None:
    before = await items(shop)
    promoted, hidden = await stranger(shop, product_ids(before)), product_ids(before)[0]

    async with (
        rule(shop, action="PIN", target={"productIds": [promoted]}, position=2, name="Autumn") as pin,
        rule(shop, action="EXCLUDE", target={"productIds": [hidden]}),
    ):
        after = await items(shop)

        assert pin["active"]
        assert product_ids(after)[1] == promoted
        assert after[1]["reasons"] == [{"kind": "PROMOTED"}] == after[1]["explanation"]["evidence"]
        assert (after[1]["propensity"], after[1]["exploration"], after[1]["rank"]) == (1.0, False, 2)
        assert all({"kind": "PROMOTED"} not in item["reasons"] for item in after if product_ids([item]) != [promoted])
        assert hidden not in product_ids(after)
        assert len(after) == len(before)

    # what is drawn may have changed meanwhile, by clicks of others
    ranked = [[item for item in listed if not item["exploration"]] for listed in (before, await items(shop))]
    assert product_ids(ranked[0]) == product_ids(ranked[1])


async def test_a_changed_rule_replaces_what_it_was(shop: Shop) -> None:
    listed = product_ids(await items(shop, scenario="POPULAR"))
    promoted = await stranger(shop, listed)
    pin = {"action": "PIN", "target": {"productIds": [promoted]}, "scope": {"scenarios": ["POPULAR"]}}

    async with rule(shop, **pin, position=1) as saved:
        assert product_ids(await items(shop, scenario="POPULAR"))[0] == promoted
        changed = await shop.data(SAVE, {"input": {**pin, "id": saved["id"], "position": 5}}, STAFF)
        moved = await items(shop, scenario="POPULAR")

        assert changed["saveMerchandisingRule"]["rule"]["id"] == saved["id"]
        assert changed["saveMerchandisingRule"]["rule"]["createdAt"] == saved["createdAt"]
        assert product_ids(moved)[4] == promoted
        off = {**pin, "id": saved["id"], "position": 5, "enabled": False}
        assert not (await shop.data(SAVE, {"input": off}, STAFF))["saveMerchandisingRule"]["rule"]["active"]
        assert product_ids(await items(shop, scenario="POPULAR")) == listed


async def test_a_rule_holds_only_within_its_schedule(shop: Shop) -> None:
    hidden = product_ids(await items(shop, scenario="POPULAR"))[0]
    now = datetime.now(UTC)
    hour, day = timedelta(hours=1), timedelta(days=1)
    tomorrow = (now + day).strftime("%A").upper()
    exclude = {"action": "EXCLUDE", "target": {"productIds": [hidden]}}

    for schedule, holds in (
        ({"endsAt": (now - hour).isoformat()}, False),
        ({"startsAt": (now + hour).isoformat()}, False),
        ({"weekdays": [tomorrow]}, False),
        ({"startsAt": (now - hour).isoformat(), "endsAt": (now + hour).isoformat()}, True),
        ({"hours": list(range(24))}, True),
    ):
        async with rule(shop, **exclude, schedule=schedule) as saved:
            assert saved["active"] is holds, schedule
            assert (hidden not in product_ids(await items(shop, scenario="POPULAR"))) is holds, schedule
            for active in (True, False):
                found = (await shop.data(RULES, {"active": active}, STAFF))["merchandisingRules"]
                assert (saved["id"] in [node["id"] for node in found["nodes"]]) is (active is holds), schedule
                assert found["totalCount"] == len(found["nodes"])


async def test_a_rule_keeps_to_its_scope(shop: Shop) -> None:
    listed = await items(shop, scenario="POPULAR")
    product = next(item["product"] for item in listed if item["product"]["category"])
    hidden, category = product["id"], product["category"]["id"]
    exclude = {"action": "EXCLUDE", "target": {"productIds": [hidden]}}
    page = {"categoryId": category, "device": "Mobile", "locale": "de-AT"}

    for scope, context, holds in (
        ({"scenarios": ["TRENDING"]}, {}, False),
        ({"scenarios": ["POPULAR"]}, {}, True),
        ({"categoryIds": [category]}, {}, False),
        ({"categoryIds": [category]}, page, True),
        ({"devices": ["mobile"], "languages": ["de"]}, page, True),
        ({"languages": ["de"]}, {"locale": "en"}, False),
        ({"segments": ["COLD"]}, {}, False),
        ({"segments": ["LIGHT", "HEAVY"]}, {}, True),
    ):
        async with rule(shop, **exclude, scope=scope):
            shown = product_ids(await items(shop, scenario="POPULAR", context=context))
            assert (hidden not in shown) is holds, (scope, context)


async def test_a_boost_lifts_and_burying_sinks(shop: Shop) -> None:
    listed = await items(shop, scenario="POPULAR", limit=20)
    last, first = product_ids(listed)[-1], product_ids(listed)[0]

    async with (
        rule(shop, action="BOOST", target={"productIds": [last]}, factor=100),
        rule(shop, action="BURY", target={"productIds": [first]}, factor=0.01),
    ):
        after = await items(shop, scenario="POPULAR", limit=20)

    assert product_ids(after)[0] == last
    assert first not in product_ids(after)
    assert all(0 <= item["score"] <= 1 for item in after)


async def test_pins_give_way_to_exclusions_filters_stock_and_purchases(shop: Shop) -> None:
    listed = product_ids(await items(shop, scenario="POPULAR"))
    promoted = await stranger(shop, listed)
    user = "household-391"
    last = "query ($id: ID!) { user(id: $id) { interactions(first: 1) { nodes { product { id } } } } }"
    bought = await shop.data(last, {"id": encode_id("User", user)}, STAFF)
    known = bought["user"]["interactions"]["nodes"][0]["product"]["id"]
    pin = {"action": "PIN", "position": 1}

    async with rule(shop, **pin, target={"productIds": [promoted]}):
        assert product_ids(await items(shop))[0] == promoted
        assert promoted not in product_ids(await items(shop, excludeProductIds=[promoted]))
        assert promoted not in product_ids(await items(shop, filter={"maxPrice": "0.01"}))
        async with rule(shop, action="EXCLUDE", target={"productIds": [promoted]}, priority=-5):
            assert promoted not in product_ids(await items(shop))
        await _set_stock(shop, promoted, in_stock=False)
        gone = await items(shop)
        await _set_stock(shop, promoted, in_stock=True)
        assert promoted not in product_ids(gone)
        assert len(gone) == 8
        assert product_ids(await items(shop))[0] == promoted
    async with rule(shop, **pin, target={"productIds": [known]}):
        assert known not in product_ids(await items(shop, user))
        assert product_ids(await items(shop, user, includePurchased=True))[0] == known


async def test_every_process_obeys_at_once_and_the_audit_log_knows_who_decided(shop: Shop) -> None:
    hidden = product_ids(await items(shop, scenario="POPULAR"))[0]
    request = RecommendationRequest(Actor(user_id=SHOPPER), Scenario.POPULAR, limit=8)
    async with (
        open_serving(shop.settings) as other,
        rule(shop, action="EXCLUDE", target={"productIds": [hidden]}) as saved,
    ):
        rule_id = decode_id("MerchandisingRule", saved["id"])

        async def obeyed() -> bool:
            shown = await other.recommendations.recommend(request)
            return decode_id("Product", hidden) not in [item.product.id for item in shown.items]

        await until(obeyed, "the rule in the other process", 10)

    log = shop.resources.stores.database["audit_log"].find({"subject": rule_id}).sort("at", 1)
    entries = await log.to_list(10)
    assert [entry["action"] for entry in entries] == ["saveMerchandisingRule", "deleteMerchandisingRule"]
    assert {entry["actorId"] for entry in entries} == {STAFF}
    assert entries[0]["details"]["after"] == entries[1]["details"]["before"]


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"action": "BOOST", "factor": 1.0}, "factor", "OUT_OF_RANGE"),
        ({"action": "BOOST", "factor": 101}, "factor", "OUT_OF_RANGE"),
        ({"action": "BURY"}, "factor", "OUT_OF_RANGE"),
        ({"action": "EXCLUDE", "factor": 2}, "factor", "INVALID"),
        ({"action": "PIN"}, "position", "OUT_OF_RANGE"),
        ({"action": "PIN", "position": 0}, "position", "OUT_OF_RANGE"),
        ({"action": "PIN", "position": 101}, "position", "OUT_OF_RANGE"),
        ({"action": "EXCLUDE", "position": 3}, "position", "INVALID"),
        ({"action": "PIN", "position": 1, "target": {"brands": ["House Brand"]}}, "target", "INVALID"),
        ({"target": {}}, "target", "REQUIRED"),
        ({"target": {"productIds": ["UHJvZHVjdDpuby1zdWNo"]}}, "target.productIds", "NOT_FOUND"),
        ({"target": {"categoryIds": ["Q2F0ZWdvcnk6bm8tc3VjaA"]}}, "target.categoryIds", "NOT_FOUND"),
        ({"scope": {"categoryIds": ["Q2F0ZWdvcnk6bm8tc3VjaA"]}}, "scope.categoryIds", "NOT_FOUND"),
        ({"scope": {"languages": ["nonsense!"]}}, "scope.languages", "INVALID"),
        (
            {"schedule": {"startsAt": "2026-05-02T00:00:00Z", "endsAt": "2026-05-01T00:00:00Z"}},
            "schedule.endsAt",
            "OUT_OF_RANGE",
        ),
        ({"schedule": {"hours": [24]}}, "schedule.hours", "OUT_OF_RANGE"),
        ({"name": "x" * 201}, "name", "TOO_LONG"),
        ({"id": "TWVyY2hhbmRpc2luZ1J1bGU6bm8tc3VjaA"}, "id", "NOT_FOUND"),
    ],
)
async def test_a_rule_that_cannot_be_meant_is_refused_with_its_field(
    shop: Shop, change: dict[str, Any], field: str, code: str
) -> None:
    bananas = {"action": "EXCLUDE", "target": {"productIds": ["UHJvZHVjdDoxMDgyMTg1"]}}
    before = await shop.data(RULES, {}, STAFF)

    answer = (await shop.data(SAVE, {"input": {**bananas, **change}}, STAFF))["saveMerchandisingRule"]

    assert answer["rule"] is None
    assert [(error["field"], error["code"]) for error in answer["userErrors"]] == [(field, code)]
    assert await shop.data(RULES, {}, STAFF) == before


async def test_a_time_that_no_calendar_has_is_bad_input(shop: Shop) -> None:
    schedule = {"endsAt": "9999-12-31T23:59:59-12:00"}
    input_ = {"action": "EXCLUDE", "target": {"tags": ["none"]}, "schedule": schedule}

    answer = await shop.ask(SAVE, {"input": input_}, STAFF)

    assert answer.code == "BAD_USER_INPUT"
    assert answer.errors[0]["extensions"]["field"] == "schedule.endsAt"


async def test_rules_are_for_staff(shop: Shop) -> None:
    input_ = {"input": {"action": "EXCLUDE", "target": {"tags": ["organic"]}}}
    async with rule(shop, action="BURY", target={"tags": ["organic"]}, factor=0.5) as saved:
        node = "query ($id: ID!) { node(id: $id) { ... on MerchandisingRule { id action target { tags } } } }"

        for query, variables in ((RULES, {}), (SAVE, input_), (DELETE_RULE, {"id": saved["id"]})):
            assert (await shop.ask(query, variables)).code == "UNAUTHENTICATED"
            assert (await shop.ask(query, variables, SHOPPER)).code == "FORBIDDEN"
        assert (await shop.data(node, {"id": saved["id"]}, SHOPPER))["node"] is None
        seen = (await shop.data(node, {"id": saved["id"]}, STAFF))["node"]
        assert seen == {"id": saved["id"], "action": "BURY", "target": {"tags": ["organic"]}}

    assert (await shop.data(node, {"id": saved["id"]}, STAFF))["node"] is None
    again = (await shop.data(DELETE_RULE, {"id": saved["id"]}, STAFF))["deleteMerchandisingRule"]
    assert again == {"deletedId": None, "userErrors": [{"field": "id", "code": "NOT_FOUND"}]}


async def test_rules_are_listed_page_by_page(shop: Shop) -> None:
    async with contextlib.AsyncExitStack() as stack:
        names = [f"rule {number}" for number in range(3)]
        for name in names:
            await stack.enter_async_context(rule(shop, action="EXCLUDE", target={"tags": ["none"]}, name=name))
        seen: list[str] = []
        after = None
        while True:
            page = (await shop.data(RULES, {"first": 2, "after": after}, STAFF))["merchandisingRules"]
            seen += [node["name"] for node in page["nodes"]]
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                break

        assert sorted(seen) == names
        assert page["totalCount"] == 3


async def test_a_list_keeps_to_the_caps(shop: Shop) -> None:
    capped = await items(shop, limit=10, maxPerCategory=1, maxPerBrand=2, diversity=0.0)

    categories = [item["product"]["category"]["id"] for item in capped if item["product"]["category"]]
    brands = [item["product"]["brand"] for item in capped]
    assert len(capped) == 10
    assert len(categories) == len(set(categories)) > 5
    assert all(brands.count(brand) <= 2 for brand in brands if brand)
    assert (await shop.ask("{ recommendations(input: { maxPerBrand: -1 }) { id } }")).code == "BAD_USER_INPUT"


async def test_the_shop_sets_caps_for_all_lists_and_a_request_may_lift_them(stocked: Settings) -> None:
    capped = stocked.model_copy(update={"model": stocked.model.model_copy(update={"max_per_category": 1})})
    request = RecommendationRequest(Actor(user_id=SHOPPER), Scenario.POPULAR, limit=20)
    async with open_serving(capped) as resources:
        usual = await resources.recommendations.recommend(request)
        lifted = await resources.recommendations.recommend(replace(request, max_per_category=0))

    categories = [item.product.category_id for item in usual.items if item.product.category_id]
    assert len(usual.items) == 20
    assert len(categories) == len(set(categories)) > 10
    assert len({item.product.category_id for item in lifted.items}) < len(categories)


async def test_the_text_about_a_pinned_product_says_that_the_shop_chose_it(shop: Shop) -> None:
    promoted = await stranger(shop, product_ids(await items(shop)))
    query = "query ($id: ID!) { explanation(productId: $id) { status text evidence { kind } } }"
    found: dict[str, Any] = {}

    async def written() -> bool:
        found.update((await shop.data(query, {"id": promoted}, SHOPPER))["explanation"] or {})
        return found.get("status") == "READY"

    async with rule(shop, action="PIN", target={"productIds": [promoted]}, position=1):
        await items(shop)
        await until(written, "the explanation", 20)

    assert found["evidence"] == [{"kind": "PROMOTED"}]
    assert "shop" in found["text"].lower()


async def test_what_is_out_of_stock_never_makes_a_list_short(shop: Shop) -> None:
    """Even if the best dozens of products have gone, in every scenario; and they come back when they do."""
    before = await items(shop, scenario="POPULAR", limit=60)
    gone = set(product_ids(before))
    for product_id in gone:
        await _set_stock(shop, product_id, in_stock=False)
    try:
        short = await items(shop, scenario="POPULAR", limit=20)
        waiting = await items(shop, scenario="POPULAR", limit=20, filter={"inStock": False})
        personal = await items(shop, limit=20, filter={"inStock": True})
    finally:
        for product_id in gone:
            await _set_stock(shop, product_id, in_stock=True)

    assert len(short) == len(personal) == 20
    assert not gone & {*product_ids(short), *product_ids(personal)}
    assert len(waiting) == 20
    assert set(product_ids(waiting)) <= gone
    assert product_ids(await items(shop, scenario="POPULAR", limit=60)) == product_ids(before)


async def test_an_exclusion_holds_on_product_pages_too(shop: Shop) -> None:
    node = (await shop.data("{ products(first: 1) { nodes { id } } }"))["products"]["nodes"][0]
    query = "query ($id: ID!) { product(id: $id) { similar(first: 5) { id } boughtTogether(first: 5) { id } } }"

    async def near(field: str) -> list[str]:
        return [one["id"] for one in (await shop.data(query, {"id": node["id"]}))["product"][field]]

    for field, scenario in (("similar", "SIMILAR"), ("boughtTogether", "BOUGHT_TOGETHER")):
        before = await near(field)
        scope = {"scenarios": [scenario]}
        async with rule(shop, action="EXCLUDE", target={"productIds": before[:1]}, scope=scope):
            after = await near(field)
        assert after[: len(before) - 1] == before[1:]
        assert before[0] not in after


async def test_without_redis_a_rule_holds_here_at_once_and_elsewhere_by_the_poll(
    stocked: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shop.resources.serving._POLL_SECONDS", 0.05)
    request = RecommendationRequest(Actor(user_id=SHOPPER), Scenario.POPULAR, limit=8)
    async with shop_on_cables(stocked) as (shop, _, redis), open_serving(stocked) as other:
        hidden = product_ids(await items(shop, scenario="POPULAR"))[0]
        redis.cut()
        async with rule(shop, action="EXCLUDE", target={"productIds": [hidden]}):
            assert hidden not in product_ids(await items(shop, scenario="POPULAR"))

            async def polled() -> bool:
                shown = await other.recommendations.recommend(request)
                return decode_id("Product", hidden) not in [item.product.id for item in shown.items]

            await until(polled, "the other process to poll", 10)


async def test_without_mongodb_rules_still_hold_and_a_change_says_that_it_was_not_stored(stocked: Settings) -> None:
    async with shop_on_cables(stocked) as (shop, mongo, _):
        hidden = product_ids(await items(shop, scenario="POPULAR"))[0]
        exclude = {"action": "EXCLUDE", "target": {"productIds": [hidden]}}
        async with rule(shop, **exclude) as saved:
            mongo.cut()
            away = product_ids(await items(shop, scenario="POPULAR"))
            refused = await shop.ask(SAVE, {"input": {**exclude, "id": saved["id"], "enabled": False}}, STAFF)
            mongo.mend()

            async def answers() -> bool:
                return not (await shop.ask(RULES, {}, STAFF)).errors

            await until(answers, "MongoDB", 20)
            stored = (await shop.data(RULES, {"active": True}, STAFF))["merchandisingRules"]["nodes"]

            assert hidden not in away
            assert refused.code == "UNAVAILABLE"
            assert refused.errors[0]["extensions"]["retryable"] is True
            assert [node["id"] for node in stored] == [saved["id"]]


async def test_changes_at_the_same_time_are_all_in_the_audit_log(shop: Shop) -> None:
    target = {"action": "EXCLUDE", "target": {"tags": ["none"]}}
    async with rule(shop, **target) as saved:
        names = {f"name {number}" for number in range(6)}
        inputs = [{**target, "id": saved["id"], "name": name} for name in names]

        await asyncio.gather(*(shop.data(SAVE, {"input": input_}, STAFF) for input_ in inputs))

        rule_id = decode_id("MerchandisingRule", saved["id"])
        database = shop.resources.stores.database
        entries = await database["audit_log"].find({"subject": rule_id}).to_list(20)
        left = await database["merchandising_rules"].find_one({"_id": rule_id})
        assert {entry["details"]["after"]["name"] for entry in entries} == {"", *names}
        assert left is not None
        assert left["name"] in names


async def test_rules_are_found_anew_in_a_new_model(shop: Shop) -> None:
    """The same product lies in another row of the next model."""
    model = shop.resources.models.require()
    turned = copy.copy(model.recommender)
    turned.index = replace(turned.index, ids=turned.index.ids[::-1])
    turned.index_of = {id_: row for row, id_ in enumerate(turned.index.ids)}
    swapped = replace(model, snapshot=replace(model.snapshot, version="next"), recommender=turned)
    product = model.recommender.catalogue_ids[3]

    async with rule(shop, action="EXCLUDE", target={"productIds": [encode_id("Product", product)]}):
        rows = []
        for one in (model, swapped, model):
            ruling = shop.resources.merchandising.apply(one, RuleContext(Scenario.POPULAR)).ruling()
            assert ruling is not None
            rows.append(np.flatnonzero(ruling.excluded).tolist())

    assert rows == [[3], [len(turned.index) - 4], [3]]


async def _set_stock(shop: Shop, product_id: str, *, in_stock: bool) -> None:
    catalog = shop.resources.catalog
    id_ = decode_id("Product", product_id)
    product = (await catalog.get_many([id_]))[id_]
    await catalog.upsert([replace(product, in_stock=in_stock)])
