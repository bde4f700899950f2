"""Changing the catalogue (staff)."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import strawberry

from graphql_api import enums  # noqa: F401 (registers them)
from graphql_api.catalog.types import Product
from graphql_api.context import Info
from graphql_api.limits.prices import costs
from graphql_api.limits.sizes import LONGEST_SKU, sizes
from graphql_api.payloads import INPUT, UserError, malformed
from graphql_api.relay import decode_id
from shop.entities.catalog import ChangeStatus, ProductDraft
from shop.errors import BadInputError, Problem
from shop.services.product_changes import MOST_PRODUCTS, NamedProduct, ProductResult
from shop.values import LONGEST_ADDRESS, LONGEST_ID, LONGEST_LABEL, LONGEST_NAME, LONGEST_TEXT, MOST_TAGS

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
        description="What to create or replace.", metadata=sizes(entries=MOST_PRODUCTS)
    )


@strawberry.type(description="What became of one product of a batch.")
class UpsertProductResult:
    index: int = strawberry.field(description="Its place in the input, from 0.")
    status: ChangeStatus = strawberry.field(description="In a word.")
    product: Product | None = strawberry.field(description="As it is stored now, null if it was refused.")
    user_errors: list[UserError] = strawberry.field(description="Why it was refused.", directives=costs(size=1))

    @classmethod
    def of(cls, index: int, result: ProductResult) -> UpsertProductResult:
        return cls(
            index=index,
            status=result.status,
            product=Product.of(result.product) if result.product else None,
            user_errors=[UserError.of(problem, f"products.{index}.") for problem in result.problems],
        )


@strawberry.type(description="What became of them: the good ones are stored, whatever is wrong with the others.")
class UpsertProductsPayload:
    products: list[Product] = strawberry.field(description="What is stored, in the order of the input.")
    results: list[UpsertProductResult] = strawberry.field(description="What became of each, in the order of the input.")
    user_errors: list[UserError] = strawberry.field(description="What was refused, and why.")


@strawberry.input(description="Products to withdraw or to restore, by their ids, their SKUs or both.")
class DeleteProductsInput:
    product_ids: list[strawberry.ID] = strawberry.field(
        default_factory=list, description="Their ids.", metadata=sizes(entries=MOST_PRODUCTS)
    )
    product_skus: list[str] = strawberry.field(
        default_factory=list,
        description="The shop's own article numbers; not those of variants.",
        metadata=sizes(entries=MOST_PRODUCTS, length=LONGEST_SKU),
    )
    restore: bool = strawberry.field(default=False, description="Put them back on offer instead.")

    def to_named(self) -> list[NamedProduct | Problem]:
        """A problem stands for an id that is none. Raises BadInputError for too many."""
        if len(self.product_ids) + len(self.product_skus) > MOST_PRODUCTS:
            raise BadInputError(f"At most {MOST_PRODUCTS:,} products at once; split the batch.", field="productIds")
        named = [_named(f"productIds.{index}", id_) for index, id_ in enumerate(self.product_ids)]
        skus = enumerate(self.product_skus)
        return named + [NamedProduct(f"productSkus.{index}", sku, by_sku=True) for index, sku in skus]


def _named(field: str, id_: str) -> NamedProduct | Problem:
    try:
        return NamedProduct(field, decode_id("Product", id_, field))
    except BadInputError as error:
        return malformed(error)


@strawberry.type(description="What became of them: the good ones are done, whatever is wrong with the others.")
class DeleteProductsPayload:
    products: list[Product] = strawberry.field(
        description="Those that are withdrawn now, or on offer again: first those of `productIds`, then those of "
        "`productSkus`, each in the order of the input."
    )
    user_errors: list[UserError] = strawberry.field(description="What was refused, and why.")


@strawberry.type
class CatalogMutation:
    @strawberry.mutation(
        description="Creates or replaces products, and tells `productUpdated` (staff). The good ones are stored beside "
        "bad ones. A withdrawn product is replaced too, and stays withdrawn.",
        directives=costs(20, size=1, sized_by=("input.products",), in_fields=("products", "results", "userErrors")),
    )
    async def upsert_products(self, info: Info, input: Annotated[UpsertProductsInput, INPUT]) -> UpsertProductsPayload:
        viewer = info.context.require_viewer()
        saved = await info.context.resources.product_changes.save([product.to_draft() for product in input.products])
        results = [UpsertProductResult.of(index, result) for index, result in enumerate(saved)]
        changes = {each.product.id: {"sku": each.product.sku} for each in saved if each.product is not None}
        await info.context.resources.audit.note_change("upsertProducts", viewer, changes)
        return UpsertProductsPayload(
            products=[result.product for result in results if result.product],
            results=results,
            user_errors=[error for result in results for error in result.user_errors],
        )

    @strawberry.mutation(
        description="Withdraws products: from the next list on no shopper sees them, anywhere, and `productUpdated` "
        "tells DELETED. What shoppers did with them stays, and `restore: true` brings all of it back. Doing it again "
        "changes nothing (staff).",
        directives=costs(
            20, size=1, sized_by=("input.productIds", "input.productSkus"), in_fields=("products", "userErrors")
        ),
    )
    async def delete_products(self, info: Info, input: Annotated[DeleteProductsInput, INPUT]) -> DeleteProductsPayload:
        viewer = info.context.require_viewer()
        service = info.context.resources.product_changes
        results = await service.withdraw(input.to_named(), viewer.user_id, restore=input.restore)
        return DeleteProductsPayload(
            products=[Product.of(result.product) for result in results if result.product],
            user_errors=[UserError.of(problem) for result in results for problem in result.problems],
        )
