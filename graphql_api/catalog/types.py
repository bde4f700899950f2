"""Products, categories, money."""

from __future__ import annotations

import builtins
from collections.abc import Awaitable
from datetime import datetime
from decimal import Decimal

import strawberry

from graphql_api import enums  # noqa: F401 (registers them)
from graphql_api.arguments import Neighbours
from graphql_api.context import Info
from graphql_api.limits.prices import costs
from graphql_api.limits.sizes import LONGEST_SHORT, MOST_ENTRIES, sizes
from graphql_api.relay import MAX_PAGE, Node, decode_ids, encode_id
from scoring.types import ItemFilter, Scenario
from shop.entities import catalog as entities
from shop.entities.paging import ProductFilter
from shop.errors import BadInputError, CostExceededError
from shop.services.catalog import CatalogService
from shop.values import LONGEST_LABEL, is_currency, shown


@strawberry.type(description="An exact amount of money.")
class Money:
    amount: Decimal = strawberry.field(description="The amount in whole units, such as 3.49.")
    currency_code: str = strawberry.field(description="ISO 4217, such as USD.")

    @classmethod
    def of(cls, money: entities.Money | None) -> Money | None:
        return None if money is None else cls(amount=money.amount, currency_code=money.currency)


@strawberry.type(description="A node of the category tree.")
class Category(Node):
    name: str = strawberry.field(description="As shoppers read it.")
    path: list[str] = strawberry.field(description="Names from the root to this category, for a breadcrumb.")
    product_count: int = strawberry.field(description="Products in it and below it.")
    raw: strawberry.Private[entities.Category]

    @classmethod
    def of(cls, category: entities.Category, known: dict[str, entities.Category]) -> Category:
        return cls(
            id=encode_id("Category", category.id),
            name=category.name,
            path=[known[id_].name for id_ in category.path if id_ in known],
            product_count=category.product_count,
            raw=category,
        )

    @strawberry.field(description="The category above, null at the root.")
    async def parent(self, info: Info) -> Category | None:
        known = await info.context.resources.catalog.categories()
        parent = known.get(self.raw.parent_id or "")
        return Category.of(parent, known) if parent else None

    @strawberry.field(description="The categories right below.", directives=costs(size=20))
    async def children(self, info: Info) -> list[Category]:
        catalog = info.context.resources.catalog
        known = await catalog.categories()
        return [Category.of(child, known) for child in await catalog.categories_below(self.raw.id)]


@strawberry.type(description="Something the shop sells.")
class Product(Node):
    sku: str = strawberry.field(description="The shop's own article number.")
    name: str = strawberry.field(description="As shoppers read it.")
    description: str = strawberry.field(description="Plain text, may be empty.")
    brand: str = strawberry.field(description="May be empty.")
    tags: list[str] = strawberry.field(description="Short labels to filter by.")
    price: Money | None = strawberry.field(description="Null when the shop has not named one.")
    package_size: str = strawberry.field(description="Such as `14.5 oz`, may be empty.")
    image_url: str | None = strawberry.field(description="Null when there is no picture.")
    in_stock: bool = strawberry.field(description="Whether it can be bought now; recommendations leave out the rest.")
    rating: float | None = strawberry.field(description="Mean rating from 0 to 5.")
    popularity: float = strawberry.field(description="0 to 1: its buyers as a share of the best seller's.")
    buyer_count: int = strawberry.field(description="Shoppers who bought it.")
    created_at: datetime | None = strawberry.field(description="When it came into the catalogue.")
    updated_at: datetime | None = strawberry.field(description="When it last changed.")
    withdrawn_at: datetime | None = strawberry.field(
        description="Since when it is out of the shop, as `deleteProducts` takes it out; null while it is on offer. "
        "Only staff see products that are withdrawn."
    )
    raw: strawberry.Private[entities.Product]

    @classmethod
    def of(cls, product: entities.Product) -> Product:
        return cls(
            id=encode_id("Product", product.id),
            sku=product.sku,
            name=product.name,
            description=product.description,
            brand=product.brand,
            tags=list(product.tags),
            price=Money.of(product.price),
            package_size=product.package_size,
            image_url=product.image_url,
            in_stock=product.in_stock,
            rating=product.rating,
            popularity=product.popularity,
            buyer_count=product.buyer_count,
            created_at=product.created_at,
            updated_at=product.updated_at,
            withdrawn_at=product.withdrawn_at,
            raw=product,
        )

    @strawberry.field(description="Its place in the category tree.")
    async def category(self, info: Info) -> Category | None:
        known = await info.context.resources.catalog.categories()
        category = known.get(self.raw.category_id or "")
        return Category.of(category, known) if category else None

    @strawberry.field(
        description="Products that resemble it, best first.", directives=costs(5, size=5, sized_by=("first",))
    )
    async def similar(self, info: Info, first: Neighbours = 5) -> list[Product] | None:
        return await _neighbours(info, self.raw.id, Scenario.SIMILAR, first)

    @strawberry.field(
        description="Products that go into the same basket more often than chance, best first.",
        directives=costs(5, size=5, sized_by=("first",)),
    )
    async def bought_together(self, info: Info, first: Neighbours = 5) -> list[Product] | None:
        return await _neighbours(info, self.raw.id, Scenario.BOUGHT_TOGETHER, first)


