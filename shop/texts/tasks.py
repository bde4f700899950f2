"""Writing tasks from the shop's own records: ids become readable names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scoring.types import ReasonKind
from shop.entities.evidence import Evidence
from shop.texts.facts import Fact, InsightTask, ItemTask, ProductFacts, ShopperFacts
from shop.texts.labels import brand_label, product_label
from shop.texts.wording import wording_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from shop.entities.catalog import Money, Product
    from shop.entities.explanations import WantedExplanation
    from shop.entities.users import KnownTastes, UserProfile
    from shop.jobs import ExplainItem
    from shop.texts.labels import CategoryLabels


def named_products(product_id: str, evidence: Iterable[Evidence]) -> set[str]:
    """Ids of all products that a text on this one may name."""
    return {product_id} | {reason.product_id for reason in evidence if reason.product_id is not None}


def item_task(
    item: ExplainItem | WantedExplanation, products: Mapping[str, Product], categories: CategoryLabels, language: str
) -> ItemTask:
    """What may be said of a product. `products` are its `named_products`, as far as they exist; itself it must."""
    product = products[item.product_id]
    facts = ProductFacts(
        name=product_label(product.name),
        brand=brand_label(product.brand),
        category=categories.label(product.category_id or "", beside=product.name) or "",
        price=_price_text(product.price, language),
        package_size=product.package_size,
        description=product.description,
    )
    evidence = [reason for reason in item.evidence if _holds(reason, product)]
    if item.evidence and not evidence:
        evidence.append(Evidence(ReasonKind.CATALOGUE, label=product.category_id))
    return ItemTask(facts, tuple(_fact(reason, product, products, categories) for reason in evidence), turn=item.turn)


def shopper_facts(tastes: KnownTastes, profile: UserProfile | None, categories: CategoryLabels) -> ShopperFacts:
    """What may be said of a shopper with an account."""
    return ShopperFacts(
        recent_categories=tuple(_category(id_, categories) for id_, _ in profile.categories) if profile else (),
        tastes=_labels(tastes, categories),
    )


def insight_task(tastes: KnownTastes, profile: UserProfile, categories: CategoryLabels, language: str) -> InsightTask:
    return InsightTask(
        language=language,
        categories=tuple((_category(id_, categories), count) for id_, count in profile.categories),
        brands=tuple((label, count) for brand, count in profile.brands if (label := brand_label(brand))),
        order_count=profile.order_count,
        average_price=_price_text(profile.average_price, language),
        tastes=_labels(tastes, categories),
    )


def _holds(evidence: Evidence, product: Product) -> bool:
    """False for a stated taste that is not, or no longer, one of the product's own labels: it may be anything that a
    shopper typed."""
    labels = {product.brand, *product.tags, *product.category_path}
    return evidence.kind is not ReasonKind.STATED_TASTE or evidence.label in labels


def _fact(evidence: Evidence, product: Product, products: Mapping[str, Product], categories: CategoryLabels) -> Fact:
    """Evidence with the names of its product and its category, beside the name of the product that it is for."""
    partner = products.get(evidence.product_id or "")
    name = product_label(partner.name) if partner else None
    if partner and name == product_label(product.name):
        name = partner.name
    label = evidence.label
    if label is not None and evidence.kind is ReasonKind.SAME_BRAND:
        label = brand_label(label)
    # A stated taste that is no category of this product is a brand or a tag, though a category may have such an id.
    elif label is not None and (evidence.kind is not ReasonKind.STATED_TASTE or label in product.category_path):
        label = _category(label, categories, product.name)
    return Fact(evidence.kind, name, label, evidence.count, evidence.value)


def _category(label: str, categories: CategoryLabels, beside: str = "") -> str:
    """A category's label for its id; the id, where the category is gone."""
    return categories.label(label, beside) or label


def _price_text(price: Money | None, language: str) -> str:
    """The price as the language writes it; empty for none."""
    return "" if price is None else wording_for(language).money(price.amount, price.currency)


def _labels(tastes: KnownTastes, categories: CategoryLabels) -> tuple[str, ...]:
    named = (label for id_ in tastes.categories if (label := categories.label(id_)))
    return (*named, *tastes.brands, *tastes.tags)
