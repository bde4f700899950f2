"""A shopper at request time: their history folded to distinct products, with age and strength of each."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from scoring.interactions import EVENT_STRENGTHS, PURCHASE
from scoring.types import EVENT_CODES, EventType

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scoring.types import History

_VIEWS = (EVENT_CODES[EventType.VIEW], EVENT_CODES[EventType.CLICK], EVENT_CODES[EventType.LIKE])
_SESSION = 12 * 3_600  # seconds: a break of half a day ends it
_SESSION_PRODUCTS = 10


@dataclass(frozen=True, slots=True)
class Profile:
    """Distinct products of a history; the arrays share the shape (products,), sorted by product index."""

    items: NDArray[np.int32]
    strengths: NDArray[np.float32]  # of the strongest event, purchase = 1
    ages: NDArray[np.float64]  # seconds from its last event to the newest event of the history
    purchases: NDArray[np.int32]
    bought_at: NDArray[np.int64]  # unix seconds of the last purchase, 0 for none
    now: int
    stated: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))  # products of stated tastes
    local_hour: int | None = None

    def __len__(self) -> int:
        return len(self.items)

    def weights(self, half_life: float, floor: float) -> NDArray[np.float32]:
        """Strengths, halved every `half_life` seconds of age, never below `floor` of the whole."""
        if not len(self.items):
            return self.strengths
        fading = np.exp2(-self.ages / half_life)
        weights: NDArray[np.float32] = (self.strengths * (floor + (1 - floor) * fading)).astype(np.float32)
        return weights

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
    distinct, places = np.unique(items, return_inverse=True)
    last = np.full(len(distinct), np.iinfo(np.int64).min)
    np.maximum.at(last, places, times)
    strengths = np.zeros(len(distinct), dtype=np.float32)
    np.maximum.at(strengths, places, EVENT_STRENGTHS[events])
    bought = events == PURCHASE
    bought_at = np.zeros(len(distinct), dtype=np.int64)
    np.maximum.at(bought_at, places[bought], times[bought])
    return Profile(
        items=distinct.astype(np.int32),
        strengths=strengths,
        ages=(last.max() - last).astype(np.float64),
        purchases=np.bincount(places[bought], minlength=len(distinct)).astype(np.int32),
        bought_at=bought_at,
        now=now,
    )


def seeds_profile(seeds: tuple[int, ...], now: int) -> Profile:
    """A profile of equally strong products, as if all had just been bought."""
    items = np.array(sorted(set(seeds)), dtype=np.int32)
    ones = np.ones(len(items), dtype=np.int32)
    return Profile(items, ones.astype(np.float32), np.zeros(len(items)), ones, ones * np.int64(now), now)


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
    return replace(profile, strengths=strengths, ages=np.zeros(len(profile)))


def last_viewed(history: History, n_items: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Distinct products that were looked at, newest first, with the time of the last look."""
    looks = np.isin(history.events, _VIEWS) & (history.items >= 0) & (history.items < n_items)
    items, times = history.items[looks], history.times[looks]
    order = np.lexsort((np.arange(len(items)), times))[::-1]
    _, first = np.unique(items[order], return_index=True)
    newest = order[np.sort(first)]
    return items[newest], times[newest]
