"""Writing tasks from the shop's own records: ids become readable names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shop.texts.facts import Fact, InsightTask, ItemTask, ProductFacts, ShopperFacts
from shop.texts.wording import wording_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from shop.entities.catalog import Money, Product
    from shop.entities.evidence import Evidence
    from shop.entities.users import User, UserProfile


def named_products(product_id: str, evidence: Iterable[Evidence]) -> set[str]:
    """Ids of all products that a text on this one may name."""
    return {product_id} | {reason.product_id for reason in evidence if reason.product_id is not None}


def item_task(
    product: Product,
    evidence: Sequence[Evidence],
    products: Mapping[str, Product],
    category_names: Mapping[str, str],
    language: str,
) -> ItemTask:
    """What may be said of a product. `products` are its `named_products`, as far as they exist."""
    names = {id_: products[id_].name for id_ in named_products(product.id, evidence) if id_ in products}
    facts = ProductFacts(
        name=product.name,
        brand=product.brand,
        category=category_names.get(product.category_id or "", ""),
        price=_price_text(product.price, language),
        package_size=product.package_size,
        description=product.description,
    )
    return ItemTask(facts, tuple(Fact.of(reason, names, category_names) for reason in evidence))


def shopper_facts(user: User | None, profile: UserProfile | None, category_names: Mapping[str, str]) -> ShopperFacts:
    """What may be said of a shopper; nothing of an anonymous one."""
    return ShopperFacts(
        recent_categories=tuple(category_names.get(id_, id_) for id_, _ in profile.categories) if profile else (),
        tastes=_taste_names(user, category_names) if user else (),
    )


def insight_task(user: User, profile: UserProfile, category_names: Mapping[str, str]) -> InsightTask:
    return InsightTask(
        language=user.locale,
        categories=tuple((category_names.get(id_, id_), count) for id_, count in profile.categories),
        brands=profile.brands,
        order_count=profile.order_count,
        average_price=_price_text(profile.average_price, user.locale),
        tastes=_taste_names(user, category_names),
    )


def _price_text(price: Money | None, language: str) -> str:
    """The price as the language writes it; empty for none."""
    return "" if price is None else wording_for(language).money(price.amount, price.currency)


def _taste_names(user: User, category_names: Mapping[str, str]) -> tuple[str, ...]:
    stated = user.preferences
    return (*(category_names.get(id_, id_) for id_ in stated.categories), *stated.brands, *stated.tags)
