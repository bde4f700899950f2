"""A shopper at request time: their history folded to distinct products, with views that weight it by recency."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from scoring.data.interactions import DAY, EVENT_STRENGTHS, PURCHASE, sublinear
from scoring.types import EVENT_CODES, EventType

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scoring.types import History

_LOOKS = (EVENT_CODES[EventType.VIEW], EVENT_CODES[EventType.CLICK], EVENT_CODES[EventType.LIKE])
_SESSION = 12 * 3_600  # seconds: a break of half a day ends it
_SESSION_PRODUCTS = 10


class View(StrEnum):
    """How far back a history counts. Validation chooses which views a list uses."""

    LAST = "last"  # the last basket, or the last product or two
    LAST_3 = "last3"  # the last few products, however long ago
    LAST_10 = "last10"
    SESSION = "session"  # what the shopper is doing now: the last visit, the last few products
    RECENT = "recent"  # the last weeks, with a trace of what came before
    SEASON = "season"  # the last half year more than what came before
    WHOLE = "whole"  # everything alike


@dataclass(frozen=True, slots=True)
class _Depth:
    half_life: float  # seconds from the newest event
    half_life_products: float  # products met since
    floor: float  # weight that the oldest entry keeps


# Time alone carries little information where a year of ratings is entered in an evening, and the number of newer
# products little where a shopper comes once a month: an entry decays with both.
_DEPTHS = {
    View.LAST: _Depth(np.inf, 1.0, 0.0),
    View.LAST_3: _Depth(np.inf, 3.0, 0.0),
    View.LAST_10: _Depth(np.inf, 10.0, 0.0),
    View.SESSION: _Depth(1.0 * DAY, 8.0, 0.0),
    View.RECENT: _Depth(30.0 * DAY, 100.0, 0.05),
    View.SEASON: _Depth(180.0 * DAY, np.inf, 0.25),
}
_NEGLIGIBLE = 1e-3


@dataclass(frozen=True, slots=True)
class Habits:
    """On which days each product was bought; entries (products, days), sorted by product."""

    items: NDArray[np.int32]
    visits: NDArray[np.int32]  # shopping days since then, with that one: 1 for the last
    ages: NDArray[np.int32]  # days since then, from the time of the request

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True, slots=True)
class Profile:
    """Distinct products of a history; the arrays share the shape (products,), sorted by product index."""

    items: NDArray[np.int32]
    strengths: NDArray[np.float32]  # of the strongest event, purchase = 1
    repeats: NDArray[np.float32]  # weight of its repeats, 1 for none
    ages: NDArray[np.float64]  # seconds from its last event to the newest event of the history
    newer_products: NDArray[np.int32]  # distinct products met after it
    purchases: NDArray[np.int32]
    bought_at: NDArray[np.int64]  # unix seconds of the last purchase, 0 for none
    habits: Habits
    now: int
    stated: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))  # products of stated tastes
    undated: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))  # bought, nobody knows when
    local_hour: int | None = None

    def __len__(self) -> int:
        return len(self.items)

    def weights(self, view: View) -> NDArray[np.float32]:
        """Strengths, decayed by age and by the number of newer products; shape (products,).

        A visit is about what is new in it as much as about what is always bought: repeats do not count there.
        """
        if view is View.WHOLE or not len(self.items):
            return self.strengths * self.repeats
        depth = _DEPTHS[view]
        fading = np.exp2(-self.ages / depth.half_life - self.newer_products / depth.half_life_products)
        weights = self.strengths * (depth.floor + (1 - depth.floor) * fading)
        if depth.floor > 0:
            weights = weights * self.repeats
        return weights.astype(np.float32, copy=False)

    def seen(self, view: View) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Products and weights, without those of negligible weight."""
        weights = self.weights(view)
        if not len(weights):
            return self.items, weights
        kept = weights > _NEGLIGIBLE * weights.max()
        return self.items[kept], weights[kept]

    @property
    def bought_habits(self) -> Habits:
        """The habits, where they are of purchases."""
        return self.habits if self.purchases.any() else Habits(self.items[:0], self.items[:0], self.items[:0])

    @property
    def bought(self) -> NDArray[np.int32]:
        return self.items[self.purchases > 0]


