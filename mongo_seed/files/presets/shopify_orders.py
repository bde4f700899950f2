"""The orders export of Shopify: a record for each line of an order, with the order itself in the first one alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from mongo_seed.files.fields import RowError
from mongo_seed.files.presets.cells import Cells, has_columns
from mongo_seed.files.presets.preset import Preset

if TYPE_CHECKING:
    from collections.abc import Set

    from mongo_seed.files.presets.preset import Values

_CUSTOMER = ("Customer ID", "Customer: ID")
_TAKEN_BACK = {"refunded", "voided"}  # what was paid is not
_HEX_DIGITS = 32


def pseudonym(email: str) -> str:
    """The user id of a shopper of whom the file has only an e-mail address: `customer-` and the first 32 digits of
    SHA-256 of the address in small letters. Whoever knows an address can compute it, so it hides nobody from the shop
    itself; it keeps addresses out of ids, logs and models."""
    return f"customer-{sha256(email.strip().lower().encode()).hexdigest()[:_HEX_DIGITS]}"


def _recognises(names: Set[str]) -> bool:
    return has_columns(names, "Name", "Created at", "Lineitem sku", "Lineitem quantity")


@dataclass(slots=True)
class _Order:
    name: str
    user: str = ""
    currency: str = ""
    created: str = ""
    taken_back: bool = False

    def read(self, cells: Cells) -> None:
        self.user = self.user or _user(cells)
        self.currency = self.currency or cells.text("Currency")
        self.created = self.created or cells.text("Created at")
        status = cells.text("Financial Status").casefold()
        self.taken_back = self.taken_back or status in _TAKEN_BACK or bool(cells.text("Cancelled at"))


class _Translator:
    """Knows the order of the record before."""

    def __init__(self) -> None:
        self._order = _Order("")

    def __call__(self, record: Values) -> list[Values]:
        cells = Cells(record)
        name = cells.text("Name")
        if not name:
            raise RowError("Name is empty: it says which order the line belongs to")
        if name != self._order.name:
            self._order = _Order(name)
        self._order.read(cells)
        quantity = cells.text("Lineitem quantity")
        if self._order.taken_back or quantity == "0":  # 0: taken out of the order
            return []
        return [_purchase(self._order, cells, quantity)]


def _purchase(order: _Order, cells: Cells, quantity: str) -> Values:
    sku = cells.text("Lineitem sku")
    if not sku:
        item = cells.text("Lineitem name")
        raise RowError(
            f"Lineitem sku is empty, so nothing says which product {item!r} is; "
            "give the variants SKUs in Shopify, and export products and orders again",
            "no Lineitem sku",
        )
    row: Values = {
        "product_sku": sku,
        "type": "purchase",
        "timestamp": _time(order.created),
        "quantity": quantity,
        "order_id": order.name,
    }
    # Bought without an account or address, such as at a counter: an anonymous visit.
    row |= {"user_id": order.user} if order.user else {"session_id": f"order-{order.name}"}
    price = cells.text("Lineitem price")
    return {**row, "price": price, "currency": order.currency} if price and order.currency else row


def _user(cells: Cells) -> str:
    customer = cells.text(*_CUSTOMER).lstrip("'")
    email = cells.text("Email")
    return customer or (pseudonym(email) if email else "")


def _time(text: str) -> str:
    """`2024-03-15 10:20:30 +0100` as RFC 3339."""
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S %z").isoformat()
    except ValueError as error:
        raise RowError(f"Created at must be like 2024-03-15 10:20:30 +0100, not {text!r}", "Created at") from error


SHOPIFY_ORDERS = Preset("shopify", "Shopify orders export", "interactions", _recognises, _Translator)
