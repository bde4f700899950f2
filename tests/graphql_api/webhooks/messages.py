"""Messages as Shopify and WooCommerce send them, signed, and what the shop answers."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from graphql_api.webhooks.signatures import signature

if TYPE_CHECKING:
    from tests.fixtures.shop import Shop

SECRET, SECRET_BEFORE = "a-new-secret", "an-old-secret"


@dataclass
class Told:
    """An answer to a webhook."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        return str(self.body["status"])

    @property
    def code(self) -> str:
        (error,) = self.body["errors"]
        return str(error["extensions"]["code"])

    @property
    def problems(self) -> list[tuple[str, str]]:
        return [(problem["field"], problem["code"]) for problem in self.body["userErrors"]]


def now() -> str:
    return datetime.now(UTC).isoformat()


async def post(shop: Shop, path: str, body: bytes, headers: dict[str, str]) -> Told:
    async with shop.http.post(f"{shop.url}/webhooks/{path}", data=io.BytesIO(body), headers=headers) as response:
        assert "json" in response.headers["Content-Type"]
        return Told(response.status, await response.json(), dict(response.headers))


async def shopify(
    shop: Shop, topic: str, message: Any, secret: str = SECRET, body: bytes | None = None, **headers: str
) -> Told:
    raw = json.dumps(message).encode() if body is None else body
    sent = {
        "X-Shopify-Topic": topic,
        "X-Shopify-Hmac-Sha256": signature(secret.encode(), raw),
        "X-Shopify-Webhook-Id": uuid4().hex,
        "X-Shopify-Triggered-At": now(),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return await post(shop, "shopify", raw, {name: value for name, value in sent.items() if value})


async def woocommerce(shop: Shop, topic: str, message: Any, secret: str = SECRET, **headers: str) -> Told:
    raw = json.dumps(message).encode()
    sent = {
        "X-WC-Webhook-Topic": topic,
        "X-WC-Webhook-Signature": signature(secret.encode(), raw),
        "X-WC-Webhook-Delivery-ID": uuid4().hex,
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return await post(shop, "woocommerce", raw, sent)


def number() -> int:
    """An id that no other test has."""
    return uuid4().int % 10**12


def shopify_product(id_: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "title": "Linen Blouse",
        "body_html": "<p>Cool &amp; light.</p>",
        "vendor": "Maison",
        "product_type": "Blouses",
        "handle": f"linen-{id_}",
        "created_at": "2026-01-01T10:00:00+01:00",
        "updated_at": "2026-01-02T10:00:00+01:00",
        "published_at": "2026-01-01T10:00:00+01:00",
        "status": "active",
        "tags": "linen, summer, linen",
        "category": {"full_name": f"Apparel {id_} > Shirts > Blouses"},
        "variants": [
            {"id": 1, "sku": f"LB-{id_}-S", "price": "49.90", "inventory_quantity": 0, "inventory_policy": "deny"},
            {"id": 2, "sku": f"LB-{id_}-M", "price": "52.00", "inventory_quantity": 3, "inventory_policy": "deny"},
        ],
        "images": [{"src": "//cdn.shopify.com/blouse.jpg"}],
        **changes,
    }


def shopify_order(id_: int, product: dict[str, Any], customer: int | None, **changes: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "name": f"#{id_}",
        "created_at": "2026-01-03T10:00:00+01:00",
        "updated_at": "2026-01-03T10:00:00+01:00",
        "cancelled_at": None,
        "currency": "EUR",
        "email": "grace@hopper.example",
        "financial_status": "paid",
        "customer": {"id": customer, "email": "grace@hopper.example"} if customer else None,
        "note_attributes": [],
        "line_items": [
            {
                "id": 11,
                "product_id": product["id"],
                "sku": product["variants"][1]["sku"],
                "quantity": 2,
                "price": "52.00",
            }
        ],
        **changes,
    }


def woocommerce_product(id_: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "name": "Tea &amp; Honey",
        "type": "simple",
        "status": "publish",
        "catalog_visibility": "visible",
        "description": "<p>From Assam.</p>",
        "short_description": "<p>Strong.</p>",
        "sku": f"TH-{id_}",
        "price": "4.5",
        "regular_price": "5",
        "stock_status": "instock",
        "average_rating": "4.50",
        "rating_count": 2,
        "categories": [{"id": 9, "name": f"Teas &amp; Herbs {id_}", "slug": "teas"}],
        "tags": [{"name": "strong"}],
        "brands": [{"name": "House"}],
        "images": [{"src": "https://shop.example/tea.jpg"}],
        "date_created_gmt": "2026-01-01T10:00:00",
        "date_modified_gmt": "2026-01-02T10:00:00",
        **changes,
    }


def woocommerce_order(id_: int, product: int, customer: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "number": str(id_),
        "status": "processing",
        "currency": "EUR",
        "customer_id": customer,
        "date_created_gmt": "2026-01-03T10:00:00",
        "date_modified_gmt": "2026-01-03T10:00:00",
        "date_paid_gmt": None,
        "billing": {"email": "grace@hopper.example"},
        "meta_data": [{"id": 1, "key": "_other", "value": {"of": "any type"}}],
        "line_items": [
            {
                "id": 21,
                "product_id": product,
                "variation_id": 0,
                "sku": f"TH-{product}",
                "quantity": 3,
                "price": 4.4999999,
            }
        ],
        **changes,
    }
