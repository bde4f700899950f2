"""Orders that Shopify and WooCommerce tell of: purchases of their shopper, once, until they are taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pydantic import SecretStr

from graphql_api.relay import encode_id
from scoring.types import EventType
from shop.entities.catalog import Money
from shop.entities.interactions import Interaction
from shop.entities.privacy import Shopper
from shop.entities.users import Actor
from shop.settings import WebhookSettings
from shop.webhooks.shopify import pseudonym
from tests.fixtures.queries import product_ids
from tests.fixtures.shop import open_shop, variant
from tests.graphql_api.webhooks.messages import (
    SECRET,
    number,
    shopify,
    shopify_order,
    shopify_product,
    woocommerce,
    woocommerce_order,
    woocommerce_product,
)

if TYPE_CHECKING:
    import pytest

    from shop.settings import Settings
    from tests.fixtures.shop import Shop

HISTORY = """
query ($id: ID!) { user(id: $id) { role email interactions(first: 100) { nodes {
  type at quantity orderId price { amount currencyCode } product { id } excluded
} } } }
"""


async def history(shop: Shop, user: int | str) -> list[dict[str, Any]]:
    answer = await shop.data(HISTORY, {"id": encode_id("User", str(user))}, "demo-staff")
    return list(answer["user"]["interactions"]["nodes"]) if answer["user"] else []


async def stocked_product(shop: Shop) -> dict[str, Any]:
    product = shopify_product(number())
    assert (await shopify(shop, "products/create", product)).outcome == "DONE"
    return product


async def test_a_paid_order_is_a_purchase_once_however_often_it_is_told(told: Shop) -> None:
    product, id_, customer = await stocked_product(told), number(), number()
    order = shopify_order(id_, product, customer)

    answers = [
        await shopify(told, topic, {**order, "updated_at": f"2026-01-0{day}T10:00:00Z"})
        for day, topic in enumerate(("orders/create", "orders/paid", "orders/updated"), start=4)
    ]

    assert [(one.outcome, one.problems) for one in answers] == [("DONE", [])] * 3
    assert await history(told, customer) == [
        {
            "type": "PURCHASE",
            "at": "2026-01-03T09:00:00+00:00",
            "quantity": 2,
            "orderId": f"#{id_}",
            "price": {"amount": "52.00", "currencyCode": "EUR"},
            "product": {"id": encode_id("Product", product["handle"])},
            "excluded": False,
        }
    ]
    account = (await told.data(HISTORY, {"id": encode_id("User", str(customer))}, "demo-staff"))["user"]
    assert (account["role"], account["email"]) == ("SHOPPER", None)


async def test_a_cancelled_order_counts_no_longer(told: Shop) -> None:
    product, id_, customer = await stocked_product(told), number(), number()
    order = shopify_order(id_, product, customer)
    await shopify(told, "orders/create", order)

    cancelled = {**order, "cancelled_at": "2026-01-05T10:00:00Z", "updated_at": "2026-01-05T10:00:00Z"}
    answer = await shopify(told, "orders/cancelled", cancelled)
    late = await shopify(told, "orders/updated", {**order, "updated_at": "2026-01-04T10:00:00Z"})

    assert (answer.outcome, late.outcome) == ("DONE", "STALE")
    assert [event["excluded"] for event in await history(told, customer)] == [True]


async def test_an_order_that_is_taken_back_and_then_not_counts_again(told: Shop) -> None:
    id_, product, customer = number(), number(), number()
    await woocommerce(told, "product.created", woocommerce_product(product))
    order = woocommerce_order(id_, product, customer)

    async def told_of(status: str, day: int) -> list[bool]:
        message = {**order, "status": status, "date_modified_gmt": f"2026-01-{day:02}T10:00:00"}
        assert (await woocommerce(told, "order.updated", message)).problems == []
        return [event["excluded"] for event in await history(told, customer)]

    assert await told_of("pending", 3) == []
    assert await told_of("processing", 4) == [False]
    assert await told_of("cancelled", 5) == [True]
    assert await told_of("completed", 6) == [False]
    (event,) = await history(told, customer)
    assert event["price"] == {"amount": "4.50", "currencyCode": "EUR"}, "computed, and rounded to its currency"
    assert event["quantity"] == 3


async def test_an_order_that_was_cancelled_before_it_came_leaves_nothing(told: Shop) -> None:
    product, customer = await stocked_product(told), number()

    for changes in ({"financial_status": "refunded"}, {"cancelled_at": "2026-01-05T10:00:00Z"}, {"test": True}):
        await shopify(told, "orders/create", shopify_order(number(), product, customer, **changes))

    assert await history(told, customer) == []


async def test_a_guest_is_the_visit_that_the_cart_names_or_nobody(told: Shop) -> None:
    product, visit = await stocked_product(told), uuid4().hex
    attributes = [{"name": "gift", "value": "yes"}, {"name": "whybuy_session_id", "value": visit}]

    nobody = await shopify(told, "orders/create", shopify_order(number(), product, None))
    guest = await shopify(told, "orders/create", shopify_order(number(), product, None, note_attributes=attributes))

    shown = await told.listed("items { product { id } }", sessionId=visit, scenario="BUY_AGAIN")
    assert (nobody.outcome, guest.outcome) == ("IGNORED", "DONE")
    assert await told.resources.interactions.count(Actor(session_id=visit)) == 1
    assert product_ids(shown["items"]) == [], "a product that the model has not met"


async def test_a_visit_that_an_order_names_becomes_the_customers(told: Shop) -> None:
    id_, product, customer, visit = number(), number(), number(), uuid4().hex
    await woocommerce(told, "product.created", woocommerce_product(product))
    event = {"productSku": f"TH-{product}", "type": "VIEW"}
    track = "mutation ($i: TrackInteractionInput!) { trackInteraction(input: $i) { userErrors { code } } }"
    await told.data(track, {"i": {"sessionId": visit, "interaction": event}})
    meta = [{"key": "_whybuy_session_id", "value": visit}]

    await woocommerce(told, "order.created", woocommerce_order(id_, product, customer, meta_data=meta))

    assert sorted(event["type"] for event in await history(told, customer)) == ["PURCHASE", "VIEW"]


async def test_what_is_not_known_is_left_out_beside_what_is(told: Shop) -> None:
    product, customer = await stocked_product(told), number()
    lines = shopify_order(1, product, customer)["line_items"]
    order = shopify_order(number(), product, customer)
    order["line_items"] = [
        {"id": 1, "product_id": number(), "sku": "no-such", "quantity": 1, "price": "1.00"},
        *lines,
        {"id": 2, "product_id": None, "sku": None, "quantity": 1, "price": "1.00"},
        {"id": 3, "product_id": product["id"], "sku": "", "quantity": 0, "price": "1.00"},
        {"id": 4, "product_id": product["id"], "sku": "", "quantity": 1, "price": "-1"},
    ]

    answer = await shopify(told, "orders/create", order)

    assert answer.outcome == "DONE"
    assert answer.problems == [
        ("line_items.0", "NOT_FOUND"),
        ("line_items.2", "NOT_FOUND"),
        ("line_items.3.price", "OUT_OF_RANGE"),
    ]
    assert len(await history(told, customer)) == 1
    assert "no-such" not in str(await told.data('{ products(search: "no-such") { nodes { sku } } }'))


async def test_an_order_that_came_in_by_a_file_is_not_counted_twice(told: Shop) -> None:
    product, id_, customer = await stocked_product(told), number(), number()
    at = datetime(2026, 1, 3, 9, tzinfo=UTC)
    imported = Interaction(
        "row-1",
        Actor(str(customer)),
        product["handle"],
        EventType.PURCHASE,
        at,
        2,
        Money(Decimal(52), "EUR"),
        f"#{id_}",
    )
    await told.resources.stores.interactions.append([imported])

    answer = await shopify(told, "orders/updated", shopify_order(id_, product, customer))

    assert (answer.outcome, answer.problems) == ("DONE", [])
    assert len(await history(told, customer)) == 1


async def test_shoppers_may_have_the_pseudonyms_of_an_import_and_no_address_is_logged_or_kept(
    stocked: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    webhook = WebhookSettings(shopify_secret=SecretStr(SECRET), shopify_users="email")
    email = f"Grace-{number()}@Hopper.example"
    async with open_shop(variant(stocked, webhook=webhook)) as served:
        product = await stocked_product(served)
        order = shopify_order(number(), product, number(), email=email)
        order["customer"]["email"] = email

        answer = await shopify(served, "orders/create", order)
        bad = await shopify(served, "orders/create", {**order, "created_at": email, "updated_at": email})

        assert answer.outcome == "DONE"
        assert bad.problems == [("updated_at", "INVALID")]
        assert len(await history(served, pseudonym(email))) == 1
        logged = "".join(capsys.readouterr())
        assert "webhook_received" in logged
        assert "Hopper" not in logged + str(bad.body)
        assert SECRET not in logged


async def test_a_line_that_was_taken_out_of_an_order_is_no_purchase(told: Shop) -> None:
    product, other, customer = await stocked_product(told), await stocked_product(told), number()
    order = shopify_order(number(), product, customer)
    taken_out = shopify_order(number(), other, customer)["line_items"][0] | {"current_quantity": 0}
    order["line_items"] = [*order["line_items"], {**taken_out, "id": number()}]

    assert (await shopify(told, "orders/paid", order)).outcome == "DONE"

    assert len(await history(told, customer)) == 1


async def test_an_order_of_before_an_erasure_brings_nobody_back(told: Shop) -> None:
    product, customer = await stocked_product(told), number()
    order = shopify_order(number(), product, customer)
    await told.resources.stores.erasures.mark(Shopper(str(customer)), 1)

    late = await shopify(told, "orders/paid", order)
    later = datetime.now(UTC) + timedelta(minutes=1)
    new = shopify_order(number(), product, customer) | {
        "created_at": later.isoformat(),
        "updated_at": later.isoformat(),
    }

    assert late.outcome == "IGNORED"
    assert await told.resources.users.user(str(customer)) is None
    assert (await shopify(told, "orders/paid", new)).outcome == "DONE"
