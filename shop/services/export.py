"""The training data set on disk: the store's products and interactions as columns, written and read in chunks.

A chunk is a file that is there whole or not at all, and names the last row it holds, so an export that was interrupted
goes on from its last chunk. Shoppers, products and orders are written as 64-bit hashes of their ids: the writer
keeps no table of them, and a shopper has the same key in every export. (Among a million ids, two share a hash with a
probability of 3 in 100 million.)
"""

from __future__ import annotations

import asyncio
import os
from array import array
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from scoring.data.dataset import Catalogue, Dataset, Interactions
from scoring.data.items import pack_strings, unpack_strings
from scoring.types import EVENT_CODES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from numpy.typing import NDArray

    from shop.entities.catalog import Product
    from shop.store.catalog import CatalogStore
    from shop.store.interactions import InteractionStore

    Progress = Callable[[str, float], Awaitable[None]]

INTERACTIONS_PER_CHUNK = 50_000
PRODUCTS_PER_CHUNK = 5_000
_CODES = {event.value: code for code, event in enumerate(EVENT_CODES)}
_PRODUCTS, _INTERACTIONS, _COMPLETE = "products", "interactions", "complete"
_COLUMNS = ("users", "items", "events", "times", "quantities", "orders")
NO_ORDER = 0


@dataclass(frozen=True, slots=True)
class Exported:
    """What training reads. `keys` are the hashes of the shoppers, ascending, shape (users,)."""

    dataset: Dataset
    keys: NDArray[np.uint64]


async def export(
    products: CatalogStore,
    interactions: InteractionStore,
    folder: Path,
    until: datetime | None = None,
    progress: Progress | None = None,
) -> None:
    """Writes what is not in the folder yet: all products, and the interactions up to a time.

    Holds one chunk in memory.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / _COMPLETE).exists():
        return
    report = progress or _ignore
    await _export_products(products, folder, report)
    await _export_interactions(interactions, folder, until, report)
    (folder / _COMPLETE).touch()


def read_export(folder: Path) -> Exported:
    """The data set of a complete export, its columns memory-mapped.

    The chunks are joined at the first call; later ones find that done. Shoppers are numbered by their keys and events
    are in the order of time, shopper, product and kind, so equal data give an equal data set however they were written.
    """
    catalogue = _read_catalogue(folder)
    joined = folder / "columns"
    if not joined.is_dir():
        _join(folder, joined, [key_of(id_) for id_ in catalogue.ids])
    columns = {name: _mapped(joined / f"{name}.npy") for name in (*_COLUMNS, "keys")}
    keys = columns.pop("keys")
    return Exported(Dataset(Interactions(**columns, n_users=len(keys)), catalogue), keys)


@lru_cache(maxsize=50_000)
def key_of(id_: str) -> int:
    """A 64-bit hash, never that of "no order"."""
    return int.from_bytes(blake2b(id_.encode(), digest_size=8).digest(), "little") or 1


def write_arrays(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Writes an `.npz` that is there whole or not at all, also after a power cut."""
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
        _flush(file)
    fresh.replace(path)


