"""From the shop's own records to facts in readable words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shop.texts.facts import Fact, ItemTask, ProductFacts
from shop.texts.wording import wording_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from shop.entities.catalog import Money, Product
    from shop.entities.evidence import Evidence
    from shop.entities.users import User
    from shop.services.catalog import CatalogService


def subjects(product_id: str, evidence: Iterable[Evidence]) -> set[str]:
    """Ids of all products that a text on this one may name."""
    return {product_id} | {reason.product_id for reason in evidence if reason.product_id is not None}


def item_task(
    product: Product,
    evidence: Sequence[Evidence],
    products: Mapping[str, Product],
    labels: Mapping[str, str],
    language: str,
) -> ItemTask:
    """What may be said of a product. `products` are its `subjects`, as far as they exist; `labels` name categories."""
    names = {id_: products[id_].name for id_ in subjects(product.id, evidence) if id_ in products}
    facts = ProductFacts(
        name=product.name,
        brand=product.brand,
        category=labels.get(product.category_id or "", ""),
        price=price_text(product.price, language),
        package_size=product.package_size,
        description=product.description,
    )
    return ItemTask(facts, tuple(Fact.of(reason, names, labels) for reason in evidence))


async def labels_of(catalog: CatalogService) -> dict[str, str]:
    """Category names by id."""
    return {id_: category.name for id_, category in (await catalog.categories()).items()}


def price_text(price: Money | None, language: str) -> str:
    """The price as the language writes it; empty for none."""
    return "" if price is None else wording_for(language).money(price.amount, price.currency)


def taste_names(user: User | None, labels: Mapping[str, str]) -> tuple[str, ...]:
    if user is None:
        return ()
    stated = user.preferences
    return (*(labels.get(id_, id_) for id_ in stated.categories), *stated.brands, *stated.tags)
