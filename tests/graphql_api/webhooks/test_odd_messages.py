"""The oddest values in every field of every message: a clear answer, and never an error of ours."""

from __future__ import annotations

import copy
import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.graphql_api.webhooks.messages import (
    number,
    shopify,
    shopify_order,
    shopify_product,
    woocommerce,
    woocommerce_order,
    woocommerce_product,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fixtures.shop import Shop

MISSING = object()
ODD: list[Any] = [
    MISSING, None, "", " ", True, False, 0, -1, 1.5, 10**18, 1e300, "1e999", "-0.001", "12,50", "€ 3", "NaN", [], {},
    [[]], [{}], [None], {"a": {}}, "\u0000", "\u202e\u200b", "😀" * 300, "x" * 1_500, "<script>", "2026-13-01",
    "0001-01-01", "9999-12-31T23:59:59-14:00", "JPY", "XXX",
]  # fmt: skip
OUTCOMES = {"DONE", "STALE", "IGNORED", "REFUSED"}


def paths(message: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where every value stands."""
    entries = message.items() if isinstance(message, dict) else enumerate(message) if isinstance(message, list) else ()
    for key, value in entries:
        yield (*path, key)
        yield from paths(value, (*path, key))


def changed(message: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    copied = copy.deepcopy(message)
    parent: Any = copied
    for key in path[:-1]:
        parent = parent[key]
    if value is not MISSING:
        parent[path[-1]] = value
    elif isinstance(parent, dict):
        del parent[path[-1]]
    return copied


@pytest.mark.parametrize(
    "topic", ["products/update", "products/delete", "orders/create", "product.updated", "order.updated"]
)
async def test_no_message_breaks_anything(told: Shop, topic: str) -> None:
    id_, chance = number(), random.Random(topic)
    product = shopify_product(id_)
    await shopify(told, "products/create", product)
    await woocommerce(told, "product.created", woocommerce_product(id_))
    attribute = {"name": "whybuy_session_id", "value": "v"}
    message = {
        "products/update": product,
        "products/delete": {"id": id_},
        "orders/create": shopify_order(id_, product, id_, note_attributes=[attribute]),
        "product.updated": woocommerce_product(id_),
        "order.updated": woocommerce_order(id_, id_, id_),
    }[topic]
    send = shopify if "/" in topic else woocommerce

    for path in paths(message):
        for value in chance.sample(ODD, 6):
            sent = changed(message, path, value)
            answer = await send(told, topic, sent)
            assert answer.status == 200, (path, value, answer.body)
            assert answer.outcome in OUTCOMES, (path, value)
            assert (answer.outcome == "REFUSED") <= bool(answer.problems), (path, value)
            for problem in answer.body["userErrors"]:
                assert problem["code"].isupper()
                assert problem["message"]
                assert "Traceback" not in problem["message"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": ["x"]}, "title"),
        ({"title": ""}, "name"),
        ({"id": None}, "id"),
        ({"id": {"x": 1}}, "id"),
        ({"id": 1.5}, "id"),
        ({"updated_at": "soon"}, "updated_at"),
        ({"updated_at": None}, "updated_at"),
        ({"variants": "none"}, "variants"),
        ({"variants": [{"price": "free"}]}, "variants.0.price"),
        ({"variants": [{"price": "12,50"}]}, "variants.0.price"),
        ({"variants": [{"price": "1e30"}]}, "price"),
        ({"variants": [{"sku": "a\nb"}]}, "sku"),
        ({"images": [{"src": "javascript:alert(1)"}]}, "imageUrl"),
    ],
)
async def test_a_refusal_names_the_field(told: Shop, change: dict[str, Any], field: str) -> None:
    answer = await shopify(told, "products/create", shopify_product(number(), **change))

    assert (answer.status, answer.outcome) == (200, "REFUSED")
    assert [name for name, _ in answer.problems] == [field]