_NEIGHBOUR_FIELDS = {"similar", "boughtTogether"}


async def _neighbours(info: Info, product_id: str, scenario: Scenario, first: int) -> list[Product]:
    if not 1 <= first <= MAX_PAGE:
        raise BadInputError(f"first must be between 1 and {MAX_PAGE}, not {first}.", field="first")
    if sum(key in _NEIGHBOUR_FIELDS for key in info.path.as_list()) > 1:
        raise CostExceededError("Neighbours of neighbours are too many; ask for them with `nodes(ids)` instead.")
    found = await info.context.loaders.neighbours.load((product_id, scenario, first))
    return [Product.of(product) for product in found]


def product_now_or_later(info: Info, product_id: str) -> Product | Awaitable[Product | None] | None:
    """At once when it is in memory: an awaitable costs the executor more than the rest of the field."""
    found = info.context.resources.catalog.in_memory((product_id,)).get(product_id)
    return Product.of(found) if found else _load(info, product_id)


async def _load(info: Info, product_id: str) -> Product | None:
    product = await info.context.loaders.products.load(product_id)
    return Product.of(product) if product else None


@strawberry.input(name="ProductFilter", description="Which products. What is left out restricts nothing.")
class ProductFilterInput:
    categories: list[strawberry.ID] | None = strawberry.field(
        default=None, description="In any of these categories, or below one.", metadata=sizes(entries=MOST_ENTRIES)
    )
    brands: list[str] | None = strawberry.field(
        default=None,
        description="Of any of these brands, spelled exactly.",
        metadata=sizes(entries=MOST_ENTRIES, length=LONGEST_LABEL),
    )
    tags: list[str] | None = strawberry.field(
        default=None, description="With any of these tags.", metadata=sizes(entries=MOST_ENTRIES, length=LONGEST_LABEL)
    )
    min_price: Decimal | None = strawberry.field(default=None, description="At least this price.")
    max_price: Decimal | None = strawberry.field(default=None, description="At most this price.")
    currency_code: str | None = strawberry.field(
        default=None,
        description="In listings: with a price in this currency (ISO 4217). Left out: amounts are compared whatever "
        "their currency, as in recommendations.",
        metadata=sizes(length=LONGEST_SHORT),
    )
    in_stock: bool | None = strawberry.field(
        default=None,
        description="True: what can be bought now. False: what cannot. Left out: both in listings, and in "
        "recommendations what can be bought.",
    )

    def checked(self) -> ProductFilterInput:
        """Raises BadInputError for a price range that nothing can be in."""
        for field, price in (("filter.minPrice", self.min_price), ("filter.maxPrice", self.max_price)):
            if price is not None and not entities.is_price(price):
                raise BadInputError(f"{field} must be a price: 0 or more, and below a billion.", field=field)
        if self.currency_code is not None and not is_currency(self.currency_code):
            field = "filter.currencyCode"
            raise BadInputError(f"{field}: {shown(self.currency_code)} is no currency of ISO 4217.", field=field)
        if self.min_price is not None and self.max_price is not None and self.min_price > self.max_price:
            raise BadInputError("filter.minPrice is above filter.maxPrice.", field="filter.minPrice")
        return self

    def to_listing(self) -> ProductFilter:
        self.checked()
        return ProductFilter(
            categories=decode_ids("Category", self.categories, "filter.categories"),
            brands=tuple(self.brands or ()),
            tags=tuple(self.tags or ()),
            min_price=self.min_price,
            max_price=self.max_price,
            currency=self.currency_code,
            in_stock=self.in_stock,
        )

    def to_scoring(self) -> ItemFilter:
        self.checked()
        return ItemFilter(
            categories=frozenset(decode_ids("Category", self.categories, "filter.categories")),
            brands=frozenset(self.brands or ()),
            tags=frozenset(self.tags or ()),
            min_price=float(self.min_price) if self.min_price is not None else None,
            max_price=float(self.max_price) if self.max_price is not None else None,
        )


async def require_categories(
    catalog: CatalogService, ids: builtins.set[str] | frozenset[str], field: str = "filter.categories"
) -> None:
    """Raises BadInputError for a category that does not exist: a typing error would look like an empty shop."""
    known = await catalog.categories() if ids else {}
    for id_ in ids:
        if id_ not in known:
            raise BadInputError(f"There is no category {id_!r}; `categories` lists them.", field=field)
