"""Facts in readable words, shared by the tasks that have texts written."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shop.entities.catalog import Money
    from shop.entities.people import User
    from shop.services.catalog import CatalogService

_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£"}


async def labels_of(catalog: CatalogService) -> dict[str, str]:
    """Category names by id."""
    return {id_: category.name for id_, category in (await catalog.categories()).items()}


def price_text(price: Money | None) -> str:
    if price is None:
        return ""
    sign = _SIGNS.get(price.currency)
    return f"{sign}{price.amount}" if sign else f"{price.amount} {price.currency}"


def taste_names(user: User | None, labels: Mapping[str, str]) -> tuple[str, ...]:
    if user is None:
        return ()
    stated = user.preferences
    return (*(labels.get(id_, id_) for id_ in stated.categories), *stated.brands, *stated.tags)
