"""Explanations that the template writes within the request."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shop.entities.explanations import TEMPLATE_VERSION, Text, TextSource
from shop.errors import UnavailableError
from shop.store.documents import stored_time
from shop.texts.tasks import item_task, named_products
from shop.texts.template import explain_item

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shop.entities.catalog import Product
    from shop.entities.evidence import Evidence
    from shop.services.catalog import CatalogService


async def template_texts(
    catalog: CatalogService, evidence: Mapping[str, tuple[Evidence, ...]], language: str
) -> dict[str, Text]:
    """A text for each product's evidence, by the product's id; without those that are not to be found."""
    named = {id_ for own, reasons in evidence.items() for id_ in named_products(own, reasons)}
    try:
        products = await _products(catalog, named)
        category_names = await catalog.category_names()
    except UnavailableError:
        return {}
    now = stored_time(datetime.now(UTC))
    texts = {}
    for id_, reasons in evidence.items():
        if id_ in products:
            sentences = explain_item(item_task(products[id_], reasons, products, category_names, language), language)
            texts[id_] = Text(sentences, TextSource.TEMPLATE, None, TEMPLATE_VERSION, now)
    return texts


async def _products(catalog: CatalogService, ids: set[str]) -> dict[str, Product]:
    try:
        return await catalog.get_many(ids)
    except UnavailableError:
        return catalog.in_memory(ids)
