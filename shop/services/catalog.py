"""The catalogue: products from memory when they are there, from MongoDB when not."""

from __future__ import annotations

import asyncio
import gc
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from shop.bounded import BoundedDict
from shop.entities.events import Event, Topic
from shop.entities.users import KnownTastes, Preferences
from shop.errors import Problem, UnavailableError
from shop.services.product_drafts import read_draft, sku_problem
from shop.store.documents import stored_time
from shop.texts.labels import CategoryLabels
from shop.turns import give_way

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from shop.entities.catalog import Category, Product, ProductDraft
    from shop.services.events import EventHub
    from shop.store.catalog import CatalogStore

_log = structlog.get_logger(__name__)
_CATEGORIES_SECONDS = 60
_REMEMBERED_CHANGES = 10_000


@dataclass(frozen=True, slots=True)
class Saved:
    """Products as they are stored, and what was not stored: places in the batch, and problems."""

    stored: list[Product] = field(default_factory=list)
    refused: list[tuple[int, Problem]] = field(default_factory=list)


class CatalogService:
    """Keeps up to `capacity` products in memory until the event log says that one has changed."""

    def __init__(self, store: CatalogStore, hub: EventHub, capacity: int) -> None:
        self._store = store
        self._hub = hub
        self._capacity = capacity
        self._cache: BoundedDict[str, Product] = BoundedDict(capacity)
        self._ids: BoundedDict[str, str] = BoundedDict(capacity)  # by SKU
        self._out_of_stock: set[str] = set()
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
        """Fills the cache with the best sellers first."""
        started, loaded, imports = time.monotonic(), 0, self._imports
        try:
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

    async def get_many(self, ids: Iterable[str]) -> dict[str, Product]:
        """Those of the ids that exist; one query at most. Raises UnavailableError if a needed one is not in memory."""
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
        return found

    @property
    def out_of_stock(self) -> Collection[str]:
        """Ids of products that this process knows to be out of stock; it may not have met all of them."""
        return self._out_of_stock

    @property
    def stock_version(self) -> int:
        """Changes whenever `out_of_stock` does."""
        return self._stock_version

    def _keep(self, product: Product) -> None:
        self._cache.put(product.id, product)
        self._ids.put(product.sku, product.id)
        self._note_stock(product.id, in_stock=product.in_stock)

    def _note_stock(self, id_: str, *, in_stock: bool) -> None:
        if in_stock == (id_ in self._out_of_stock):
            self._stock_version += 1
            if in_stock:
                self._out_of_stock.discard(id_)
            else:
                self._out_of_stock.add(id_)

    def in_memory(self, ids: Iterable[str]) -> dict[str, Product]:
        """Those of the ids that are in memory: what can be served while MongoDB is away."""
        return {id_: product for id_ in ids if (product := self._cache.get(id_)) is not None}

    async def by_sku(self, sku: str) -> Product | None:
        """The product with this SKU, of its own or of a variant."""
        return await self._store.by_sku(sku)

    async def by_skus(self, skus: Collection[str]) -> dict[str, Product]:
        """Products by those of the SKUs that exist, of their own or of a variant; one query at most. Raises
        UnavailableError if a needed one is not in memory."""
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

    async def save(self, drafts: Sequence[ProductDraft | Problem]) -> Saved:
        """Creates or replaces what is valid, and only that, and announces it; a SKU names the product. A problem stands
        for what could not be read as a product. Raises UnavailableError."""
        saved = Saved()
        valid = await self._valid(drafts, saved)
        before = await self._store.by_skus([product.sku for product in valid.values()])
        ids = await self._store.get_many([product.sku for product in valid.values()])
        to_store: list[Product] = []
        for index, product in valid.items():
            known = before.get(product.sku)
            problem = sku_problem(product.sku, known, ids.get(product.sku))
            if problem:
                saved.refused.append((index, problem))
            else:
                to_store.append(replace(product, id=known.id) if known else product)
        saved.refused.sort(key=lambda placed: placed[0])
        saved.stored.extend(await self.upsert(to_store))
        return saved

    async def _valid(self, drafts: Sequence[ProductDraft | Problem], saved: Saved) -> dict[int, Product]:
        """Products by their place in the batch; what is wrong with the others goes into `refused`."""
        categories = await self.categories()
        valid: dict[int, Product] = {}
        skus: set[str] = set()
        for index, draft in enumerate(drafts):
            read = [draft] if isinstance(draft, Problem) else read_draft(draft, categories)
            if isinstance(read, list):
                saved.refused.extend((index, problem) for problem in read)
            elif read.sku in skus:
                saved.refused.append((index, Problem("sku", "DUPLICATE", "This SKU is in the batch already.")))
            else:
                valid[index] = read
                skus.add(read.sku)
        return valid

    async def upsert(self, products: Sequence[Product]) -> list[Product]:
        """Creates or replaces products by id and announces them; returns them as they are stored."""
        before = await self._store.get_many([product.id for product in products])
        now = stored_time(datetime.now(UTC))
        stamped = [_stamped(product, before.get(product.id), now) for product in products]
        await self._store.upsert(stamped)
        for product in stamped:
            self._keep(product)
        await self._announce([product.id for product in stamped])
        return stamped

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
        await self._announce(changed_ids)

    async def _announce(self, product_ids: Sequence[str]) -> None:
        await self._hub.publish([Event(Topic.PRODUCT_UPDATED, id_, {"change": "UPDATED"}) for id_ in product_ids])

    def forget_all(self) -> None:
        """Drops all that is in memory."""
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
        self._note_stock(event.subject, in_stock=True)


def _stamped(product: Product, before: Product | None, now: datetime) -> Product:
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
    )
