"""Who gets in: signatures, secrets in change, messages sent twice, too late or with another body."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from graphql_api.webhooks.signatures import signature
from shop.settings import WebhookSettings
from tests.fixtures.queries import UPSERT
from tests.fixtures.shop import open_shop, variant
from tests.graphql_api.webhooks.messages import (
    SECRET,
    SECRET_BEFORE,
    number,
    post,
    shopify,
    shopify_product,
    woocommerce,
    woocommerce_product,
)

if TYPE_CHECKING:
    from shop.settings import Settings
    from tests.fixtures.shop import Shop

NAME = "query ($sku: String!) { product(sku: $sku) { name } }"


async def test_a_signed_message_gets_in_with_the_new_secret_and_the_one_before(told: Shop) -> None:
    new = await shopify(told, "products/create", shopify_product(number()))
    old = await shopify(told, "products/create", shopify_product(number()), secret=SECRET_BEFORE)
    woo = await woocommerce(told, "product.created", woocommerce_product(number()))

    assert [(one.status, one.outcome) for one in (new, old, woo)] == [(200, "DONE")] * 3


async def test_a_known_signature_is_made_as_shopify_makes_it() -> None:
    assert signature(b"hush", b'{"id":1}') == "VnKUjZsLuN5iZWjn5EntcBVCF9kMN43LglzCE1/GSeY="


@pytest.mark.parametrize("secret", ["", "another", f" {SECRET}"])
async def test_a_wrong_signature_is_refused_before_anything_is_read(told: Shop, secret: str) -> None:
    product = shopify_product(number())
    sku = product["variants"][0]["sku"]

    wrong = await shopify(told, "products/create", product, secret=secret)
    unsigned = await shopify(told, "products/create", product, X_Shopify_Hmac_Sha256="")
    strange = await shopify(told, "products/create", product, X_Shopify_Hmac_Sha256="ümlaut")
    no_json = await shopify(told, "products/create", None, secret=secret, body=b"\xff{")
    woo = await woocommerce(told, "product.created", woocommerce_product(number()), secret=secret)

    assert {(one.status, one.code) for one in (wrong, unsigned, strange, no_json, woo)} == {(401, "UNAUTHENTICATED")}
    assert SECRET not in json.dumps(wrong.body)
    assert (await told.data(NAME, {"sku": sku}))["product"] is None


async def test_a_changed_body_does_not_fit_its_signature(told: Shop) -> None:
    product = shopify_product(number())
    signed = signature(SECRET.encode(), json.dumps(product).encode())

    changed = await shopify(told, "products/create", {**product, "title": "X"}, X_Shopify_Hmac_Sha256=signed)

    assert changed.status == 401


async def test_without_a_secret_there_is_no_such_address(shop: Shop) -> None:
    answer = await shopify(shop, "products/create", shopify_product(number()))

    assert (answer.status, answer.code) == (404, "NOT_FOUND")


async def test_only_post(told: Shop) -> None:
    async with told.http.get(f"{told.url}/webhooks/shopify") as response:
        assert response.status == 405
        assert (await response.json())["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_the_same_delivery_again_does_nothing(told: Shop) -> None:
    product, delivery = shopify_product(number()), uuid4().hex
    sku = product["variants"][0]["sku"]

    first = await shopify(told, "products/create", product, X_Shopify_Webhook_Id=delivery)
    renamed = {"input": {"products": [{"sku": sku, "name": "Mine"}]}}
    await told.data(UPSERT, renamed, "demo-staff")
    again = await shopify(told, "products/create", product, X_Shopify_Webhook_Id=delivery)
    other = await shopify(told, "products/create", {**product, "title": "X"}, X_Shopify_Webhook_Id=delivery)

    assert (first.outcome, again.outcome, again.status) == ("DONE", "DUPLICATE", 200)
    assert (other.status, other.code) == (409, "BAD_USER_INPUT")
    assert (await told.data(NAME, {"sku": sku}))["product"] == {"name": "Mine"}


@pytest.mark.parametrize("hours", [-80, 2])
async def test_a_message_from_another_time_is_refused(told: Shop, hours: int) -> None:
    sent = (datetime.now(UTC) + timedelta(hours=hours)).isoformat()

    answer = await shopify(told, "products/create", shopify_product(number()), X_Shopify_Triggered_At=sent)

    assert (answer.status, answer.code) == (400, "BAD_USER_INPUT")


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Shopify_Webhook_Id": ""},
        {"X_Shopify_Topic": ""},
        {"X_Shopify_Triggered_At": ""},
        {"X_Shopify_Triggered_At": "yesterday"},
        {"X_Shopify_Webhook_Id": "x" * 300},
    ],
)
async def test_headers_that_are_missing_or_odd_are_named(told: Shop, headers: dict[str, Any]) -> None:
    answer = await shopify(told, "products/create", shopify_product(number()), **headers)

    assert (answer.status, answer.code) == (400, "BAD_USER_INPUT")
    assert answer.body["errors"][0]["extensions"]["field"] in {name.replace("_", "-") for name in headers}


async def test_an_event_id_names_a_delivery_too(told: Shop) -> None:
    answer = await shopify(
        told, "products/create", shopify_product(number()), X_Shopify_Webhook_Id="", X_Shopify_Event_Id=uuid4().hex
    )

    assert answer.outcome == "DONE"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"1", b"null", b'"text"', b"\xff\xfe", b"[" * 2_000])
async def test_what_is_no_object_of_json_is_refused(told: Shop, body: bytes) -> None:
    answer = await shopify(told, "products/create", None, body=body)

    assert (answer.status, answer.code) == (400, "BAD_USER_INPUT")


async def test_an_unknown_topic_is_ignored(told: Shop) -> None:
    shop = await shopify(told, "carts/update", {"id": 1})
    woo = await woocommerce(told, "coupon.created", {"id": 1})
    variation = await woocommerce(told, "product.updated", woocommerce_product(number(), type="variation"))

    assert [(one.status, one.outcome) for one in (shop, woo, variation)] == [(200, "IGNORED")] * 3


async def test_the_ping_of_a_new_webhook_is_answered(told: Shop) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    ping = await post(told, "woocommerce", b"webhook_id=17", form)
    more = await post(told, "woocommerce", b"webhook_id=17&x=1", form)

    assert (ping.status, ping.outcome) == (200, "PING")
    assert more.status == 401


async def test_who_guesses_signatures_has_to_wait_and_who_signs_does_not(stocked: Settings) -> None:
    webhook = WebhookSettings(shopify_secret=SecretStr(SECRET), bad_signatures_per_minute=3)
    async with open_shop(variant(stocked, own_keys=f"guess-{uuid4().hex[:8]}", webhook=webhook)) as served:
        guesses = [await shopify(served, "carts/update", {}, secret="guess") for _ in range(5)]
        large = await shopify(served, "carts/update", {"x": "x" * served.settings.api.max_body_bytes}, secret="guess")
        signed = await shopify(served, "carts/update", {})

    assert [guess.status for guess in guesses] == [401, 401, 401, 429, 429]
    assert int(guesses[-1].headers["Retry-After"]) > 0
    assert large.status == 429, "what is guessed is not even read"
    assert signed.status == 200


async def test_a_body_that_is_too_large_is_refused(stocked: Settings) -> None:
    webhook = WebhookSettings(shopify_secret=SecretStr(SECRET), max_body_bytes=1_000)
    async with open_shop(variant(stocked, webhook=webhook)) as served:
        answer = await shopify(served, "products/create", {"title": "x" * 1_000})

    assert (answer.status, answer.code) == (413, "BAD_USER_INPUT")
