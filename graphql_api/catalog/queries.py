"""Reading the catalogue."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import strawberry

from graphql_api.arguments import After, Before, First, Last
from graphql_api.catalog.facets import ProductConnection
from graphql_api.catalog.types import (
    Category,
    Product,
    ProductFilterInput,
    require_categories,
)
from graphql_api.context import Info
from graphql_api.limits.prices import costs, page_costs
from graphql_api.limits.sizes import LONGEST_SKU, sizes
from graphql_api.permissions.table import PERMISSIONS
from graphql_api.relay import decode_id, page_request
from shop.entities.paging import ProductFilter, ProductSort
from shop.errors import BadInputError
from shop.search.terms import LONGEST_SEARCH

ProductKey = Annotated[strawberry.ID | None, strawberry.argument(description="Its id, or else its SKU.")]
Sku = Annotated[
    str | None, strawberry.argument(description="The shop's own article number.", metadata=sizes(length=LONGEST_SKU))
]
Search = Annotated[
    str | None,
    strawberry.argument(
        description="Words of name, SKU, brand, tags, category or description. All are plain "
        "words: quotes and signs have no meaning.",
        metadata=sizes(length=LONGEST_SEARCH),
    ),
]
Filter = Annotated[ProductFilterInput | None, strawberry.argument(description="Which products.")]
Sort = Annotated[
    ProductSort | None,
    strawberry.argument(
        description="If left out, RELEVANCE with search, else POPULARITY. By price, products without one come last."
    ),
]
Withdrawn = Annotated[
    bool, strawberry.argument(description="Only what is withdrawn (staff); false: only what is on offer.")
]
ParentId = Annotated[strawberry.ID | None, strawberry.argument(description="Only what is right below this category.")]


@strawberry.type
class CatalogQuery:
    @strawberry.field(
        description="One product, by its id or by the shop's own article number. Null if unknown, and for shoppers if "
        "it is withdrawn.",
        directives=costs(2),
    )
    async def product(self, info: Info, id: ProductKey = None, sku: Sku = None) -> Product | None:
        if (id is None) == (sku is None):
            raise BadInputError("Pass either id or sku.", field="id")
        catalog = info.context.resources.catalog
        if sku is not None:
            found = await catalog.by_sku(sku)
        else:
            product_id = decode_id("Product", id or "")
            found = (await catalog.get_many([product_id], also_withdrawn=True)).get(product_id)
        hidden = found is not None and found.withdrawn_at is not None and not info.context.sees_withdrawn
        return None if found is None or hidden else Product.of(found)

    @strawberry.field(
        description="Products to browse or search. `search` wants all of its words; case, accents and width do not "
        "matter, and where hardly anything has a word as typed, one typing error is forgiven and a last word that is "
        "only begun is completed.",
        directives=page_costs(20),
    )
    async def products(
        self,
        info: Info,
        search: Search = None,
        filter: Filter = None,
        sort: Sort = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        withdrawn: Withdrawn = False,
    ) -> ProductConnection | None:
        if withdrawn:
            PERMISSIONS["Mutation"]["deleteProducts"].require(info.context.viewer)
        text = search if search and search.strip() else None
        order = _order(sort, text)
        page = page_request(first, after, last, before, sort=order.value)
        filter_ = replace(filter.to_listing() if filter else ProductFilter(), withdrawn=withdrawn)
        await require_categories(info.context.resources.catalog, set(filter_.categories))
        listing = await info.context.resources.listings.find(filter_, text)
        return ProductConnection.of_listing(await listing.page(order, page), listing)

    @strawberry.field(description="The categories below one, or the top ones.", directives=costs(size=30))
    async def categories(self, info: Info, parent_id: ParentId = None) -> list[Category] | None:
        catalog = info.context.resources.catalog
        known = await catalog.categories()
        parent = decode_id("Category", parent_id, "parentId") if parent_id else None
        if parent is not None and parent not in known:
            raise BadInputError(f"There is no category {parent!r}.", field="parentId")
        return [Category.of(category, known) for category in await catalog.categories_below(parent)]


def _order(sort: ProductSort | None, search: str | None) -> ProductSort:
    if sort is None:
        return ProductSort.RELEVANCE if search else ProductSort.POPULARITY
    if sort is ProductSort.RELEVANCE and not search:
        raise BadInputError("RELEVANCE needs search; sort by POPULARITY instead.", field="sort")
    return sort
