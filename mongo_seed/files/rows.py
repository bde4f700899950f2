"""What the columns of import and export files mean: rows to documents and back."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from mongo_seed.files import fields
from mongo_seed.files.columns import AS_READ
from mongo_seed.files.fields import RowError
from mongo_seed.files.options import Table
from scoring.types import EventType
from shop.category_ids import category_chain
from shop.entities.catalog import Product
from shop.entities.interactions import Interaction
from shop.entities.users import Actor
from shop.store.documents import (
    interaction_from_document,
    money_from_document,
    money_to_document,
    product_to_document,
    searchable,
)
from shop.values import shown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from shop.entities.catalog import Category

Document = dict[str, Any]

PRODUCTS = Table(
    "products",
    (
        "id",
        "sku",
        "name",
        "description",
        "category",
        "brand",
        "tags",
        "variant_skus",
        "price",
        "currency",
        "package_size",
        "image_url",
        "in_stock",
        "rating",
        "created_at",
    ),
    (("id",),),
)
INTERACTIONS = Table(
    "interactions",
    (
        "user_id",
        "session_id",
        "product_id",
        "type",
        "timestamp",
        "quantity",
        "price",
        "currency",
        "order_id",
        "recommendation_id",
        "rating",
        "key",
    ),
    (("user_id", "session_id"), ("product_id", "product_sku"), ("timestamp",)),
    ("product_sku",),
)


@dataclass(frozen=True, slots=True)
class ProductRow:
    """A product's id and those fields (in database form) that its row has."""

    id: str
    given: Document
    categories: tuple[Category, ...]
    left_out: RowError | None = None  # why a field was: no product is missed for the day on which it was made

    def onto(self, existing: Document | None) -> Document:
        """The whole document: what is stored, or the defaults, overwritten by the row's fields."""
        blank = product_to_document(Product(self.id, sku=self.id, name=self.id))
        return searchable({**blank, **(existing or {}), **self.given})


def parse_product(row: Mapping[str, Any]) -> ProductRow:
    """Raises RowError. A column that is absent leaves what is there; an empty cell sets the default.

    A `created_at` that is no time is left out; any other bad value refuses the row.
    """
    id_ = fields.required_identifier(row, "id")
    categories = category_chain(tuple(fields.texts(row, "category", ">")))
    stocked = fields.boolean(row, "in_stock")
    created, left_out = _created_at(row)
    values = {
        "sku": ("sku", fields.identifier(row, "sku") or id_),
        "name": ("name", fields.plain(row, "name") or id_),
        "description": ("description", fields.plain(row, "description") or ""),
        "category": ("categoryPath", [category.id for category in categories]),
        "brand": ("brand", fields.plain(row, "brand") or ""),
        "tags": ("tags", list(dict.fromkeys(fields.texts(row, "tags", "|")))),
        "variant_skus": ("variantSkus", fields.identifiers(row, "variant_skus", "|")),
        "price": ("price", money_to_document(fields.money(row))),
        "package_size": ("packageSize", fields.plain(row, "package_size") or ""),
        "image_url": ("imageUrl", fields.web_address(row, "image_url")),
        "in_stock": ("inStock", True if stocked is None else stocked),
        "rating": ("rating", fields.rating(row, "rating")),
        "created_at": ("createdAt", created),
    }
    given = dict(values[column] for column in row if column in values and not (left_out and column == "created_at"))
    return ProductRow(id_, given, categories, left_out)


def _created_at(row: Mapping[str, Any]) -> tuple[datetime | None, RowError | None]:
    try:
        return fields.timestamp(row, "created_at"), None
    except RowError as error:
        return None, error


