"""Reading the catalogue."""

from __future__ import annotations

from typing import Annotated

import strawberry

from graphql_api.arguments import After, Before, First, Last
from graphql_api.catalog.types import (
    Category,
    Product,
    ProductFilterInput,
    require_categories,
)
from graphql_api.connections import Connection
from graphql_api.context import Info
from graphql_api.relay import decode_id, page_request
from shop.entities.paging import ProductFilter, ProductSort
from shop.errors import BadInputError

ProductKey = Annotated[strawberry.ID | None, strawberry.argument(description="Its id, or else its SKU.")]
Sku = Annotated[str | None, strawberry.argument(description="The shop's own article number.")]
Search = Annotated[str | None, strawberry.argument(description="Words of name, brand or description.")]
Filter = Annotated[ProductFilterInput | None, strawberry.argument(description="Which products.")]
Sort = Annotated[ProductSort | None, strawberry.argument(description="RELEVANCE with search, else POPULARITY.")]
ParentId = Annotated[strawberry.ID | None, strawberry.argument(description="Only what is right below this category.")]


@strawberry.type
class CatalogQuery:
    @strawberry.field(description="One product, by its id or by the shop's own article number. Null if unknown.")
    async def product(self, info: Info, id: ProductKey = None, sku: Sku = None) -> Product | None:
        if (id is None) == (sku is None):
            raise BadInputError("Pass either id or sku.", field="id")
        catalog = info.context.resources.catalog
        if sku is not None:
            found = await catalog.by_sku(sku)
        else:
            product_id = decode_id("Product", id or "")
            found = (await catalog.get_many([product_id])).get(product_id)
        return Product.of(found) if found else None

    @strawberry.field(description="Products to browse or search. `search` wants all of its words.")
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
    ) -> Connection[Product] | None:
        words = _searchable(search)
        order = _order(sort, words)
        page = page_request(first, after, last, before, sort=order.value)
        filter_ = filter.to_listing() if filter else ProductFilter()
        catalog = info.context.resources.catalog
        await require_categories(catalog, set(filter_.categories))
        found = await catalog.page(filter_, order, page, words)
        return Connection.of(found, Product.of, lambda: catalog.count(filter_, words))

    @strawberry.field(description="The categories below one, or the top ones.")
    async def categories(self, info: Info, parent_id: ParentId = None) -> list[Category] | None:
        known = await info.context.resources.catalog.categories()
        parent = decode_id("Category", parent_id, "parentId") if parent_id else None
        if parent is not None and parent not in known:
            raise BadInputError(f"There is no category {parent!r}.", field="parentId")
        return [Category.of(category, known) for category in known.values() if category.parent_id == parent]


def _searchable(search: str | None) -> str | None:
    if search is None or not search.strip():
        return None
    if not any(letter.isalnum() for letter in search):
        raise BadInputError("search needs at least one letter or digit.", field="search")
    if len(search) > 200:
        raise BadInputError("search may have 200 characters at most.", field="search")
    return search


def _order(sort: ProductSort | None, search: str | None) -> ProductSort:
    if sort is None:
        return ProductSort.RELEVANCE if search else ProductSort.POPULARITY
    if sort is ProductSort.RELEVANCE and not search:
        raise BadInputError("RELEVANCE needs search; sort by POPULARITY instead.", field="sort")
    return sort
