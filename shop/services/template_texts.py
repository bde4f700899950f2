"""Explanations that the template writes within the request."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shop.entities.explanations import TEMPLATE_VERSION, Text, TextSource
from shop.errors import UnavailableError
from shop.store.documents import stored_time
from shop.texts.tasks import item_task, named_products
from shop.texts.template import explain_item
from shop.turns import give_way

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shop.entities.catalog import Product
    from shop.entities.explanations import WantedExplanation
    from shop.services.catalog import CatalogService


async def template_texts(
    catalog: CatalogService, wanted: Iterable[WantedExplanation], language: str
) -> dict[str, Text]:
    """A text for each item, by its key; without those whose product is not to be found."""
    items = list(wanted)
    try:
        products = await _products(
            catalog, {id_ for item in items for id_ in named_products(item.product_id, item.evidence)}
        )
        categories = await catalog.category_labels()
    except UnavailableError:
        return {}
    now = stored_time(datetime.now(UTC))
    texts = {}
    for item in items:
        if item.product_id in products:
            sentences = explain_item(item_task(item, products, categories, language), language)
            texts[item.key] = Text(sentences, TextSource.TEMPLATE, None, TEMPLATE_VERSION, now)
            await give_way()
    return texts


async def _products(catalog: CatalogService, ids: set[str]) -> dict[str, Product]:
    try:
        return await catalog.get_many(ids)
    except UnavailableError:
        return catalog.in_memory(ids)