def product_row(document: Mapping[str, Any], category_names: Mapping[str, str]) -> dict[str, Any]:
    """The inverse: a product's document as a row."""
    names = [category_names.get(id_, id_) for id_ in document["categoryPath"]]
    price = money_from_document(document["price"])
    return {
        "id": document["_id"],
        "sku": document["sku"],
        "name": document["name"],
        "description": document["description"] or None,
        "category": fields.joined_texts(names, " > "),
        "brand": document["brand"] or None,
        "tags": fields.joined_texts(document["tags"], "|"),
        "variant_skus": fields.joined_texts(document.get("variantSkus", []), "|"),
        "price": str(price.amount) if price else None,
        "currency": price.currency if price else None,
        "package_size": document["packageSize"] or None,
        "image_url": document["imageUrl"],
        "in_stock": document["inStock"],
        "rating": document["rating"],
        "created_at": fields.timestamp_text(document["createdAt"]),
    }


class InteractionRow(NamedTuple):
    """An event whose product is named by its id, or by a SKU."""

    event: Interaction
    by_sku: bool


class InteractionParser:
    """Parses the rows of one file, in order: a row without a key gets one from its content.

    Equal rows are told apart by counting them, so that the same file always gives the same keys. That needs about 100
    bytes of memory for each row without a key.
    """

    def __init__(self) -> None:
        self._seen: dict[bytes, int] = {}

    def parse(self, row: Mapping[str, Any]) -> InteractionRow:
        """Raises RowError."""
        actor = Actor(fields.user_identifier(row, "user_id"), fields.identifier(row, "session_id"))
        if actor.user_id is None and actor.session_id is None:
            raise RowError("user_id and session_id are both missing; one of them must say whose event it is")
        at = fields.timestamp(row, "timestamp")
        if at is None:
            raise fields.missing("timestamp")
        type_ = event_type(fields.text(row, "type"))
        rating = fields.rating(row, "rating")
        if type_ is EventType.RATING and rating is None:
            raise RowError("rating is missing; an event of type 'rating' needs one from 0 to 5")
        quantity = fields.quantity(row, "quantity")
        product, by_sku = named_product(row)
        event = Interaction(
            key=fields.identifier(row, "key") or self._key(row),
            actor=actor,
            product_id=product,
            type=type_,
            at=at,
            quantity=1.0 if quantity is None else quantity,
            price=fields.money(row),
            order_id=fields.identifier(row, "order_id"),
            recommendation_id=fields.identifier(row, "recommendation_id"),
            rating=rating,
        )
        return InteractionRow(event, by_sku)

    def _key(self, row: Mapping[str, Any]) -> str:
        as_read = row.get(AS_READ, {})
        content = [str(as_read.get(column, row.get(column)) or "") for column in INTERACTIONS.columns]
        content += [str(row[column]) for column in INTERACTIONS.read_only if row.get(column)]
        digest = blake2b(orjson.dumps(content), digest_size=12).digest()
        earlier = self._seen.get(digest, 0)
        self._seen[digest] = earlier + 1
        return f"row-{digest.hex()}{f'-{earlier}' if earlier else ''}"


def named_product(row: Mapping[str, Any]) -> tuple[str, bool]:
    """The product's id, or its SKU and True. Raises RowError."""
    id_ = fields.identifier(row, "product_id")
    if id_ is not None:
        return id_, False
    sku = fields.identifier(row, "product_sku")
    if sku is None:
        raise fields.missing("product_id")
    return sku, True


def event_type(name: str | None) -> EventType:
    try:
        return EventType((name or EventType.PURCHASE.value).strip().lower())
    except ValueError as error:
        known = ", ".join(event.value for event in EventType)
        raise RowError(f"type: One of {known} is wanted, not {shown(name)}.", "type") from error


def interaction_row(document: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse: an interaction's document as a row, with its key."""
    event = interaction_from_document(document)
    return {
        "user_id": event.actor.user_id,
        "session_id": event.actor.session_id,
        "product_id": event.product_id,
        "type": event.type.value,
        "timestamp": fields.timestamp_text(event.at),
        "quantity": event.quantity,
        "price": str(event.price.amount) if event.price else None,
        "currency": event.price.currency if event.price else None,
        "order_id": event.order_id,
        "recommendation_id": event.recommendation_id,
        "rating": event.rating,
        "key": event.key,
    }
