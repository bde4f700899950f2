"""A small made-up shop: tastes over categories, weekly baskets, prices. Seeded, so that a test can rely on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.components.ease import DualEase, PrimalEase, ReferenceUsers, fit_ease
from scoring.data.dataset import Catalogue, Dataset, Interactions
from scoring.types import EVENT_CODES, EventType, History

if TYPE_CHECKING:
    from numpy.typing import NDArray

START = 1_700_000_000
DAY = 86_400
_ADJECTIVES = ("Classic", "Organic", "Smoked", "Sweet", "Dark", "Fresh", "Crunchy", "Mild", "Golden", "Spicy")
_NOUNS = ("Apple", "Bread", "Cheese", "Coffee", "Pasta", "Salmon", "Yoghurt", "Honey", "Rice", "Tea", "Soap", "Candle")


@dataclass(frozen=True, slots=True)
class Shape:
    """How large the shop is."""

    users: int = 60
    items: int = 120
    categories: int = 8
    orders_per_user: int = 10
    basket: int = 5
    days: int = 120


def catalogue(shape: Shape, rng: np.random.Generator) -> Catalogue:
    """Products in a tree of departments and categories; the last ten are new and were never sold."""
    leaf = np.arange(shape.items) % shape.categories
    nouns = [_NOUNS[one % len(_NOUNS)] for one in leaf]
    return Catalogue(
        ids=[f"sku-{item:04d}" for item in range(shape.items)],
        names=[f"{_ADJECTIVES[rng.integers(len(_ADJECTIVES))]} {noun}" for noun in nouns],
        descriptions=[f"{noun} for every day" if item % 2 else "" for item, noun in enumerate(nouns)],
        categories=[(f"dep-{one % 3}", f"cat-{one}") for one in leaf],
        brands=[f"Brand {'ABCDEF'[rng.integers(6)]}" for _ in range(shape.items)],
        tags=[
            ("vegan",) if item % 7 == 0 else ("sale", "Bio") if item % 11 == 0 else () for item in range(shape.items)
        ],
        prices=np.where(np.arange(shape.items) % 13 == 0, np.nan, rng.gamma(2, 4, shape.items)).astype(np.float32),
    )


def shop(shape: Shape = Shape(), seed: int = 7) -> Dataset:
    """Every shopper loves two categories; within a category neighbouring products (i, i + categories) go together."""
    rng = np.random.default_rng(seed)
    products = catalogue(shape, rng)
    sold = max(shape.items - 10, 1)
    popularity = 1 / (1 + np.arange(sold)) ** 0.6
    leaf = np.arange(sold) % shape.categories
    rows: list[tuple[int, int, int, int]] = []
    order = 0
    for user in range(shape.users):
        loved = rng.choice(shape.categories, min(2, shape.categories), replace=False)
        probabilities = popularity * np.where(np.isin(leaf, loved), 12.0, 1.0)
        probabilities /= probabilities.sum()
        for day in np.sort(rng.choice(shape.days, shape.orders_per_user)):
            picked = set(rng.choice(sold, min(shape.basket, sold), replace=False, p=probabilities).tolist())
            partner = max(picked) + shape.categories
            if partner < sold and rng.random() < 0.7:
                picked.add(partner)
            moment = START + int(day) * DAY + int(rng.integers(8, 21)) * 3_600
            rows += [(user, item, moment, order) for item in sorted(picked)]
            order += 1
    return Dataset(_columns(rows, shape.users), products)


def _columns(rows: list[tuple[int, int, int, int]], n_users: int) -> Interactions:
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    return Interactions(
        users=table[:, 0].astype(np.int32),
        items=table[:, 1].astype(np.int32),
        events=np.full(len(table), EVENT_CODES[EventType.PURCHASE], dtype=np.int8),
        times=table[:, 2],
        quantities=np.ones(len(table), dtype=np.float32),
        orders=table[:, 3],
        n_users=n_users,
    )


def history_of(dataset: Dataset, user: int) -> History:
    """One shopper's events, oldest first."""
    columns = dataset.interactions
    own = np.flatnonzero(columns.users == user)
    own = own[np.argsort(columns.times[own], kind="stable")]
    return History(columns.items[own], columns.events[own], columns.times[own])


def without_interactions(dataset: Dataset) -> Dataset:
    return replace(dataset, interactions=_columns([], 0))


def with_events(dataset: Dataset, event: EventType) -> Dataset:
    """The same shop where all that shoppers did was this; no orders unless they bought."""
    columns = dataset.interactions
    orders = columns.orders if event is EventType.PURCHASE else np.full_like(columns.orders, -1)
    events = np.full_like(columns.events, EVENT_CODES[event])
    return replace(dataset, interactions=replace(columns, events=events, orders=orders))


def bare(dataset: Dataset) -> Dataset:
    """The same shop without a word or a price on any product, and without order ids."""
    n_items = len(dataset.catalogue)
    nothing = Catalogue(
        ids=dataset.catalogue.ids,
        names=[""] * n_items,
        descriptions=[""] * n_items,
        categories=[()] * n_items,
        brands=[""] * n_items,
        tags=[()] * n_items,
        prices=np.full(n_items, np.nan, dtype=np.float32),
    )
    columns = dataset.interactions
    return Dataset(replace(columns, orders=np.full_like(columns.orders, -1)), nothing)


def permuted(dataset: Dataset, order: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Dataset:
    """The same shop with its catalogue in another order: new item k is old item order[k]."""
    old = dataset.catalogue
    rows = np.argsort(order)
    listed = order.tolist()
    catalogue = Catalogue(
        ids=[old.ids[item] for item in listed],
        names=[old.names[item] for item in listed],
        descriptions=[old.descriptions[item] for item in listed],
        categories=[old.categories[item] for item in listed],
        brands=[old.brands[item] for item in listed],
        tags=[old.tags[item] for item in listed],
        prices=old.prices[order],
    )
    columns = dataset.interactions
    return Dataset(replace(columns, items=rows[columns.items].astype(np.int32)), catalogue)


def fitted_ease(
    matrix: Any, regularisation: float, max_rank: int = 4_000
) -> tuple[DualEase | PrimalEase, ReferenceUsers]:
    """EASE and the reference users that its dual form needs."""
    ease, users = fit_ease(matrix, regularisation, max_rank)
    return ease, ReferenceUsers.of(matrix[users])


def ease_scores(
    fitted: tuple[DualEase | PrimalEase, ReferenceUsers], items: NDArray[np.int32], weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Scores of all items for one weighted history, by either form."""
    ease, reference = fitted
    histories = [(items, weights)]
    if isinstance(ease, PrimalEase):
        scores = ease.predict(histories)
    else:
        scores = ease.finish(reference.to_items(ease.dual_weights(reference.inner_products(histories))), histories)
    return scores.reshape(-1)
