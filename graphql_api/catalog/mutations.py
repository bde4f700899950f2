"""Changing the catalogue (staff)."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import strawberry

from graphql_api.catalog.types import Product
from graphql_api.context import Info
from graphql_api.limits.prices import costs
from graphql_api.limits.sizes import sizes
from graphql_api.payloads import INPUT, UserError, malformed
from graphql_api.relay import decode_id
from shop.entities.catalog import ProductDraft
from shop.errors import BadInputError, Problem
from shop.values import LONGEST_ADDRESS, LONGEST_ID, LONGEST_LABEL, LONGEST_NAME, LONGEST_TEXT, MOST_TAGS

_MAX_PRODUCTS = 500
_PLAIN = "Markup becomes plain text."


@strawberry.input(
    description="A product as the shop describes it; it replaces what was there under the same SKU. Its answer is what "
    "is stored."
)
class ProductInput:
    sku: str = strawberry.field(
        description="The shop's own article number; names the product. Spaces around it are left out.",
        metadata=sizes(length=LONGEST_ID, told=True),
    )
    name: str = strawberry.field(
        description=f"As shoppers read it. {_PLAIN}", metadata=sizes(length=LONGEST_NAME, told=True)
    )
    description: str = strawberry.field(
        default="", description=f"As shoppers read it. {_PLAIN}", metadata=sizes(length=LONGEST_TEXT, told=True)
    )
    category_id: strawberry.ID | None = strawberry.field(default=None, description="The category it lies in.")
    brand: str = strawberry.field(
        default="", description=f"As shoppers read it. {_PLAIN}", metadata=sizes(length=LONGEST_LABEL, told=True)
    )
    tags: list[str] = strawberry.field(
        default_factory=list,
        description=f"Short labels to filter by. {_PLAIN}",
        metadata=sizes(entries=MOST_TAGS, length=LONGEST_LABEL, told=True),
    )
    price: Decimal | None = strawberry.field(
        default=None, description="In whole units, such as 3.49, with no more digits than the currency has."
    )
    currency_code: str = strawberry.field(default="USD", description="ISO 4217.", metadata=sizes(length=3, told=True))
    package_size: str = strawberry.field(
        default="", description=f"Such as `14.5 oz`. {_PLAIN}", metadata=sizes(length=LONGEST_LABEL, told=True)
    )
    image_url: str | None = strawberry.field(
        default=None,
        description="Where its picture is; begins with https:// or http://.",
        metadata=sizes(length=LONGEST_ADDRESS, told=True),
    )
    in_stock: bool = strawberry.field(default=True, description="Whether it can be bought now.")
    rating: float | None = strawberry.field(default=None, description="Mean rating from 0 to 5.")

    def to_draft(self) -> ProductDraft | Problem:
        try:
            category_id = decode_id("Category", self.category_id, "categoryId") if self.category_id else None
        except BadInputError as error:
            return malformed(error)
        return ProductDraft(
            sku=self.sku,
            name=self.name,
            description=self.description,
            category_id=category_id,
            brand=self.brand,
            tags=tuple(self.tags),
            price=self.price,
            currency=self.currency_code,
            package_size=self.package_size,
            image_url=self.image_url,
            in_stock=self.in_stock,
            rating=self.rating,
        )


@strawberry.input(description="Products to store.")
class UpsertProductsInput:
    products: list[ProductInput] = strawberry.field(
        description="What to create or replace.", metadata=sizes(entries=_MAX_PRODUCTS)
    )


@strawberry.type(description="What became of them: the good ones are stored, whatever is wrong with the others.")
class UpsertProductsPayload:
    products: list[Product] = strawberry.field(description="What is stored, in the order of the input.")
    user_errors: list[UserError] = strawberry.field(description="What was refused, and why.")


@strawberry.type
class CatalogMutation:
    @strawberry.mutation(
        description="Creates or replaces products, and tells `productUpdated` (staff). The good ones are stored beside "
        "bad ones.",
        directives=costs(20, size=1, sized_by=("input.products",), in_fields=("products", "userErrors")),
    )
    async def upsert_products(self, info: Info, input: Annotated[UpsertProductsInput, INPUT]) -> UpsertProductsPayload:
        viewer = info.context.require_viewer()
        if len(input.products) > _MAX_PRODUCTS:
            raise BadInputError(f"At most {_MAX_PRODUCTS} products at once; split the batch.", field="products")
        saved = await info.context.resources.catalog.save([product.to_draft() for product in input.products])
        changes = {product.id: {"sku": product.sku} for product in saved.stored}
        await info.context.resources.audit.note_change("upsertProducts", viewer, changes)
        return UpsertProductsPayload(
            products=[Product.of(product) for product in saved.stored],
            user_errors=[UserError.of(problem, f"products.{index}.") for index, problem in saved.refused],
        )
