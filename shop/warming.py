"""Loads at the start what would otherwise be loaded by the first request that needs it, while all others wait."""

from __future__ import annotations

from decimal import Decimal

from shop import values
from shop.texts.wording import WORDINGS


def warm() -> None:
    """Takes about 0.2 s."""
    values.plain_text("<b>markup</b>")  # the parser
    values.is_currency("USD")
    values.locale("en-US")
    for wording in WORDINGS.values():  # numbers, plurals and lists of each language
        wording.listing(["1", "2", "3"])
        wording.number(1_000)
        wording.locale.plural_form(1)
        wording.money(Decimal(1), "USD")
