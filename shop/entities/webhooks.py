"""What another shop system tells by webhook, in our terms."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from shop.errors import Problem


class Source(StrEnum):
    SHOPIFY = "shopify"
    WOOCOMMERCE = "woocommerce"


class Outcome(StrEnum):
    """What became of a delivery."""

    DONE = "DONE"
    IGNORED = "IGNORED"  # its topic means nothing here
    STALE = "STALE"  # something newer is known
    DUPLICATE = "DUPLICATE"  # this delivery was processed before
    REFUSED = "REFUSED"  # it cannot be read, or nothing of it can be stored
    CONFLICT = "CONFLICT"  # another body came under its id
    TOO_OLD = "TOO_OLD"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message, its signature checked. `digest` is that of its body; `sent_at` is what the sender says, None where
    it says nothing."""

    source: Source
    id: str
    topic: str
    digest: str
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ProductUpdate:
    """A product as the other system has it at a time. `subject` is its name there, `id` the one that it gets here."""

    subject: str
    at: datetime
    id: str
    name: str
    description: str
    brand: str
    tags: tuple[str, ...]
    image_url: str | None
    skus: tuple[str, ...]  # its own first, then those of variants
    price: Decimal | None
    in_stock: bool
    category_path: tuple[str, ...] = ()  # names, root to leaf
    category_names: tuple[str, ...] = ()  # where no path is told: of all categories that it lies in
    rating: float | None = None
    keeps_variants: bool = False  # what is not told of variants stays as it is
    is_new: bool = False
    is_restored: bool = False


@dataclass(frozen=True, slots=True)
class ProductGone:
    subject: str


@dataclass(frozen=True, slots=True)
class OrderLine:
    """`subject` names the product as ProductUpdate does."""

    id: str
    subject: str | None
    sku: str | None
    quantity: float
    price: Decimal | None  # of one unit


@dataclass(frozen=True, slots=True)
class OrderUpdate:
    """An order at a time. `number` is what people call it. One that does not count was taken back."""

    subject: str
    at: datetime
    number: str
    ordered_at: datetime
    user_id: str | None
    session_id: str | None
    currency: str
    lines: tuple[OrderLine, ...]
    counts: bool


@dataclass(frozen=True, slots=True)
class Processed:
    """What became of a delivery, and what of it could not be used."""

    outcome: Outcome
    problems: tuple[Problem, ...] = ()


Message = ProductUpdate | ProductGone | OrderUpdate
