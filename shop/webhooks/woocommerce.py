"""Products and orders in the JSON of WooCommerce's webhooks."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from shop.entities.webhooks import Message, OrderLine, OrderUpdate, ProductGone, ProductUpdate, Source
from shop.errors import BadInputError
from shop.webhooks.fields import SESSION_ATTRIBUTE, attribute, required_time

if TYPE_CHECKING:
    from shop.webhooks.fields import Fields

_PRODUCT_TOPICS = {"product.created", "product.updated", "product.restored"}
_ORDER_TOPICS = {"order.created", "order.updated"}
_BINDING = {"processing", "completed"}  # paid, or to be paid on delivery
_TAKEN_BACK = {"cancelled", "refunded", "failed", "trash"}


def read(topic: str, body: Fields) -> Message | None:
    """What the message says, None for what means nothing here: other topics, variations (their parent tells of them),
    and orders that are not binding yet. Raises BadInputError."""
    if topic == "product.deleted":
        if body.has("name"):  # headers are not signed: a product must not be taken for its own deletion
            raise BadInputError("name: a deleted product has an id alone.", field="name")
        return ProductGone(_subject("product", body.identifier("id")))
    if topic in _PRODUCT_TOPICS and body.text("type") != "variation":
        return _product(topic, body)
    if topic in _ORDER_TOPICS and body.text("status") in _BINDING | _TAKEN_BACK:
        return _order(body)
    return None


def _subject(kind: str, id_: str) -> str:
    return f"{Source.WOOCOMMERCE}:{kind}:{id_}"


def _product(topic: str, body: Fields) -> ProductUpdate:
    id_ = body.identifier("id")
    offered = body.text("status") in {"", "publish"} and body.text("catalog_visibility") != "hidden"
    described = (body.text(name) for name in ("short_description", "description"))
    sku = body.text("sku")
    images = body.each("images")
    rated = (body.number("rating_count") or 0) > 0
    price = body.amount("price")
    return ProductUpdate(
        subject=_subject("product", id_),
        at=required_time(body, "date_modified_gmt", "date_created_gmt"),
        id=id_,
        name=body.text("name"),
        description="\n".join(filter(None, described)),
        brand=next(iter(_names(body, "brands")), ""),
        tags=_names(body, "tags"),
        image_url=images[0].text("src") or None if images else None,
        skus=(sku,) if sku else (),
        price=body.amount("regular_price") if price is None else price,
        in_stock=offered and body.text("stock_status") != "outofstock",
        category_names=_names(body, "categories"),
        rating=body.number("average_rating") if rated else None,
        keeps_variants=True,
        is_new=topic == "product.created",
        is_restored=topic == "product.restored",
    )


def _names(body: Fields, field: str) -> tuple[str, ...]:
    """Names come with `&amp;` in them."""
    return tuple(filter(None, (html.unescape(entry.text("name")) for entry in body.each(field))))


def _order(body: Fields) -> OrderUpdate:
    id_ = body.identifier("id")
    customer = body.text("customer_id")
    return OrderUpdate(
        subject=_subject("order", id_),
        at=required_time(body, "date_modified_gmt", "date_created_gmt"),
        number=body.text("number") or id_,
        ordered_at=required_time(body, "date_created_gmt"),  # of a payment on delivery the other changes
        user_id=None if customer in {"", "0"} else customer,
        session_id=_session(body),
        currency=body.text("currency"),
        lines=tuple(line for item in body.each("line_items") if (line := _line(item)) is not None),
        counts=body.text("status") in _BINDING,
    )


def _session(body: Fields) -> str | None:
    """Values of other entries may be of any type."""
    own = [entry for entry in body.each("meta_data") if entry.text("key").lstrip("_") == SESSION_ATTRIBUTE]
    return attribute(own, "key", SESSION_ATTRIBUTE)


def _line(item: Fields) -> OrderLine | None:
    quantity = item.number("quantity")
    if quantity == 0:
        return None
    product_id = item.text("product_id")
    return OrderLine(
        id=item.identifier("id"),
        subject=_subject("product", product_id) if product_id not in {"", "0"} else None,
        sku=item.text("sku") or None,
        quantity=1.0 if quantity is None else quantity,
        price=item.amount("price"),
    )
