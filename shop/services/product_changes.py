"""Changes of the catalogue by the shop: products created, replaced, withdrawn and restored, many at a time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from shop import values
from shop.entities.catalog import ChangeStatus
from shop.errors import Problem
from shop.services.catalog import stamped
from shop.services.product_drafts import read_draft, sku_problem
from shop.store.bulk import BulkError
from shop.store.documents import stored_time
from shop.turns import give_way

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from shop.entities.catalog import Product, ProductDraft
    from shop.services.catalog import CatalogService
    from shop.store.catalog import CatalogStore
    from shop.store.withdrawals import WithdrawalStore

MOST_PRODUCTS = 1_000
# What changed so lately is announced again by whoever finds it done: the process that did it may have died before.
_TOLD_AGAIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class ProductResult:
    """What became of one entry of a batch: the product as it is stored, None if the entry was refused."""

    status: ChangeStatus
    product: Product | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class NamedProduct:
    """A product by its id or, with `by_sku`, by its own SKU; `field` is where the input names it."""

    field: str
    name: str
    by_sku: bool = False


@dataclass(slots=True)
class _Batch:
    """Products to store, by their place in the batch, and what became of the other entries."""

    valid: dict[int, Product] = field(default_factory=dict)
    results: dict[int, ProductResult] = field(default_factory=dict)

    def refuse(self, index: int, *problems: Problem) -> None:
        self.valid.pop(index, None)
        self.results[index] = ProductResult(ChangeStatus.REFUSED, problems=problems)


class ProductChangeService:
    def __init__(self, store: CatalogStore, withdrawals: WithdrawalStore, catalog: CatalogService) -> None:
        self._store = store
        self._withdrawals = withdrawals
        self._catalog = catalog

    async def save(self, drafts: Sequence[ProductDraft | Problem]) -> list[ProductResult]:
        """Creates or replaces what is valid, and only that, and announces it; a SKU names the product. What was
        withdrawn stays so. A problem stands for what could not be read as a product. One result for each entry. Raises
        UnavailableError."""
        batch = await self._read(drafts)
        known = await self._known(batch)
        for index, product in [*batch.valid.items()]:
            before = known.get(product.id)
            if before is not None and stamped(product, before, before.updated_at) == before:
                del batch.valid[index]
                batch.results[index] = ProductResult(ChangeStatus.UNCHANGED, before)
        await self._store_all(batch, known)
        await self._tell_again(result.product for result in batch.results.values() if result.product)
        return [batch.results[index] for index in range(len(drafts))]

    async def _read(self, drafts: Sequence[ProductDraft | Problem]) -> _Batch:
        categories = await self._catalog.categories()
        batch = _Batch()
        skus: set[str] = set()
        for index, draft in enumerate(drafts):
            read = [draft] if isinstance(draft, Problem) else read_draft(draft, categories)
            if isinstance(read, list):
                batch.refuse(index, *read)
            elif read.sku in skus:
                batch.refuse(index, Problem("sku", "DUPLICATE", "This SKU is in the batch already."))
            else:
                batch.valid[index] = read
                skus.add(read.sku)
            await give_way()  # taking the markup away from a long description takes milliseconds
        return batch

    async def _known(self, batch: _Batch) -> dict[str, Product]:
        """The products that are stored under the SKUs, by id; the valid ones get their ids, and those go whose SKU
        cannot name a product."""
        skus = [product.sku for product in batch.valid.values()]
        by_sku, by_id = await self._store.by_skus(skus), await self._store.get_many(skus)
        known: dict[str, Product] = {}
        for index, product in [*batch.valid.items()]:
            before = by_sku.get(product.sku)
            problem = sku_problem(product.sku, before, by_id.get(product.sku))
            if problem:
                batch.refuse(index, problem)
            elif before is not None:
                batch.valid[index] = replace(product, id=before.id)
                known[before.id] = before
        return known

    async def _store_all(self, batch: _Batch, known: Mapping[str, Product]) -> None:
        places, products = [*batch.valid], [*batch.valid.values()]
        try:
            written = await self._catalog.upsert(products) if products else []
        except BulkError as error:
            message = "Another product has got this SKU at the same time; send it again."
            for position, _ in error.failures:
                batch.refuse(places[position], Problem("sku", "CONFLICT", message))
            stored = await self._store.get_many([product.id for product in batch.valid.values()])
            places, written = [*batch.valid], [stored[product.id] for product in batch.valid.values()]
        for index, product in zip(places, written, strict=True):
            status = ChangeStatus.UPDATED if product.id in known else ChangeStatus.CREATED
            batch.results[index] = ProductResult(status, product)

    async def withdraw(
        self, named: Sequence[NamedProduct | Problem], by: str | None, *, restore: bool = False
    ) -> list[ProductResult]:
        """Takes products out of every list, or puts them back, announces it, and notes in the audit log that `by` did
        it. A problem stands for a name that is none.

        One result for each; what was so already is UNCHANGED. Raises UnavailableError.
        """
        found = await self._find(named)
        products = {one.id: one for one in found if not isinstance(one, Problem)}
        at = stored_time(datetime.now(UTC))
        changed = await self._withdrawals.apply(products.keys(), at, by, restore=restore) if products else set()
        stored = await self._store.get_many([*products])
        await self._catalog.tell([stored[id_] for id_ in changed])
        await self._tell_again(product for id_, product in stored.items() if id_ not in changed)
        results: list[ProductResult] = []
        for one in found:
            if isinstance(one, Problem):
                results.append(ProductResult(ChangeStatus.REFUSED, problems=(one,)))
            else:
                status = ChangeStatus.UPDATED if one.id in changed else ChangeStatus.UNCHANGED
                results.append(ProductResult(status, stored[one.id]))
        return results

    async def _find(self, entries: Sequence[NamedProduct | Problem]) -> list[Product | Problem]:
        named = [one for one in entries if isinstance(one, NamedProduct)]
        by_id = await self._store.get_many([one.name for one in named if not one.by_sku])
        by_sku = await self._store.by_skus({_sku(one) for one in named if one.by_sku})
        return [one if isinstance(one, Problem) else _found(one, by_id, by_sku) for one in entries]

    async def _tell_again(self, products: Iterable[Product]) -> None:
        lately = datetime.now(UTC) - _TOLD_AGAIN
        await self._catalog.tell([one for one in products if one.updated_at is not None and one.updated_at > lately])


def _sku(named: NamedProduct) -> str:
    """As it is looked up; empty for what no SKU can be."""
    try:
        return values.clean_id(named.name)
    except values.RefusedValueError:
        return ""


def _found(named: NamedProduct, by_id: Mapping[str, Product], by_sku: Mapping[str, Product]) -> Product | Problem:
    if not named.by_sku:
        missing = Problem(named.field, "NOT_FOUND", f"There is no product {values.shown(named.name)}.")
        return by_id.get(named.name) or missing
    product = by_sku.get(_sku(named))
    if product is None:
        return Problem(named.field, "NOT_FOUND", f"No product has the SKU {values.shown(named.name)}.")
    if product.sku != _sku(named):
        what = f"This is the SKU of a variant of the product with the SKU {product.sku!r}: name that one."
        return Problem(named.field, "CONFLICT", what)
    return product
