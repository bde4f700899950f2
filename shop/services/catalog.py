"""The catalogue: products from memory when they are there, from MongoDB when not."""

from __future__ import annotations

import asyncio
import gc
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from shop.bounded import BoundedDict
from shop.entities.events import Event, ProductChange, Topic
from shop.entities.users import KnownTastes, Preferences
from shop.errors import Problem, UnavailableError
from shop.store.bulk import BulkError
from shop.store.documents import stored_time
from shop.texts.labels import CategoryLabels
from shop.turns import give_way

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from shop.entities.catalog import Category, Product
    from shop.services.events import EventHub
    from shop.store.catalog import CatalogStore

_log = structlog.get_logger(__name__)
_CATEGORIES_SECONDS = 60
_REMEMBERED_CHANGES = 10_000


class CatalogService:
    """Keeps up to `capacity` products in memory until the event log says that one has changed."""

    def __init__(self, store: CatalogStore, hub: EventHub, capacity: int) -> None:
        self._store = store
        self._hub = hub
        self._capacity = capacity
        self._cache: BoundedDict[str, Product] = BoundedDict(capacity)
        self._ids: BoundedDict[str, str] = BoundedDict(capacity)  # by SKU
        self._out_of_stock: set[str] = set()
        self._withdrawn: set[str] = set()
        self._stock_version = 0
        self._changes = 0
        self._imports = 0
        self._changed: BoundedDict[str, None] = BoundedDict(_REMEMBERED_CHANGES)
        self._categories: dict[str, Category] = {}
        self._below: dict[str | None, list[Category]] = {}
        self._category_labels = CategoryLabels(())
        self._categories_read_at = float("-inf")
        self._reading_categories = asyncio.Lock()
        hub.listen(Topic.PRODUCT_UPDATED, self._on_update)
        hub.listen(Topic.DATA_IMPORTED, self._on_import)

    async def warm(self) -> None:
        """Fills the cache with the best sellers first; all that is withdrawn is known before."""
        started, loaded, imports = time.monotonic(), 0, self._imports
        try:
            for id_ in await self._store.withdrawn_ids():
                if id_ not in self._changed:
                    self._note(id_, in_stock=id_ not in self._out_of_stock, withdrawn=True)
            async for product in self._store.most_popular(self._capacity):
                if imports != self._imports:
                    return  # what this reads may be from before the import
                if product.id not in self._changed:
                    self._keep(product)
                loaded += 1
                await give_way()  # requests come first
        except UnavailableError:
            _log.warning("catalog_warm_stopped", loaded=loaded)
            return
        gc.freeze()  # these stay: the garbage collector need not scan them again and again
        _log.info("catalog_warm", products=loaded, seconds=round(time.monotonic() - started, 2))

    async def get_many(self, ids: Iterable[str], *, also_withdrawn: bool = False) -> dict[str, Product]:
        """Those of the ids that exist and are not withdrawn, or withdrawn ones too; one query at most. Raises
        UnavailableError if a needed one is not in memory."""
        found: dict[str, Product] = {}
        missing: dict[str, None] = {}
        for id_ in ids:
            product = self._cache.get(id_)
            if product is not None:
                found[id_] = product
            else:
                missing[id_] = None
        if missing:
            changes = self._changes
            loaded = await self._store.get_many(list(missing))
            if changes == self._changes:  # else what was read may be older than a change that an event announced
                for product in loaded.values():
                    self._keep(product)
            found |= loaded
        return found if also_withdrawn else _on_offer(found)

    @property
    def out_of_stock(self) -> Collection[str]:
        """Ids of products that this process knows to be out of stock; it may not have met all of them."""
        return self._out_of_stock

    @property
    def withdrawn(self) -> Collection[str]:
        """Ids of products that this process knows to be withdrawn."""
        return self._withdrawn

    @property
    def stock_version(self) -> int:
        """Changes whenever `out_of_stock` or `withdrawn` does."""
        return self._stock_version

    def _keep(self, product: Product) -> None:
        self._cache.put(product.id, product)
        self._ids.put(product.sku, product.id)
        self._note(product.id, in_stock=product.in_stock, withdrawn=product.withdrawn_at is not None)

    def _note(self, id_: str, *, in_stock: bool, withdrawn: bool) -> None:
        for known, belongs in ((self._out_of_stock, not in_stock), (self._withdrawn, withdrawn)):
            if belongs != (id_ in known):
                self._stock_version += 1
                (known.add if belongs else known.discard)(id_)

    def in_memory(self, ids: Iterable[str]) -> dict[str, Product]:
        """Those of the ids that are in memory and not withdrawn: what can be served while MongoDB is away."""
        return _on_offer({id_: product for id_ in ids if (product := self._cache.get(id_)) is not None})

    async def by_sku(self, sku: str) -> Product | None:
        """The product with this SKU, of its own or of a variant, withdrawn or not."""
        return await self._store.by_sku(sku)

    async def by_skus(self, skus: Collection[str]) -> dict[str, Product]:
        """Products by those of the SKUs that exist, of their own or of a variant, withdrawn or not; one query at most.
        Raises UnavailableError if a needed one is not in memory."""
        kept = {sku: self._cache.get(self._ids.get(sku, "")) for sku in skus}
        found = {sku: product for sku, product in kept.items() if product is not None and product.sku == sku}
        missing = [sku for sku in skus if sku not in found]
        return found | (await self._store.by_skus(missing) if missing else {})

    async def categories(self) -> dict[str, Category]:
        """All categories by id, at most a minute old; older ones while MongoDB is away."""
        await self._freshen_categories()
        return self._categories

    async def categories_below(self, parent_id: str | None) -> list[Category]:
        """Those right below a category, or the top ones; as old as `categories`."""
        await self._freshen_categories()
        return self._below.get(parent_id, [])

    async def category_labels(self) -> CategoryLabels:
        """What texts call them, as old as `categories`."""
        await self._freshen_categories()
        return self._category_labels

    async def _freshen_categories(self) -> None:
        if self._categories_are_fresh():
            return
        async with self._reading_categories:  # a page of products needs them many times at once
            if not self._categories_are_fresh():
                await self._read_categories()

    def _categories_are_fresh(self) -> bool:
        return time.monotonic() - self._categories_read_at < _CATEGORIES_SECONDS

    async def _read_categories(self) -> None:
        try:
            categories = await self._store.categories()
        except UnavailableError:
            if not self._categories:
                raise
        else:
            self._categories = {category.id: category for category in categories}
            self._category_labels = CategoryLabels(categories)
            self._below = {}
            for category in categories:
                self._below.setdefault(category.parent_id, []).append(category)
        self._categories_read_at = time.monotonic()

    async def upsert(self, products: Sequence[Product]) -> list[Product]:
        """Creates or replaces products by id and announces them; returns them as they are stored. What was withdrawn
        stays so. Raises BulkError for those whose SKU another product has got meanwhile, when the others are stored."""
        before = await self._store.get_many([product.id for product in products])
        now = stored_time(datetime.now(UTC))
        written = [stamped(product, before.get(product.id), now) for product in products]
        try:
            await self._store.upsert(written)
        except BulkError as error:
            refused = {position for position, _ in error.failures}
            await self.tell([product for place, product in enumerate(written) if place not in refused])
            raise
        await self.tell(written)
        return written

    async def tell(self, products: Sequence[Product]) -> None:
        """Takes note of products as they are stored now, and announces them. Raises UnavailableError."""
        for product in products:
            self._keep(product)
        await self._announce({product.id: _change(product) for product in products})

    async def unknown_labels(self, brands: Sequence[str], tags: Sequence[str]) -> list[Problem]:
        """One for each of the brands and tags that no product has."""
        used = await self._labels_in_use(brands, tags)
        return [
            Problem(
                field,
                "NOT_FOUND",
                f"No product has the {kind} {label!r} today, spelled like this. It counts once one has.",
            )
            for field, kind, labels, known in (("brands", "brand", brands, used[0]), ("tags", "tag", tags, used[1]))
            for label in labels
            if label not in known
        ]

    async def known_tastes(self, stated: Preferences) -> KnownTastes:
        """Those that the shop has now, spelled like this. Raises UnavailableError."""
        categories = await self.categories()
        brands, tags = await self._labels_in_use(stated.brands, stated.tags)
        return KnownTastes(
            Preferences(
                tuple(id_ for id_ in stated.categories if id_ in categories),
                tuple(brand for brand in stated.brands if brand in brands),
                tuple(tag for tag in stated.tags if tag in tags),
            )
        )

    async def _labels_in_use(self, brands: Sequence[str], tags: Sequence[str]) -> tuple[set[str], set[str]]:
        """Those that a product has, by one look into an index each."""
        return await asyncio.gather(self._store.brands_in_use(brands), self._store.tags_in_use(tags))

    async def announce_import(self, changed_ids: Sequence[str]) -> None:
        """Announces a change of the database by another program: to every process, and to subscribers what changed."""
        await self._hub.publish([Event(Topic.DATA_IMPORTED, "")])
        await self._announce(dict.fromkeys(changed_ids, ProductChange.UPDATED))

    async def _announce(self, changes: Mapping[str, ProductChange]) -> None:
        await self._hub.publish(
            [Event(Topic.PRODUCT_UPDATED, id_, {"change": change.value}) for id_, change in changes.items()]
        )

    def forget_categories(self) -> None:
        """Reads them anew when they are needed next."""
        self._categories_read_at = float("-inf")

    def forget_all(self) -> None:
        """Drops all that is in memory, but for what is withdrawn: no import changes that."""
        self._changes += 1
        self._imports += 1
        self._cache.clear()
        self._ids.clear()
        self._out_of_stock.clear()
        self._stock_version += 1
        self._categories_read_at = float("-inf")

    async def _on_import(self, _event: Event) -> None:
        self.forget_all()

    async def _on_update(self, event: Event) -> None:
        self._changes += 1
        self._changed.put(event.subject, None)
        self._cache.pop(event.subject, None)
        self._note(event.subject, in_stock=True, withdrawn=event.data.get("change") == ProductChange.DELETED.value)


def _on_offer(products: dict[str, Product]) -> dict[str, Product]:
    """Those that are not withdrawn; nearly always all of them."""
    if all(product.withdrawn_at is None for product in products.values()):
        return products
    return {id_: product for id_, product in products.items() if product.withdrawn_at is None}


def _change(product: Product) -> ProductChange:
    return ProductChange.UPDATED if product.withdrawn_at is None else ProductChange.DELETED


def stamped(product: Product, before: Product | None, now: datetime | None) -> Product:
    """What behaviour, time and imports decided stays; what the shop says is replaced."""
    if before is None:
        return replace(product, created_at=now, updated_at=now)
    return replace(
        product,
        popularity=before.popularity,
        buyer_count=before.buyer_count,
        variant_skus=before.variant_skus,
        created_at=before.created_at,
        updated_at=now,
        withdrawn_at=before.withdrawn_at,
    )
