"""Products and categories."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

# ISO 4217: currencies whose minor unit is not a hundredth.
_DEAREST = Decimal(1_000_000_000)
USUAL_DIGITS = 2  # of a currency, after the point
UNUSUAL_DIGITS = {0: ("JPY", "KRW", "VND", "CLP", "ISK"), 3: ("BHD", "KWD", "JOD", "OMR", "TND")}
_DIGITS = {code: digits for digits, codes in UNUSUAL_DIGITS.items() for code in codes}


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount. Stored as whole minor units (cents), so sums and sorting are exact too."""

    amount: Decimal
    currency: str = "USD"

    @classmethod
    def from_minor(cls, minor: int, currency: str) -> Money:
        return cls(Decimal(minor).scaleb(-_DIGITS.get(currency, USUAL_DIGITS)), currency)

    @property
    def minor(self) -> int:
        return in_minor_units(self.amount, _DIGITS.get(self.currency, USUAL_DIGITS))


def in_minor_units(amount: Decimal, digits: int) -> int:
    return int(amount.scaleb(digits).to_integral_value())


def is_price(amount: Decimal) -> bool:
    """Whether an amount can be a price: finite, not negative, and small enough to be stored in minor units."""
    return amount.is_finite() and 0 <= amount < _DEAREST


@dataclass(frozen=True, slots=True)
class Category:
    """A node of the category tree; `path` holds the ids from the root to this one."""

    id: str
    name: str
    parent_id: str | None = None
    path: tuple[str, ...] = ()
    product_count: int = 0


@dataclass(frozen=True, slots=True)
class Product:
    """What the shop sells. `id` is the shop's own."""

    id: str
    sku: str
    name: str
    description: str = ""
    category_path: tuple[str, ...] = ()  # category ids, root to leaf
    brand: str = ""
    tags: tuple[str, ...] = ()
    variant_skus: tuple[str, ...] = ()  # of its sizes, colours..., besides its own
    price: Money | None = None
    package_size: str = ""
    image_url: str | None = None
    in_stock: bool = True
    rating: float | None = None  # 0 to 5
    popularity: float = 0.0  # 0 to 1: share of this product's buyers among the best seller's
    buyer_count: int = 0  # distinct shoppers who bought it
    created_at: datetime | None = None
    updated_at: datetime | None = None
    withdrawn_at: datetime | None = None  # since when only staff see it

    @property
    def category_id(self) -> str | None:
        return self.category_path[-1] if self.category_path else None


class ChangeStatus(StrEnum):
    """What became of one entry of a batch."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    UNCHANGED = "UNCHANGED"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class ProductDraft:
    """A product as the shop describes it, unchecked; its SKU names it."""

    sku: str
    name: str
    description: str = ""
    category_id: str | None = None
    brand: str = ""
    tags: tuple[str, ...] = ()
    price: Decimal | None = None
    currency: str = "USD"
    package_size: str = ""
    image_url: str | None = None
    in_stock: bool = True
    rating: float | None = None
