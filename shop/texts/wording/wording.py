"""How one language says it.

A message is usable when every field it names is known. Fields: `partner` (another product), `label`, and the units of the
language, each written in the plural form that its number asks for (CLDR categories; "=2" is for exactly two). `crowd_have`
is `shoppers_have` of many. A message begins with a capital letter, a number or a quotation mark, so never with a label.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from babel import Locale
from babel.lists import format_list
from babel.numbers import format_currency, format_decimal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from scoring.types import ReasonKind

Forms = dict[str, str]


@dataclass(frozen=True)
class Wording:
    """All sentences of the template in one language; plurals, numbers and lists are the CLDR's, by Babel."""

    language: str
    units: Mapping[str, Forms]
    reasons: Mapping[ReasonKind, tuple[str, ...]]
    opening: str  # for a product without usable evidence
    closings: tuple[str, ...]  # fields: brand, category, size
    insights: tuple[str, ...]  # fields: categories, brand, price, tastes

    @cached_property
    def locale(self) -> Locale:
        return Locale.parse(self.language)

    def unit(self, name: str, count: int) -> str:
        """The unit with its number, in the right plural form."""
        forms = self.units[name]
        form = forms.get(f"={count}") or forms.get(self.locale.plural_form(count)) or forms["other"]
        return form.format(n=self.number(count))

    def number(self, value: int) -> str:
        """Thousands in groups."""
        return format_decimal(value, locale=self.locale)

    def listing(self, parts: Sequence[str]) -> str:
        """ "a, b and c"."""
        return format_list(list(parts), locale=self.locale).replace(", and ", " and ")

    def money(self, amount: Decimal, currency: str) -> str:
        return format_currency(amount, currency, locale=self.locale)
