"""How the products of a listing divide: by category, brand and price."""

from __future__ import annotations

from typing import Annotated

import strawberry

from graphql_api.catalog.types import Category, Money, Product
from graphql_api.connections import Connection
from graphql_api.context import Info
from graphql_api.limits.prices import costs
from graphql_api.relay import MAX_PAGE
from shop.entities import catalog as entities
from shop.entities.facets import PriceRange
from shop.entities.paging import Page
from shop.errors import BadInputError
from shop.services.listing import Listing

_MOST_RANGES = 10
Most = Annotated[int, strawberry.argument(description=f"How many at most, 1 to {MAX_PAGE}; those with most products.")]
Ranges = Annotated[int, strawberry.argument(description=f"How many ranges at most, 1 to {_MOST_RANGES}.")]


@strawberry.type(description="A category and how many of the products lie in it or below it.")
class CategoryFacet:
    category: Category = strawberry.field(description="Pass its `id` in `filter.categories` to see only these.")
    count: int = strawberry.field(description="Products of the listing in it and below it.")


@strawberry.type(description="A brand and how many of the products are of it.")
class BrandFacet:
    value: str = strawberry.field(description="Pass it in `filter.brands` to see only these.")
    count: int = strawberry.field(description="Products of the listing of this brand.")


@strawberry.type(description="A range of prices and how many of the products lie in it.")
class PriceFacet:
    min: Money = strawberry.field(
        description="The lowest price of the range; pass its amount as `filter.minPrice` "
        "and its currency as `filter.currencyCode`."
    )
    max: Money = strawberry.field(description="The highest price of the range; pass its amount as `filter.maxPrice`.")
    count: int = strawberry.field(description="Products of the listing with a price in it, both ends included.")

    @classmethod
    def of(cls, range_: PriceRange) -> PriceFacet:
        least, most = (Money(amount=end.amount, currency_code=end.currency) for end in (range_.least, range_.most))
        return cls(min=least, max=most, count=range_.count)


@strawberry.type(
    description="Counts over all pages of the listing, as filtered and searched. Each is counted when asked."
)
class ProductFacets:
    listing: strawberry.Private[Listing]

    @strawberry.field(
        description="Categories by falling count. A product counts in its category and in all above it.",
        directives=costs(50, size=20, sized_by=("first",)),
    )
    async def categories(self, info: Info, first: Most = 20) -> list[CategoryFacet] | None:
        known = await info.context.resources.catalog.categories()
        counts = await self.listing.categories(_checked(first, MAX_PAGE))
        return [
            CategoryFacet(category=Category.of(known[each.value], known), count=each.count)
            for each in counts
            if each.value in known
        ]

    @strawberry.field(
        description="Brands by falling count; products without one are left out.",
        directives=costs(50, size=20, sized_by=("first",)),
    )
    async def brands(self, first: Most = 20) -> list[BrandFacet] | None:
        counts = await self.listing.brands(_checked(first, MAX_PAGE))
        return [BrandFacet(value=each.value, count=each.count) for each in counts]

    @strawberry.field(
        description="Ranges of prices from low to high, with round ends and about as many products in each. Products "
        "without a price are left out, and those in another currency than most of the listing.",
        directives=costs(100, size=5, sized_by=("first",)),
    )
    async def prices(self, first: Ranges = 5) -> list[PriceFacet] | None:
        return [PriceFacet.of(each) for each in await self.listing.prices(_checked(first, _MOST_RANGES))]


@strawberry.type(description="One page of products, in the order asked for.")
class ProductConnection(Connection[Product]):
    facets: ProductFacets = strawberry.field(
        description="How all products of the listing divide, for filters with counts beside them."
    )

    @classmethod
    def of_listing(cls, page: Page[entities.Product], listing: Listing) -> ProductConnection:
        whole = Connection.of(page, Product.of, listing.count)
        return cls(
            edges=whole.edges,
            nodes=whole.nodes,
            page_info=whole.page_info,
            count=whole.count,
            facets=ProductFacets(listing=listing),
        )


def _checked(first: int, most: int) -> int:
    if not 1 <= first <= most:
        raise BadInputError(f"first must be between 1 and {most}, not {first}.", field="first")
    return first
