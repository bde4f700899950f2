"""Events as pages send them: by id or SKU, once and again, answered as they are stored, and with warnings."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from graphql_api.relay import encode_id
from shop.entities.catalog import Product
from shop.entities.events import Topic
from tests.fixtures.queries import DELETE_RULE, TRACK, TRACK_SEVERAL, UPSERT, new_user, product_ids, products_in_stock

if TYPE_CHECKING:
    from tests.fixtures.shop import Shop

EVENTS = """
{ viewer { interactions(first: 100) {
  totalCount
  nodes { id type at quantity rating orderId price { amount currencyCode } product { id } }
} } }
"""


async def track(shop: Shop, user: str | None, session: str | None = None, **event: Any) -> dict[str, Any]:
    input_ = {"interaction": event, **({"sessionId": session} if session else {})}
    return dict((await shop.data(TRACK, {"input": input_}, user))["trackInteraction"])


async def done(shop: Shop, user: str) -> list[dict[str, Any]]:
    """What the shop has stored of a user, newest first."""
    return list((await shop.data(EVENTS, user=user))["viewer"]["interactions"]["nodes"])


async def pushed(shop: Shop, user: str, after: str) -> int:
    """How often open pages of the user were told of events since then."""
    log = shop.resources.stores.event_log
    events = await log.between(after, await log.newest_id())
    return sum(event.topic is Topic.INTERACTION and event.subject == f"u:{user}" for event in events)


def codes(problems: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(problem["field"], problem["code"]) for problem in problems]


async def test_the_answer_is_what_is_stored(shop: Shop) -> None:
    user = await new_user(shop)
    (product,) = await products_in_stock(shop)

    answer = await track(
        shop,
        user,
        productId=product,
        type="PURCHASE",
        at="2024-03-01T13:00:00.123456+01:00",
        quantity=2.5,
        price="3.5",
        orderId=" o-1\u00a0",
    )

    assert (answer["userErrors"], answer["warnings"]) == ([], [])
    assert [answer["interaction"]] == await done(shop, user)
    assert answer["interaction"]["at"] == "2024-03-01T12:00:00.123000+00:00"
    assert answer["interaction"]["orderId"] == "o-1"
    assert answer["interaction"]["price"] == {"amount": "3.50", "currencyCode": "USD"}


async def test_a_rating_is_kept_and_can_be_read(shop: Shop) -> None:
    user = await new_user(shop)
    (product,) = await products_in_stock(shop)

    without = await track(shop, user, productId=product, type="RATING")
    rated = await track(shop, user, productId=product, type="RATING", rating=3.5)

    assert codes(without["userErrors"]) == [("interaction.rating", "REQUIRED")]
    assert rated["interaction"]["rating"] == 3.5
    assert [event["rating"] for event in await done(shop, user)] == [3.5]


@pytest.mark.parametrize(
    ("event", "field", "code"),
    [
        ({"at": "2024-03-01T12:00:00"}, "at", "INVALID"),
        ({"at": "0001-01-01T00:00:00+14:00"}, "at", "OUT_OF_RANGE"),
        ({"price": "3.499", "currencyCode": "EUR"}, "price", "TOO_PRECISE"),
        ({"price": "1", "currencyCode": "ZZZ"}, "currencyCode", "INVALID"),
        ({"quantity": 0}, "quantity", "OUT_OF_RANGE"),
        ({"productId": "no-id"}, "productId", "INVALID"),
        ({"productId": None}, "productId", "REQUIRED"),
        ({"productSku": "also-a-sku"}, "productId", "INVALID"),
        ({"productId": None, "productSku": "no-such-sku"}, "productSku", "NOT_FOUND"),
        ({"productId": None, "productSku": " "}, "productSku", "NOT_FOUND"),
    ],
)
async def test_one_bad_event_is_named_and_the_good_one_is_stored(
    shop: Shop, event: dict[str, Any], field: str, code: str
) -> None:
    (product,) = await products_in_stock(shop)
    good = {"productId": product, "type": "VIEW"}

    answer = await shop.data(
        TRACK_SEVERAL, {"input": {"sessionId": "by-rule", "interactions": [{**good, **event}, good]}}
    )

    assert codes(answer["trackInteractions"]["userErrors"]) == [(f"interactions.0.{field}", code)]
    assert [one["product"]["id"] for one in answer["trackInteractions"]["interactions"]] == [product]


async def test_a_time_without_a_zone_says_what_to_write(shop: Shop) -> None:
    (product,) = await products_in_stock(shop)

    answer = await track(shop, None, "zone", productId=product, type="VIEW", at="2024-03-01T12:00:00")

    assert "2026-03-01T12:00:00Z" in answer["userErrors"][0]["message"]
    schedule = {"startsAt": "2024-03-01T12:00:00"}
    save = "mutation ($input: SaveMerchandisingRuleInput!) { saveMerchandisingRule(input: $input) { rule { id } } }"
    rule = {"action": "EXCLUDE", "target": {"productIds": [product]}, "schedule": schedule}
    refused = await shop.ask(save, {"input": rule}, "demo-staff")
    assert refused.code == "BAD_USER_INPUT"
    assert refused.errors[0]["extensions"]["field"] == "schedule.startsAt"


async def test_a_page_that_knows_skus_needs_no_look_up(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    user = await new_user(shop)
    name = f"sku-{uuid4().hex[:8]}"
    dress = Product(f"{name}-id", name, "Dress", variant_skus=(f"{name}-S", f"{name}-M"))
    await shop.resources.stores.catalog.upsert([dress])
    asked: list[set[str]] = []
    by_skus = type(shop.resources.stores.catalog).by_skus

    async def counted(store: Any, skus: Any) -> dict[str, Product]:
        asked.append(set(skus))
        return await by_skus(store, skus)

    monkeypatch.setattr(type(shop.resources.stores.catalog), "by_skus", counted)
    events = [{"productSku": sku, "type": "VIEW"} for sku in (name, f" {name}-S", f"{name}-M")]

    answer = await shop.data(TRACK_SEVERAL, {"input": {"interactions": events}}, user)

    assert answer["trackInteractions"]["userErrors"] == []
    stored = [one["product"]["id"] for one in answer["trackInteractions"]["interactions"]]
    assert stored == [encode_id("Product", dress.id)] * 3
    assert asked == [{name, f"{name}-S", f"{name}-M"}], "one look-up for the batch"


async def test_lists_take_skus(shop: Shop) -> None:
    nodes = (await shop.data("{ products(first: 1, filter: { inStock: true }) { nodes { id sku } } }"))["products"][
        "nodes"
    ]
    (seed,) = nodes
    fields = "items { product { id sku } }"

    by_id = await shop.listed(fields, scenario="SIMILAR", productIds=[seed["id"]], sessionId="by-id", limit=4)
    by_sku = await shop.listed(fields, scenario="SIMILAR", productSkus=[seed["sku"]], sessionId="by-id", limit=4)
    both = await shop.listed(
        fields,
        scenario="SIMILAR",
        productIds=[seed["id"]],
        productSkus=[f" {seed['sku']} "],
        sessionId="by-id",
        limit=4,
    )
    left_out = by_id["items"][0]["product"]
    without = await shop.listed(
        fields,
        scenario="SIMILAR",
        productSkus=[seed["sku"]],
        excludeProductSkus=[left_out["sku"], "gone-long-ago"],
        sessionId="by-id",
        limit=4,
    )

    assert product_ids(by_sku["items"]) == product_ids(by_id["items"]) == product_ids(both["items"])
    assert left_out["id"] not in product_ids(without["items"])
    unknown = await shop.ask('{ recommendations(input: { scenario: SIMILAR, productSkus: ["nope"] }) { id } }')
    assert unknown.code == "NOT_FOUND"
    assert unknown.errors[0]["extensions"]["field"] == "productSkus"
    assert "SKU 'nope'" in unknown.errors[0]["message"]


async def test_sending_an_event_again_tells_nobody_and_gives_what_is_stored(shop: Shop) -> None:
    user = await new_user(shop)
    (product,) = await products_in_stock(shop)
    event: dict[str, Any] = {"productId": product, "type": "PURCHASE", "key": "once", "quantity": 2, "price": "3.50"}
    start = await shop.resources.stores.event_log.newest_id()

    first = await track(shop, user, **event)
    head = await shop.resources.stores.sessions.head(f"u:{user}")
    again = await track(shop, user, **event)
    timed = await track(shop, user, **event, at=first["interaction"]["at"])

    assert first["interaction"] == again["interaction"] == timed["interaction"]
    assert again["userErrors"] == []
    assert await pushed(shop, user, start) == 1
    assert await shop.resources.stores.sessions.head(f"u:{user}") == head


@pytest.mark.parametrize(
    "other",
    [
        {"type": "LIKE"},
        {"quantity": 3},
        {"price": "3.51"},
        {"currencyCode": "EUR"},
        {"orderId": "o-2"},
        {"at": "2024-03-01T12:00:00Z"},
    ],
)
async def test_another_event_under_the_same_key_is_a_conflict_and_changes_nothing(
    shop: Shop, other: dict[str, Any]
) -> None:
    user = await new_user(shop)
    shown = await shop.listed("id items { product { id } }", user, limit=3)
    bought, second, third = product_ids(shown["items"])
    event: dict[str, Any] = {
        "productId": bought,
        "type": "PURCHASE",
        "key": "k",
        "quantity": 2,
        "price": "3.50",
        "orderId": "o-1",
    }
    await track(shop, user, **event)
    before = await done(shop, user)
    start = await shop.resources.stores.event_log.newest_id()
    head = await shop.resources.stores.sessions.head(f"u:{user}")

    answer = await track(shop, user, **{**event, **other})
    product = await track(shop, user, **{**event, "productId": second, "recommendationId": shown["id"]})
    batch = [{**event, "productId": third}, {"productId": third, "type": "VIEW", "key": "fresh"}]
    several = (await shop.data(TRACK_SEVERAL, {"input": {"interactions": batch}}, user))["trackInteractions"]

    assert answer["interaction"] is None
    assert codes(answer["userErrors"]) == codes(product["userErrors"]) == [("interaction.key", "CONFLICT")]
    assert codes(several["userErrors"]) == [("interactions.0.key", "CONFLICT")]
    assert len(several["interactions"]) == 1
    assert (await done(shop, user))[1:] == before
    assert await pushed(shop, user, start) == 1, "the fresh one alone"
    assert await shop.resources.stores.sessions.head(f"u:{user}") != head
    after = product_ids((await shop.listed("items { product { id } }", user, limit=5))["items"])
    assert bought not in after
    await shop.resources.stores.recommendation_log.flush()
    await shop.resources.bandit.flush()
    logged = await shop.resources.stores.database["recommendations_log"].find_one({"_id": shown["id"]})
    assert logged is not None
    assert not [item for item in logged["items"] if "rewardedAt" in item], "nothing was credited"


async def test_of_requests_at_the_same_time_one_is_told_and_all_get_the_same(shop: Shop) -> None:
    user = await new_user(shop)
    (product,) = await products_in_stock(shop)
    start = await shop.resources.stores.event_log.newest_id()
    event: dict[str, Any] = {"productId": product, "type": "LIKE", "key": "tap"}

    answers = await asyncio.gather(*(track(shop, user, **event) for _ in range(8)))

    assert all(answer["interaction"] == answers[0]["interaction"] for answer in answers)
    assert [answer["interaction"] for answer in answers[:1]] == await done(shop, user)
    assert await pushed(shop, user, start) == 1


async def test_of_different_events_at_the_same_time_one_is_stored(shop: Shop) -> None:
    user = await new_user(shop)
    (product,) = await products_in_stock(shop)
    start = await shop.resources.stores.event_log.newest_id()

    answers = await asyncio.gather(
        *(track(shop, user, productId=product, type="PURCHASE", key="k", quantity=number) for number in range(1, 6))
    )

    (stored,) = await done(shop, user)
    assert [answer["interaction"] for answer in answers if answer["interaction"]] == [stored]
    assert sum(codes(answer["userErrors"]) == [("interaction.key", "CONFLICT")] for answer in answers) == 4
    assert await pushed(shop, user, start) == 1


async def test_a_list_that_cannot_be_credited_gets_a_warning(shop: Shop) -> None:
    user, other = await new_user(shop), await new_user(shop)
    own = await shop.listed("id items { product { id } }", user, limit=1)
    foreign = await shop.listed("id", other, limit=1)
    (product,) = product_ids(own["items"])

    credited = await track(shop, user, productId=product, type="CLICK", recommendationId=own["id"])
    unknown = await track(shop, user, productId=product, type="VIEW", recommendationId="no-such-list")
    others = await track(shop, user, productId=product, type="CLICK", recommendationId=foreign["id"])

    assert credited["warnings"] == []
    assert codes(unknown["warnings"]) == [("interaction.recommendationId", "NOT_FOUND")]
    assert codes(others["warnings"]) == [("interaction.recommendationId", "FORBIDDEN")]
    assert len(await done(shop, user)) == 3, "the events are stored all the same"


async def test_brands_and_tags_that_no_product_has_get_a_warning(shop: Shop) -> None:
    user = await new_user(shop)
    known = {"sku": f"labels-{uuid4().hex[:8]}", "name": "Cup", "brand": "Known & Co", "tags": ["known tag"]}
    await shop.data(UPSERT, {"input": {"products": [known]}}, "demo-staff")
    update = """
    mutation ($input: UpdatePreferencesInput!) {
      updatePreferences(input: $input) {
        user { preferences { brands tags } } userErrors { field code } warnings { field code message }
      }
    }
    """
    stated = {"brands": ["Known &amp; Co", "Unheard Of"], "tags": ["known  tag", "unheard of"]}
    save = """
    mutation ($input: SaveMerchandisingRuleInput!) {
      saveMerchandisingRule(input: $input) {
        rule { id target { brands tags } } userErrors { field } warnings { field code }
      }
    }
    """
    rule = {"action": "EXCLUDE", "target": stated, "enabled": False}

    preferences = (await shop.data(update, {"input": stated}, user))["updatePreferences"]
    ruled = (await shop.data(save, {"input": rule}, "demo-staff"))["saveMerchandisingRule"]
    await shop.data(DELETE_RULE, {"id": ruled["rule"]["id"]}, "demo-staff")

    kept = {"brands": ["Known & Co", "Unheard Of"], "tags": ["known tag", "unheard of"]}
    assert preferences["user"]["preferences"] == kept, "they are stored all the same, as products have them"
    assert codes(preferences["warnings"]) == [("brands", "NOT_FOUND"), ("tags", "NOT_FOUND")]
    assert ruled["rule"]["target"] == kept
    assert codes(ruled["warnings"]) == [("target.brands", "NOT_FOUND"), ("target.tags", "NOT_FOUND")]
