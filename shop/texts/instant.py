"""The template's texts at once, for an answer that is being put together."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shop.entities.explanations import TEMPLATE_VERSION, Text, TextSource
from shop.errors import UnavailableError
from shop.texts.gather import item_task, subjects
from shop.texts.template import explain_item

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shop.entities.catalog import Product
    from shop.entities.evidence import Evidence
    from shop.services.catalog import CatalogService


async def write_now(
    catalog: CatalogService, evidence: Mapping[str, tuple[Evidence, ...]], language: str
) -> dict[str, Text]:
    """A text for each product's evidence, by the product's id; without those that are not to be found."""
    try:
        products = await _products(
            catalog, {id_ for own, reasons in evidence.items() for id_ in subjects(own, reasons)}
        )
        categories = await catalog.categories()
    except UnavailableError:
        return {}
    named = {product.category_id for product in products.values()}
    named |= {reason.label for reasons in evidence.values() for reason in reasons}
    labels = {id_: categories[id_].name for id_ in named if id_ is not None and id_ in categories}
    now = datetime.now(UTC)
    texts = {}
    for id_, reasons in evidence.items():
        if id_ in products:
            sentences = explain_item(item_task(products[id_], reasons, products, labels, language), language)
            texts[id_] = Text(sentences, TextSource.TEMPLATE, None, TEMPLATE_VERSION, now)
    return texts


async def _products(catalog: CatalogService, ids: set[str]) -> dict[str, Product]:
    try:
        return await catalog.get_many(ids)
    except UnavailableError:
        return catalog.in_memory(ids)
