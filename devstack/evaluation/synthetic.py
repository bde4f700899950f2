"""A synthetic shop of any size as products.csv and interactions.csv: seeded, streamed, a million rows in seconds.

Products have a popularity of their own (a power law) and a position in a tree of departments and categories; each goes
well with the next ones of its category. A user loves a few categories and a brand. A basket (a session, for clicks) is
drawn around one of the loved categories; some of a user's baskets repeat an earlier product. Some products come into
the shop only later.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.data.interactions import DAY
from shop.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.random import Generator
    from numpy.typing import NDArray

    Progress = Callable[[str, int, int], None]

_START = 1_735_689_600  # 2025-01-01
_USERS_AT_ONCE = 20_000
_PRODUCTS_AT_ONCE = 50_000
_LOVED = 4
_REPEATED = 0.25
_NEW = 0.15
_NOUNS = ("Apple", "Bread", "Cheese", "Coffee", "Pasta", "Salmon", "Yoghurt", "Honey", "Rice", "Tea", "Soap", "Candle")
_ADJECTIVES = ("Classic", "Organic", "Smoked", "Sweet", "Dark", "Fresh", "Crunchy", "Mild", "Golden", "Spicy")


@dataclass(frozen=True, slots=True)
class Shape:
    """How large the shop is, and what its files hold."""

    products: int
    users: int
    interactions: int
    kind: str = "purchases"  # or clicks, ratings
    days: int = 365
    text: bool = True
    prices: bool = True
    categories: bool = True

    @property
    def n_categories(self) -> int:
        return max(4, round(math.sqrt(self.products) / 2))


class _Shelf:
    """Products sorted by category, so that a category's popularity is a slice of one cumulative sum."""

    def __init__(self, shape: Shape, rng: Generator) -> None:
        count, categories = shape.products, shape.n_categories
        self.category = np.sort(rng.integers(0, categories, count))
        popularity = 1.0 / (1.0 + rng.permutation(count)) ** 0.8
        debut = rng.uniform(0.2, 0.98, count) * shape.days * DAY
        self.from_start = rng.random(count) >= _NEW
        self.debut = np.where(self.from_start, 0, _START + debut.astype(np.int64))
        self.brand = rng.integers(0, max(5, count // 100), count)
        self.price = np.round(rng.gamma(2.0, 6.0, count) + 0.5, 2)
        self.bounds = np.searchsorted(self.category, np.arange(categories + 1))
        self.cumulative = np.r_[0.0, np.cumsum(popularity)]
        self.category_popularity = np.diff(self.cumulative[self.bounds])

    def draw(self, categories: NDArray[np.int64], rng: Generator) -> NDArray[np.int64]:
        """One product for each entry, by its popularity within the category; an empty category gives any product."""
        low, high = self.cumulative[self.bounds[categories]], self.cumulative[self.bounds[categories + 1]]
        empty = high <= low
        low, high = np.where(empty, 0.0, low), np.where(empty, self.cumulative[-1], high)
        found = np.searchsorted(self.cumulative, low + rng.random(len(low)) * (high - low), side="right") - 1
        drawn: NDArray[np.int64] = np.clip(found, 0, len(self.category) - 1)
        return drawn


def write(shape: Shape, seed: int, folder: Path, progress: Progress) -> None:
    """Writes both files; each takes its name when it is complete. Raises BadInputError where that is not possible."""
    rng = np.random.default_rng(seed)
    shelf = _Shelf(shape, rng)
    _write(folder / "products.csv", _product_rows(shape, shelf, rng, progress))
    _write(folder / "interactions.csv", _interaction_rows(shape, shelf, rng, progress))


def _write(path: Path, pieces: Iterator[str]) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            file.writelines(pieces)
        part.replace(path)
    except OSError as error:
        raise BadInputError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        part.unlink(missing_ok=True)


def _product_rows(shape: Shape, shelf: _Shelf, rng: Generator, progress: Progress) -> Iterator[str]:
    header = ["id"]
    header += ["name", "description"] if shape.text else []
    header += ["category", "brand", "tags"] if shape.categories else []
    header += ["price", "currency"] if shape.prices else []
    yield ",".join(header) + "\n"
    for start in range(0, shape.products, _PRODUCTS_AT_ONCE):
        numbers = range(start, min(start + _PRODUCTS_AT_ONCE, shape.products))
        adjectives = rng.integers(0, len(_ADJECTIVES), len(numbers)).tolist()
        columns = [[_product_id(number) for number in numbers]]
        kinds = shelf.category[start : numbers.stop].tolist()
        if shape.text:
            names = [f"{_ADJECTIVES[a]} {_NOUNS[k % len(_NOUNS)]} {k}" for a, k in zip(adjectives, kinds, strict=True)]
            columns += [names, [f"{name} for every day" for name in names]]
        if shape.categories:
            columns.append([f"Department {kind % 10} > Category {kind}" for kind in kinds])
            columns.append([f"Brand {brand}" for brand in shelf.brand[start : numbers.stop].tolist()])
            columns.append(["organic" if a == 1 else "" for a in adjectives])
        if shape.prices:
            columns += [
                [f"{price:.2f}" for price in shelf.price[start : numbers.stop].tolist()],
                ["EUR"] * len(numbers),
            ]
        yield _lines(columns)
        progress("products", numbers.stop, shape.products)


def _product_id(number: int) -> str:
    return f"p{number:07d}"


def _interaction_rows(shape: Shape, shelf: _Shelf, rng: Generator, progress: Progress) -> Iterator[str]:
    who = "session_id" if shape.kind == "clicks" else "user_id"
    yield f"{who},product_id,type,timestamp,{_LAST[shape.kind]}\n"
    activity = rng.gamma(0.8, 1.0, shape.users) + 0.05
    events = rng.multinomial(shape.interactions, activity / activity.sum())
    done = 0
    for start in range(0, shape.users, _USERS_AT_ONCE):
        counts = events[start : start + _USERS_AT_ONCE]
        yield from _users(shape, shelf, start, counts, rng)
        done += int(counts.sum())
        progress("interactions", done, shape.interactions)


_LAST = {"purchases": "quantity,order_id", "clicks": "order_id", "ratings": "rating"}
_TYPES = {"purchases": "purchase", "clicks": "click", "ratings": "rating"}


def _users(shape: Shape, shelf: _Shelf, start: int, counts: NDArray[np.int64], rng: Generator) -> Iterator[str]:
    """The events of some users, user by user, each in time order."""
    total = int(counts.sum())
    users = np.repeat(np.arange(len(counts)), counts)
    first = np.r_[0, np.cumsum(counts)[:-1]]
    position = np.arange(total) - first[users]
    size = rng.integers(2, 10, len(counts))[users]  # events of a basket: a habit of the user
    opens = position % size == 0
    basket = np.cumsum(opens) - 1
    n_baskets = int(opens.sum())
    times = _times(shape, users[opens], rng)
    order = np.lexsort((times, users[opens]))  # each user's baskets in time order
    times = times[order][basket]
    items = _items(shelf, users, basket, n_baskets, position, first, rng)
    items = _not_yet(shelf, items, times)
    names = [f"u{start + user:07d}" for user in users.tolist()]
    last: list[list[Any]]
    orders = [f"b{start}-{one}" for one in basket.tolist()]
    if shape.kind == "purchases":
        last = [rng.geometric(0.7, total).tolist(), orders]
    elif shape.kind == "clicks":
        last = [orders]
    else:
        last = [np.clip(np.round(rng.normal(3.8, 0.9, total)), 1, 5).astype(int).tolist()]
    ids = [_product_id(item) for item in items.tolist()]
    columns = [names, ids, [_TYPES[shape.kind]] * total, times.tolist(), *last]
    for begin in range(0, total, _PRODUCTS_AT_ONCE):
        yield _lines([column[begin : begin + _PRODUCTS_AT_ONCE] for column in columns])


def _times(shape: Shape, users: NDArray[np.int64], rng: Generator) -> NDArray[np.int64]:
    """A time for each basket, by day and between 8 and 21 o'clock."""
    days = rng.integers(0, shape.days, len(users))
    return _START + days * DAY + rng.integers(8 * 3600, 21 * 3600, len(users))


def _items(
    shelf: _Shelf,
    users: NDArray[np.int64],
    basket: NDArray[np.int64],
    n_baskets: int,
    position: NDArray[np.int64],
    first: NDArray[np.int64],
    rng: Generator,
) -> NDArray[np.int64]:
    categories, total = len(shelf.category_popularity), len(users)
    cumulative = np.cumsum(shelf.category_popularity / shelf.category_popularity.sum())
    loved = np.searchsorted(cumulative, rng.random((len(first), _LOVED)) * cumulative[-1])
    loved = np.minimum(loved, categories - 1)
    theme = rng.integers(0, _LOVED, n_baskets)[basket]
    chosen = loved[users, theme]
    anywhere = rng.random(total) < 0.15
    chosen[anywhere] = np.minimum(np.searchsorted(cumulative, rng.random(int(anywhere.sum()))), categories - 1)
    items = shelf.draw(chosen, rng)
    # Within a basket, the product after one on the shelf often comes with it.
    partner = (rng.random(total) < 0.3) & (position > 0)
    partner[1:] &= basket[1:] == basket[:-1]
    follow = np.flatnonzero(partner)
    items[follow] = np.minimum(items[follow - 1] + 1, len(shelf.category) - 1)
    again = np.flatnonzero((rng.random(total) < _REPEATED) & (position > 4))
    earlier = first[users[again]] + (rng.random(len(again)) * position[again]).astype(np.int64)
    items[again] = items[earlier]
    return items


def _not_yet(shelf: _Shelf, items: NDArray[np.int64], times: NDArray[np.int64]) -> NDArray[np.int64]:
    """Before a product's debut, its neighbour on the shelf is taken."""
    early = times < shelf.debut[items]
    old = np.flatnonzero(shelf.from_start)
    replaced = items.copy()
    replaced[early] = old[np.minimum(np.searchsorted(old, items[early]), len(old) - 1)]
    return replaced


def _lines(columns: list[list[Any]]) -> str:
    return "".join(f"{','.join(map(str, row))}\n" for row in zip(*columns, strict=True))