def _flush(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


async def _ignore(_stage: str, _fraction: float) -> None:
    """For an export whose progress is not shown."""


def _chunks(folder: Path, kind: str) -> list[Path]:
    return sorted(folder.glob(f"{kind}-*.npz"))


def _last_id(chunks: list[Path]) -> str | None:
    if not chunks:
        return None
    return unpack_strings(read_arrays(chunks[-1]), "last")[0]


def _write_chunk(folder: Path, kind: str, number: int, last: str, arrays: dict[str, NDArray[Any]]) -> None:
    marked = arrays | _prefixed("last", pack_strings([last]))
    write_arrays(folder / f"{kind}-{number:06d}.npz", marked)


def _prefixed(prefix: str, arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {f"{prefix}_{name}": values for name, values in arrays.items()}


async def _export_products(store: CatalogStore, folder: Path, report: Progress) -> None:
    chunks = _chunks(folder, _PRODUCTS)
    number = len(chunks)
    batch: list[Product] = []
    await report("Reading products", 0.0)
    async for product in store.all(after=_last_id(chunks)):
        batch.append(product)
        if len(batch) == PRODUCTS_PER_CHUNK:
            await asyncio.to_thread(_write_products, folder, number, batch)
            number += 1
            batch.clear()
    if batch:
        await asyncio.to_thread(_write_products, folder, number, batch)


def _write_products(folder: Path, number: int, batch: Sequence[Product]) -> None:
    _write_chunk(folder, _PRODUCTS, number, batch[-1].id, _product_columns(batch))


def _product_columns(products: Sequence[Product]) -> dict[str, NDArray[Any]]:
    texts = {
        "ids": [product.id for product in products],
        "names": [product.name for product in products],
        "descriptions": [product.description for product in products],
        "brands": [product.brand for product in products],
        "categories": [label for product in products for label in product.category_path],
        "tags": [label for product in products for label in product.tags],
    }
    prices = [float(product.price.amount) if product.price else np.nan for product in products]
    columns: dict[str, NDArray[Any]] = {
        "prices": np.array(prices, dtype=np.float32),
        "ratings": np.array([product.rating for product in products], dtype=np.float32),
        "category_counts": np.array([len(product.category_path) for product in products]),
        "tag_counts": np.array([len(product.tags) for product in products]),
    }
    for name, column in texts.items():
        columns |= _prefixed(name, pack_strings(column))
    return columns


def _read_catalogue(folder: Path) -> Catalogue:
    texts: dict[str, list[str]] = {name: [] for name in ("ids", "names", "descriptions", "brands")}
    categories, tags = list[tuple[str, ...]](), list[tuple[str, ...]]()
    prices, ratings = [np.zeros(0, np.float32)], [np.zeros(0, np.float32)]
    for path in _chunks(folder, _PRODUCTS):
        chunk = read_arrays(path)
        for name, column in texts.items():
            column.extend(unpack_strings(chunk, name))
        categories.extend(_grouped(unpack_strings(chunk, "categories"), chunk["category_counts"]))
        tags.extend(_grouped(unpack_strings(chunk, "tags"), chunk["tag_counts"]))
        prices.append(chunk["prices"])
        ratings.append(chunk["ratings"])
    return Catalogue(
        **texts, categories=categories, tags=tags, prices=np.concatenate(prices), ratings=np.concatenate(ratings)
    )


def _grouped(labels: list[str], counts: NDArray[np.int64]) -> list[tuple[str, ...]]:
    ends = np.cumsum(counts).tolist()
    return [tuple(labels[start:end]) for start, end in zip([0, *ends], ends, strict=False)]


@dataclass(slots=True)
class _Rows:
    """A chunk of interactions on its way to disk."""

    codes: array[int] = field(default_factory=lambda: array("Q"))  # shopper, product and order of each
    events: array[int] = field(default_factory=lambda: array("b"))
    times: array[int] = field(default_factory=lambda: array("q"))
    quantities: array[float] = field(default_factory=lambda: array("f"))

    def __len__(self) -> int:
        return len(self.times)

    def columns(self) -> dict[str, NDArray[Any]]:
        codes = np.array(self.codes, dtype=np.uint64).reshape(-1, 3)
        return {
            "users": codes[:, 0],
            "items": codes[:, 1],
            "orders": codes[:, 2],
            "events": np.array(self.events, dtype=np.int8),
            "times": np.array(self.times, dtype=np.int64),
            "quantities": np.array(self.quantities, dtype=np.float32),
        }


async def _export_interactions(store: InteractionStore, folder: Path, until: datetime | None, report: Progress) -> None:
    chunks = _chunks(folder, _INTERACTIONS)
    number, rows, last = len(chunks), _Rows(), ""
    total = max(1, await store.estimated_count())
    await report("Reading interactions", min(1.0, number * INTERACTIONS_PER_CHUNK / total))
    async for id_, actor_key, product_id, type_, at, quantity, order_id in store.export(_last_id(chunks), until):
        order = NO_ORDER if order_id is None else key_of(order_id)
        rows.codes.extend((key_of(actor_key), key_of(product_id), order))
        rows.events.append(_CODES[type_])
        rows.times.append(at)
        rows.quantities.append(quantity)
        last = id_
        if len(rows) == INTERACTIONS_PER_CHUNK:
            await asyncio.to_thread(_write_chunk, folder, _INTERACTIONS, number, last, rows.columns())
            number, rows = number + 1, _Rows()
            await report("Reading interactions", min(1.0, number * INTERACTIONS_PER_CHUNK / total))
    if rows:
        await asyncio.to_thread(_write_chunk, folder, _INTERACTIONS, number, last, rows.columns())
    await report("Reading interactions", 1.0)


def in_order(columns: Mapping[str, NDArray[Any]], items: NDArray[np.int32]) -> tuple[Interactions, NDArray[np.uint64]]:
    """The events by time, then shopper, product, kind and order, and the keys of the shoppers.

    columns: `users` and `orders` are hashes (0: no order). Shoppers and orders are numbered by them, so that equal
    events give equal columns, wherever they come from.
    """
    keys, users = np.unique(columns["users"], return_inverse=True)
    _, orders = np.unique(columns["orders"], return_inverse=True)
    missing = columns["orders"] == NO_ORDER
    orders = np.where(missing, -1, orders - missing.any())
    events, times = columns["events"], columns["times"]
    order = np.lexsort((orders, events, items, users, times))
    ordered = Interactions(
        users=users[order].astype(np.int32),
        items=items[order],
        events=events[order].astype(np.int8),
        times=times[order],
        quantities=columns["quantities"][order],
        orders=orders[order].astype(np.int64),
        n_users=len(keys),
    )
    return ordered, keys


def _join(folder: Path, joined: Path, product_keys: list[int]) -> None:
    """Writes one array per column, of the events whose product is in the catalogue."""
    chunks = [read_arrays(path) for path in _chunks(folder, _INTERACTIONS)]
    columns = {name: np.concatenate([_EMPTY[name], *(chunk[name] for chunk in chunks)]) for name in _COLUMNS}
    del chunks
    items = _positions(columns["items"], np.array(product_keys, dtype=np.uint64))
    kept = items >= 0
    columns = {name: column[kept] for name, column in columns.items()}
    ordered, keys = in_order(columns, items[kept])
    fresh = joined.with_suffix(".new")
    fresh.mkdir(exist_ok=True)
    for name, column in {**{name: getattr(ordered, name) for name in _COLUMNS}, "keys": keys}.items():
        with (fresh / f"{name}.npy").open("wb") as file:
            np.save(file, column, allow_pickle=False)
            _flush(file)
    fresh.rename(joined)


_EMPTY: dict[str, NDArray[Any]] = _Rows().columns()


def _positions(wanted: NDArray[np.uint64], keys: NDArray[np.uint64]) -> NDArray[np.int32]:
    """The position of each key among `keys`, -1 for those that are not there."""
    if not len(keys):
        return np.full(len(wanted), -1, dtype=np.int32)
    order = np.argsort(keys)
    spots = np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)
    positions: NDArray[np.int32] = np.where(keys[order][spots] == wanted, order[spots], -1).astype(np.int32)
    return positions


def _mapped(path: Path) -> NDArray[Any]:
    """A read-only view of the file; numpy cannot map an empty array."""
    try:
        column: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError:
        column = np.load(path, allow_pickle=False)
    return column.view(np.ndarray)
