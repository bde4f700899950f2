"""Products as the shop describes them, checked by the rules for values, and made what is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shop import values
from shop.entities.catalog import Product
from shop.errors import Problem
from shop.services.field_checks import FieldChecks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shop.entities.catalog import Category, ProductDraft


def read_draft(draft: ProductDraft, categories: Mapping[str, Category]) -> Product | list[Problem]:
    """The product, its id for now the SKU, or all that is wrong with it."""
    checks = FieldChecks()
    sku = checks.take("sku", values.clean_id, draft.sku)
    name = checks.text("name", draft.name, most=values.LONGEST_NAME)
    if not name:
        checks.refuse("name", "REQUIRED", "A name must not be empty.")
    category = categories.get(draft.category_id or "")
    if draft.category_id is not None and category is None:
        checks.refuse("categoryId", "NOT_FOUND", f"There is no category {values.shown(draft.category_id)}.")
    product = Product(
        id=sku,
        sku=sku,
        name=name,
        description=checks.text("description", draft.description),
        category_path=category.path if category else (),
        brand=checks.text("brand", draft.brand, most=values.LONGEST_LABEL),
        tags=_tags(checks, draft),
        price=checks.money(draft.price, draft.currency),
        package_size=checks.text("packageSize", draft.package_size, most=values.LONGEST_LABEL),
        image_url=checks.take("imageUrl", values.web_address, draft.image_url) if draft.image_url else None,
        in_stock=draft.in_stock,
        rating=checks.take("rating", values.rating, draft.rating) if draft.rating is not None else None,
    )
    return checks.problems or product


def _tags(checks: FieldChecks, draft: ProductDraft) -> tuple[str, ...]:
    """Each once, without the empty ones."""
    if len(draft.tags) > values.MOST_TAGS:
        checks.refuse("tags", "TOO_LONG", f"A product has {values.MOST_TAGS} tags at most.")
        return ()
    tags = (checks.text("tags", text, most=values.LONGEST_LABEL) for text in draft.tags)
    return tuple(dict.fromkeys(tag for tag in tags if tag))


def sku_problem(sku: str, of_sku: Product | None, of_id: Product | None) -> Problem | None:
    """Why the SKU cannot name a product: SKUs and ids are two name spaces, and variants have SKUs too. The products are
    those that have it as a SKU, and as an id."""
    if of_sku is not None and of_sku.sku != sku:
        message = f"This is the SKU of a variant of the product with the SKU {of_sku.sku!r}; choose another."
        return Problem("sku", "CONFLICT", message)
    if of_sku is None and of_id is not None:
        return Problem("sku", "CONFLICT", "Another product has this SKU as its id; choose another.")
    return None
