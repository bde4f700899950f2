"""Changing the catalogue (staff)."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import strawberry

from graphql_api.catalog.types import Product
from graphql_api.context import Info
from graphql_api.payloads import INPUT, UserError
from graphql_api.relay import decode_id
from shop.entities import catalog as entities
from shop.errors import BadInputError
from shop.services.catalog import CatalogService

_MAX_PRODUCTS = 500


@strawberry.input(description="A product as the shop describes it; it replaces what was there under the same SKU.")
class ProductInput:
    sku: str = strawberry.field(description="The shop's own article number; names the product.")
    name: str = strawberry.field(description="As shoppers read it.")
    description: str = strawberry.field(default="", description="Plain text.")
    category_id: strawberry.ID | None = strawberry.field(default=None, description="The category it lies in.")
    brand: str = strawberry.field(default="", description="As shoppers read it.")
    tags: list[str] = strawberry.field(default_factory=list, description="Short labels to filter by.")
    price: Decimal | None = strawberry.field(default=None, description="In whole units, such as 3.49.")
    currency_code: str = strawberry.field(default="USD", description="ISO 4217.")
    package_size: str = strawberry.field(default="", description="Such as `14.5 oz`.")
    image_url: str | None = strawberry.field(default=None, description="Where its picture is.")
    in_stock: bool = strawberry.field(default=True, description="Whether it can be bought now.")
    rating: float | None = strawberry.field(default=None, description="Mean rating from 0 to 5.")


@strawberry.input(description="Products to store.")
class UpsertProductsInput:
    products: list[ProductInput] = strawberry.field(description=f"At most {_MAX_PRODUCTS}.")


@strawberry.type(description="What became of them.")
class UpsertProductsPayload:
    products: list[Product] = strawberry.field(description="What was stored.")
    user_errors: list[UserError] = strawberry.field(description="What was not, and why.")


@strawberry.type
class CatalogMutation:
    @strawberry.mutation(description="Creates or replaces products, and tells `productUpdated` (staff).")
    async def upsert_products(self, info: Info, input: Annotated[UpsertProductsInput, INPUT]) -> UpsertProductsPayload:
        info.context.require_staff()
        if len(input.products) > _MAX_PRODUCTS:
            raise BadInputError(f"At most {_MAX_PRODUCTS} products at once; split the batch.", field="products")
        catalog = info.context.resources.catalog
        products, errors = await _to_entities(catalog, input.products)
        if errors:
            return UpsertProductsPayload(products=[], user_errors=errors)
        stored = await catalog.upsert(products)
        return UpsertProductsPayload(products=[Product.of(product) for product in stored], user_errors=[])


async def _to_entities(
    catalog: CatalogService, inputs: list[ProductInput]
) -> tuple[list[entities.Product], list[UserError]]:
    """The products to store, and why not all of them can be."""
    known = await catalog.categories()
    errors = [error for index, product in enumerate(inputs) for error in _errors(index, product, known)]
    errors += _repeated(inputs)
    products: list[entities.Product] = []
    for index, product in enumerate([] if errors else inputs):
        before = await catalog.by_sku(product.sku)
        if before and before.sku != product.sku:
            message = f"This is the SKU of a variant of the product with the SKU {before.sku!r}; choose another."
            errors.append(_sku_error(index, "CONFLICT", message))
        if before is None and await catalog.get_many([product.sku]):
            errors.append(_sku_error(index, "CONFLICT", "Another product has this SKU as its id; choose another."))
        products.append(_entity(product, before, known))
    return products, errors


def _errors(index: int, product: ProductInput, known: dict[str, entities.Category]) -> list[UserError]:
    category = _category(product)
    checks = (
        (bool(product.sku.strip()), "sku", "REQUIRED", "A SKU must not be empty."),
        (bool(product.name.strip()), "name", "REQUIRED", "A name must not be empty."),
        (category is None or category in known, "categoryId", "NOT_FOUND", f"There is no category {category!r}."),
        (
            product.price is None or entities.is_price(product.price),
            "price",
            "OUT_OF_RANGE",
            "A price is 0 or more, and below a billion.",
        ),
        (product.rating is None or 0 <= product.rating <= 5, "rating", "OUT_OF_RANGE", "A rating is between 0 and 5."),
        (
            entities.is_currency(product.currency_code),
            "currencyCode",
            "INVALID",
            "A currency is three capitals, such as USD.",
        ),
    )
    return [
        UserError(field=f"products.{index}.{field}", code=code, message=message)
        for holds, field, code, message in checks
        if not holds
    ]


def _category(product: ProductInput) -> str | None:
    return decode_id("Category", product.category_id, "categoryId") if product.category_id else None


def _repeated(products: list[ProductInput]) -> list[UserError]:
    first: dict[str, int] = {}
    return [
        _sku_error(index, "DUPLICATE", "This SKU is in the batch already.")
        for index, product in enumerate(products)
        if first.setdefault(product.sku, index) != index
    ]


def _sku_error(index: int, code: str, message: str) -> UserError:
    return UserError(field=f"products.{index}.sku", code=code, message=message)


def _entity(
    product: ProductInput, before: entities.Product | None, known: dict[str, entities.Category]
) -> entities.Product:
    category = _category(product)
    return entities.Product(
        id=before.id if before else product.sku,
        sku=product.sku,
        name=product.name,
        description=product.description,
        category_path=known[category].path if category else (),
        brand=product.brand,
        tags=tuple(product.tags),
        price=entities.Money(product.price, product.currency_code) if product.price is not None else None,
        package_size=product.package_size,
        image_url=product.image_url,
        in_stock=product.in_stock,
        rating=product.rating,
    )
