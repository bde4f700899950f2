"""Products and orders in the JSON of Shopify's webhooks."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from shop.entities.webhooks import Message, OrderLine, OrderUpdate, ProductGone, ProductUpdate, Source
from shop.errors import BadInputError
from shop.webhooks.fields import SESSION_ATTRIBUTE, attribute, required_time

if TYPE_CHECKING:
    from shop.webhooks.fields import Fields

_ORDER_TOPICS = {"orders/create", "orders/paid", "orders/updated", "orders/cancelled"}
_TAKEN_BACK = {"refunded", "voided"}  # what was paid is not
_HEX_DIGITS = 32


def pseudonym(email: str) -> str:
    """The user id of a shopper of whom only an e-mail address is known: `customer-` and the first 32 digits of SHA-256
    of the address in small letters. Whoever knows an address can compute it, so it hides nobody from the shop itself;
    it keeps addresses out of ids, logs and models."""
    return f"customer-{sha256(email.strip().lower().encode()).hexdigest()[:_HEX_DIGITS]}"


def read(topic: str, body: Fields, *, users_by_email: bool) -> Message | None:
    """What the message says, None for a topic that means nothing here. Raises BadInputError."""
    if topic in {"products/create", "products/update"}:
        return _product(body, is_new=topic == "products/create")
    if topic == "products/delete":
        return _gone(body)
    if topic in _ORDER_TOPICS and body.flag("test") is not True:
        return _order(body, users_by_email=users_by_email)
    return None


def _subject(kind: str, id_: str) -> str:
    return f"{Source.SHOPIFY}:{kind}:{id_}"


def _gone(body: Fields) -> ProductGone:
    if body.has("title"):  # headers are not signed: a product must not be taken for its own deletion
        raise BadInputError("title: a deleted product has an id alone.", field="title")
    return ProductGone(_subject("product", body.identifier("id")))


def _product(body: Fields, *, is_new: bool) -> ProductUpdate:
    variants = body.each("variants")
    offered = (body.text("status") or "active").casefold() == "active" and not (
        body.has("published_at") and body.is_null("published_at")
    )
    images = body.each("images") or [body.inner("image")]
    prices = (price for variant in variants if (price := variant.amount("price")) is not None)
    return ProductUpdate(
        subject=_subject("product", body.identifier("id")),
        at=required_time(body, "updated_at"),
        id=body.identifier("handle" if body.text("handle") else "id"),
        name=body.text("title"),
        description=body.text("body_html"),
        brand=body.text("vendor"),
        tags=tuple(body.texts("tags")),
        image_url=images[0].text("src") or None,
        skus=tuple(dict.fromkeys(sku for variant in variants if (sku := variant.text("sku")))),
        price=next(prices, None),
        in_stock=offered and any(_is_available(variant) for variant in variants),
        category_path=_category(body),
        is_new=is_new,
    )


def _category(body: Fields) -> tuple[str, ...]:
    full = body.inner("category").text("full_name")
    path = [name for part in full.split(">") if (name := part.strip())]
    if path in ([], ["Uncategorized"]):
        path = [body.text("product_type")]
    return tuple(filter(None, path))


def _is_available(variant: Fields) -> bool:
    """A variant can be bought when its stock is not counted, or not used up, or may be oversold."""
    uncounted = variant.has("inventory_management") and variant.is_null("inventory_management")
    if uncounted or variant.text("inventory_policy").casefold() == "continue":
        return True
    quantity = variant.number("inventory_quantity")
    return quantity is None or quantity > 0


def _order(body: Fields, *, users_by_email: bool) -> OrderUpdate:
    customer = body.inner("customer")
    id_ = body.identifier("id")
    email = customer.text("email") or body.text("email")
    user_id = customer.text("id") or None
    if users_by_email:
        user_id = pseudonym(email) if email else None
    taken_back = body.text("financial_status").casefold() in _TAKEN_BACK or body.time("cancelled_at") is not None
    return OrderUpdate(
        subject=_subject("order", id_),
        at=required_time(body, "updated_at", "created_at"),
        number=body.text("name") or id_,
        ordered_at=required_time(body, "created_at", "processed_at"),
        user_id=user_id,
        session_id=attribute(body.each("note_attributes"), "name", SESSION_ATTRIBUTE),
        currency=body.text("currency"),
        lines=tuple(line for item in body.each("line_items") if (line := _line(item)) is not None),
        counts=not taken_back,
    )


def _line(item: Fields) -> OrderLine | None:
    """None for one that is taken out of the order; `quantity` stays what was ordered."""
    current = item.number("current_quantity")
    quantity = item.number("quantity") if current is None else current
    if quantity == 0:
        return None
    product_id = item.text("product_id")
    return OrderLine(
        id=item.identifier("id"),
        subject=_subject("product", product_id) if product_id else None,
        sku=item.text("sku") or None,
        quantity=1.0 if quantity is None else quantity,
        price=item.amount("price"),
    )
