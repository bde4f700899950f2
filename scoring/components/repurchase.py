"""Repurchase: the chance that a shopper buys a product again on the next shopping day, learned from all shoppers.

A logistic model over how often, how lately and how regularly the shopper bought the product, and how often buyers of it
come back to it. It learns from the last shopping days of many shoppers, each day against the days before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.data.interactions import DAY

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.data.interactions import TrainingSet
    from scoring.data.profile import Habits

    Floats = NDArray[np.float32]
    Ints = NDArray[np.int64]

_HALF_LIVES = (2.0, 6.0, 20.0)  # shopping days, of a product's own frequencies
_TARGET_DAYS = 4  # of each shopper that are learned from, the last ones
_MOST_SHOPPERS = 5_000
_FEWEST_EXAMPLES = 1_000
_FEWEST_REPEATS = 100
_PRIOR = 10.0  # shoppers added to a product's own rate of coming back
_NAMES = ("weights", "comeback", "popularity")


@dataclass(frozen=True, slots=True)
class Purchases:
    """The days on which products were bought, one row for each day and product; rows of a product are neighbours."""

    products: Ints  # (products,): index in the catalogue
    starts: Ints  # (products,): first row of each
    visits: Floats  # (rows,): shopping days since then, 1 for the last
    ages: Floats  # (rows,): days since then
    total: Floats  # (products,): shopping days of the shopper
    breadth: Floats  # (products,): products that the shopper has bought

    @classmethod
    def of(cls, habits: Habits) -> Purchases:
        """Of one shopper."""
        starts = np.flatnonzero(np.r_[True, habits.items[1:] != habits.items[:-1]])
        ones = np.ones(len(starts), dtype=np.float32)
        return cls(
            habits.items[starts].astype(np.int64),
            starts,
            habits.visits.astype(np.float32),
            habits.ages.astype(np.float32),
            ones * habits.visits.max(initial=1),
            ones * len(starts),
        )


@dataclass(frozen=True, slots=True)
class Repurchase:
    """`weights` has the shape (features + 1,), the last is the intercept; empty where there was too little to learn."""

    weights: Floats
    comeback: Floats  # (items,): log odds that a buyer of the product buys it on another day too
    popularity: Floats  # (items,): log of 1 + buyers

    @classmethod
    def fit(cls, data: TrainingSet, rng: Generator) -> Repurchase:
        from sklearn.linear_model import LogisticRegression

        days = _ShoppingDays.of(data)
        rates = days.comeback(data.n_items)
        model = cls(np.zeros(0, np.float32), *rates)
        tables, outcomes = [], []
        for back in range(1, _TARGET_DAYS + 1):
            purchases, again = days.before(back, rng)
            tables.append(model._features(purchases))
            outcomes.append(again)
        table, again = np.concatenate(tables), np.concatenate(outcomes)
        if len(again) < _FEWEST_EXAMPLES or not _FEWEST_REPEATS <= again.sum() <= len(again) - _FEWEST_REPEATS:
            return model
        mean, spread = table.mean(axis=0), np.maximum(table.std(axis=0), 1e-6)
        fitted = LogisticRegression(C=1.0, max_iter=200).fit((table - mean) / spread, again)
        weights = fitted.coef_[0] / spread
        return cls(
            np.r_[weights, fitted.intercept_[0] - weights @ mean].astype(np.float32), *days.comeback(data.n_items)
        )

    def scores(self, habits: Habits) -> Floats:
        """The root of each product's chance, shape (items,); 0 for what the shopper has not bought."""
        scores = np.zeros(len(self.comeback), dtype=np.float32)
        if len(habits) and len(self.weights):
            purchases = Purchases.of(habits)
            odds = self._features(purchases) @ self.weights[:-1] + self.weights[-1]
            scores[purchases.products] = np.exp(-0.5 * np.logaddexp(0, -odds))
        return scores

    def _features(self, purchases: Purchases) -> Floats:
        """Shape (products, features)."""
        starts, visits, ages = purchases.starts, purchases.visits, purchases.ages
        if not len(starts):
            return np.zeros((0, 23), dtype=np.float32)
        count = np.diff(np.r_[starts, len(visits)]).astype(np.float32)
        last, first = np.minimum.reduceat(visits, starts), np.maximum.reduceat(visits, starts)
        age, oldest = np.minimum.reduceat(ages, starts), np.maximum.reduceat(ages, starts)
        frequencies = [np.log(np.add.reduceat(np.exp2(-visits / half), starts) + 1e-3) for half in _HALF_LIVES]
        several, gaps = count > 1, np.maximum(count - 1, 1)
        # How far the wait is from the usual gap, in days and in shopping days; 0 is right on time.
        overdue = np.where(several, np.log((age + 1) / ((oldest - age) / gaps + 1)), 0)
        overdue_visits = np.where(several, np.log(last / np.maximum((first - last) / gaps, 1e-6)), 0)
        share = np.log(count / purchases.total)
        comeback = self.comeback[purchases.products]
        columns = (
            np.log(count),
            np.log(last),
            np.log(last) ** 2,
            *frequencies,
            np.log(np.maximum(age, 0) + 1),
            overdue,
            overdue**2,
            overdue_visits,
            overdue_visits**2,
            np.maximum(overdue_visits, 0),
            ~several,
            np.log(purchases.total),
            share,
            np.log(first),
            np.log(purchases.breadth / purchases.total),
            comeback,
            comeback * share,
            comeback * np.log(last),
            comeback * np.log(count),
            self.popularity[purchases.products],
            np.log(np.maximum(oldest, 0) + 1),
        )
        return np.stack(columns, axis=1).astype(np.float32)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        return {f"repurchase_{name}": getattr(self, name) for name in _NAMES}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Repurchase:
        return cls(*(arrays[f"repurchase_{name}"] for name in _NAMES))


