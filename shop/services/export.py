"""The training data set: everything in the store as columns."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import numpy as np

from scoring.dataset import Catalogue, Dataset, Interactions
from scoring.types import EVENT_CODES

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from shop.store.interactions import InteractionStore
    from shop.store.products import ProductStore

_CODES = {event.value: code for event, code in EVENT_CODES.items()}
_REPORT_EVERY = 50_000


async def read_dataset(
    products: ProductStore, interactions: InteractionStore, progress: Callable[[str, float], None] | None = None
) -> Dataset:
    """Streams the store into columns of a few bytes per event; events of deleted products are left out."""
    tell = progress or (lambda _stage, _fraction: None)
    tell("Reading products", 0.0)
    catalogue = await _read_catalogue(products)
    index_of = {id_: index for index, id_ in enumerate(catalogue.ids)}
    return Dataset(await _read_interactions(interactions, index_of, tell), catalogue)


async def _read_catalogue(store: ProductStore) -> Catalogue:
    products = sorted([product async for product in store.all()], key=lambda product: product.id)
    return Catalogue(
        ids=[product.id for product in products],
        names=[product.name for product in products],
        descriptions=[product.description for product in products],
        categories=[product.category_path for product in products],
        brands=[product.brand for product in products],
        tags=[product.tags for product in products],
        prices=np.array(
            [float(product.price.amount) if product.price else np.nan for product in products], dtype=np.float32
        ),
    )


async def _read_interactions(
    store: InteractionStore, index_of: dict[str, int], tell: Callable[[str, float], None]
) -> Interactions:
    total = max(1, await store.estimated_count())
    users: dict[str, int] = {}
    orders: dict[str, int] = {}
    codes, times, quantities = array("i"), array("q"), array("f")
    read = 0
    async for actor_key, product_id, type_, at, quantity, order_id in store.export():
        read += 1
        if read % _REPORT_EVERY == 0:
            tell("Reading interactions", min(1.0, read / total))
        item = index_of.get(product_id)
        if item is None:
            continue
        order = -1 if order_id is None else orders.setdefault(order_id, len(orders))
        codes.extend((users.setdefault(actor_key, len(users)), item, _CODES[type_], order))
        times.append(at)
        quantities.append(quantity)
    tell("Reading interactions", 1.0)
    table = np.array(codes, dtype=np.int32).reshape(-1, 4)
    return in_time_order(table, np.array(times, dtype=np.int64), np.array(quantities, dtype=np.float32), len(users))


def in_time_order(
    table: NDArray[np.int32], times: NDArray[np.int64], quantities: NDArray[np.float32], n_users: int
) -> Interactions:
    """By time, then user, item and event. `table` has the columns user, item, event and order."""
    users, items, events, orders = (np.ascontiguousarray(column) for column in table.T)
    place = np.lexsort((events, items, users, times))
    return Interactions(
        users=users[place],
        items=items[place],
        events=events[place].astype(np.int8),
        times=times[place],
        quantities=quantities[place],
        orders=orders[place].astype(np.int64),
        n_users=n_users,
    )
