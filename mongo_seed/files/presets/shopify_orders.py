"""The orders export of Shopify: a record for each line of an order, with the order itself in the first one alone."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from mongo_seed.files.fields import RowError
from mongo_seed.files.presets.cells import Cells, folded, has_columns
from mongo_seed.files.presets.preset import Preset
from shop.webhooks.shopify import pseudonym

if TYPE_CHECKING:
    from collections.abc import Set

    from mongo_seed.files.presets.preset import Values

_CUSTOMER = ("Customer ID", "Customer: ID")
_IN_FIRST = ("Financial Status", "Currency")  # of an order's first line alone
_OF_ORDER = {folded(name) for name in (*_CUSTOMER, *_IN_FIRST, "Email", "Created at", "Cancelled at")}
_TAKEN_BACK = {"refunded", "voided"}  # what was paid is not


def _recognises(names: Set[str]) -> bool:
    return has_columns(names, "Name", "Created at", "Lineitem sku", "Lineitem quantity")


class _Translator:
    """Fills the fields of an order into its further lines, so that each line can be understood without the first."""

    def __init__(self) -> None:
        self._first: Values = {}
        self._name = ""

    def __call__(self, record: Values) -> list[Values]:
        name = Cells(record).text("Name")
        if not name:
            raise RowError("Name is empty: it says which order the line belongs to")
        if name != self._name:
            self._name, self._first = name, dict(record)
        for column, value in self._first.items():
            if folded(column) in _OF_ORDER and not record.get(column):
                record[column] = value
        cells = Cells(record)
        if cells.has(*_IN_FIRST) and not cells.text(*_IN_FIRST):
            raise RowError(
                f"The first line of order {name!r}, with its currency and status, was not read: import both",
                "no first line",
            )
        quantity = cells.text("Lineitem quantity")
        taken_back = cells.text("Financial Status").casefold() in _TAKEN_BACK or cells.text("Cancelled at")
        if taken_back or quantity == "0":  # 0: taken out of the order
            return []
        return [_purchase(name, cells, quantity)]


def _purchase(order: str, cells: Cells, quantity: str) -> Values:
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
        "timestamp": _time(cells.text("Created at")),
        "quantity": quantity,
        "order_id": order,
    }
    # Bought without an account or address, such as at a counter: an anonymous visit.
    user = _user(cells)
    row |= {"user_id": user} if user else {"session_id": f"order-{order}"}
    price, currency = cells.text("Lineitem price"), cells.text("Currency")
    return {**row, "price": price, "currency": currency} if price and currency else row


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