@dataclass(frozen=True, slots=True)
class _ShoppingDays:
    """Distinct (shopper, product, day), sorted so."""

    users: Ints
    items: Ints
    pairs: Ints  # a number for each shopper and product, ascending
    days: Ints
    visits: Ints  # which of the shopper's shopping days, from 0
    counts: Ints  # (shoppers,): shopping days of each
    day_of: Ints  # (shopping days,): of all shoppers, one after the other
    first_of: Ints  # (shoppers,): where each begins in `day_of`

    @classmethod
    def of(cls, data: TrainingSet) -> _ShoppingDays:
        columns, chosen = data.interactions, data.sales
        users, items = columns.users[chosen].astype(np.int64), columns.items[chosen].astype(np.int64)
        days = columns.times[chosen] // DAY
        days = days - days.min(initial=0)
        span = int(days.max(initial=0)) + 1
        triples = np.unique((users * data.n_items + items) * span + days)
        pairs, days = triples // span, triples % span
        users, items = pairs // data.n_items, pairs % data.n_items
        shopping = np.unique(users * span + days)
        first_of = np.searchsorted(shopping, np.arange(data.n_users) * span)
        visits = np.searchsorted(shopping, users * span + days) - first_of[users]
        counts = np.diff(np.r_[first_of, len(shopping)])
        return cls(users, items, pairs, days, visits, counts, shopping % span, first_of)

    def comeback(self, n_items: int) -> tuple[Floats, Floats]:
        """Log odds that a buyer of each product buys it on another day too, and log of 1 + buyers; (items,) each."""
        starts = _starts(self.pairs)
        items, several = self.items[starts], np.diff(np.r_[starts, len(self.pairs)]) > 1
        mean = np.clip(several.mean() if len(several) else 0.5, 1e-4, 1 - 1e-4)
        buyers = np.bincount(items, minlength=n_items)
        rate = (np.bincount(items, several, n_items) + _PRIOR * mean) / (buyers + _PRIOR)
        return np.log(rate / (1 - rate)).astype(np.float32), np.log1p(buyers).astype(np.float32)

    def before(self, back: int, rng: Generator) -> tuple[Purchases, NDArray[np.bool_]]:
        """What shoppers had bought before their `back`-last shopping day, and whether they bought it again on that."""
        target = self.counts - back
        able = np.flatnonzero(target >= 2)
        drawn = np.zeros(len(target), dtype=bool)
        drawn[rng.permutation(able)[:_MOST_SHOPPERS]] = True
        known = drawn[self.users] & (self.visits < target[self.users])
        users, pairs = self.users[known], self.pairs[known]
        starts = _starts(pairs)
        day = self.day_of[np.minimum(self.first_of + np.maximum(target, 0), len(self.day_of) - 1)]
        owners = users[starts]
        purchases = Purchases(
            self.items[known][starts],
            starts,
            (target[users] - self.visits[known]).astype(np.float32),
            (day[users] - self.days[known]).astype(np.float32),
            target[owners].astype(np.float32),
            np.bincount(owners, minlength=len(target))[owners].astype(np.float32),
        )
        return purchases, np.isin(pairs[starts], self.pairs[self.visits == target[self.users]])


def _starts(keys: Ints) -> Ints:
    return np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]]) if len(keys) else np.zeros(0, np.int64)