def fold_history(history: History, n_items: int, now: int) -> Profile:
    """Products outside the catalogue are ignored."""
    if not len(history.items):
        return seeds_profile((), now)
    known = (history.items >= 0) & (history.items < n_items)
    items, events, times = history.items[known], history.events[known], history.times[known]
    if not len(items):
        return seeds_profile((), now)
    distinct, rows = np.unique(items, return_inverse=True)
    last = np.full(len(distinct), np.iinfo(np.int64).min)
    np.maximum.at(last, rows, times)
    strengths = np.zeros(len(distinct), dtype=np.float32)
    np.maximum.at(strengths, rows, EVENT_STRENGTHS[events])
    bought = events == PURCHASE
    purchases = np.bincount(rows[bought], minlength=len(distinct)).astype(np.int32)
    times_met = np.where(purchases > 0, purchases, np.bincount(rows, minlength=len(distinct)))
    bought_at = np.zeros(len(distinct), dtype=np.int64)
    np.maximum.at(bought_at, rows[bought], times[bought])
    # Without purchases, any event counts as one.
    counted = bought if bought.any() else np.ones(len(items), dtype=bool)
    days = np.unique(items[counted].astype(np.int64) * (1 << 32) + times[counted] // DAY % (1 << 32))
    visits = days & 0xFFFFFFFF
    all_visits = np.unique(visits)
    told = history.told_of
    return Profile(
        items=distinct.astype(np.int32),
        strengths=strengths,
        repeats=sublinear(times_met),
        ages=(last.max() - last).astype(np.float64),
        newer_products=(len(last) - np.searchsorted(np.sort(last), last, side="right")).astype(np.int32),
        purchases=purchases,
        bought_at=bought_at,
        habits=Habits(
            (days >> 32).astype(np.int32),
            (len(all_visits) - np.searchsorted(all_visits, visits)).astype(np.int32),
            np.maximum(now // DAY - visits, 0).astype(np.int32),
        ),
        now=now,
        undated=told.items[told.events == PURCHASE],
    )


def seeds_profile(seeds: tuple[int, ...], now: int) -> Profile:
    """A profile of equally strong products, as if all had just been bought."""
    items = np.array(sorted(set(seeds)), dtype=np.int32)
    ones = np.ones(len(items), dtype=np.int32)
    return Profile(
        items=items,
        strengths=ones.astype(np.float32),
        repeats=ones.astype(np.float32),
        ages=np.zeros(len(items)),
        newer_products=np.zeros(len(items), dtype=np.int32),
        purchases=ones,
        bought_at=ones * np.int64(now),
        habits=Habits(items, ones, np.zeros(len(items), dtype=np.int32)),
        now=now,
    )


def session_profile(profile: Profile, history: History) -> Profile:
    """The same shopper seen through the session they are in: its last few products, each step back weighing 0.8 of the
    one after, whatever was done with them. What came before keeps a trace."""
    if not len(profile):
        return profile
    recent: dict[int, float] = {}
    started = history.times.max() - _SESSION
    for item, time in zip(history.items[::-1].tolist(), history.times[::-1].tolist(), strict=True):
        if time >= started and len(recent) < _SESSION_PRODUCTS:
            recent.setdefault(item, 0.8 ** len(recent))
    fading = np.array([recent.get(item, 0.0) for item in profile.items.tolist()], dtype=np.float32)
    strengths = np.where(fading > 0, fading, np.float32(0.02) * profile.strengths)
    zeros = np.zeros(len(profile))
    ones = np.ones(len(profile), dtype=np.float32)
    return replace(profile, strengths=strengths, repeats=ones, ages=zeros, newer_products=zeros.astype(np.int32))


def last_viewed(history: History, n_items: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Distinct products that were looked at, newest first, with the time of the last look."""
    looks = np.isin(history.events, _LOOKS) & (history.items >= 0) & (history.items < n_items)
    items, times = history.items[looks], history.times[looks]
    order = np.lexsort((np.arange(len(items)), times))[::-1]
    _, first = np.unique(items[order], return_index=True)
    newest = order[np.sort(first)]
    return items[newest], times[newest]
