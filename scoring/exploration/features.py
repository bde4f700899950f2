"""The bandit's features of a candidate: its hybrid score and attributes, the context, and hashed crosses of both."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scoring.data.interactions import EVENT_STRENGTHS
from scoring.data.ties import tie_breaker
from scoring.exploration.bandit import DIMENSION
from scoring.types import PERSONAL_SCENARIOS, SEEDED_SCENARIOS, Impression

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scoring.components.demand import Demand
    from scoring.data.items import ItemIndex
    from scoring.types import History, Scenario

_DENSE = 12
_HASHED = DIMENSION - _DENSE
_HOURS_PER_PART = 4
_DEVICES = {"tablet": ("tablet", "ipad"), "mobile": ("mobile", "phone", "android", "ios")}
_DEVICE_CLASSES = ("other", *_DEVICES)
_SCENARIO_CLASSES = (PERSONAL_SCENARIOS, SEEDED_SCENARIOS)


@dataclass(frozen=True, slots=True)
class Traits:
    """Features that depend on the product alone; arrays of shape (items,)."""

    demand: NDArray[np.float32]  # standardised log demand over 3, in [-1, 1]
    newness: NDArray[np.float32]  # 1 for a product that nobody has bought yet, falling to 0
    price_level: NDArray[np.float32]  # from -1 (the cheapest of its category) to 1; 0 where unknown
    leaf: NDArray[np.int32]  # code of the category, -1 for none
    category: NDArray[np.uint32]  # hash of the category's id: the same in every snapshot, unlike its code

    @classmethod
    def of(cls, index: ItemIndex, demand: Demand) -> Traits:
        hashes = np.array([*(zlib.crc32(name.encode()) for name in index.categories.names), 0], dtype=np.uint32)
        return cls(
            demand=np.clip(demand.popularity / 3, -1.0, 1.0).astype(np.float32),
            newness=(1 / np.sqrt(1.0 + demand.buyers)).astype(np.float32),
            price_level=_levels(index.prices, index.leaf),
            leaf=index.leaf,
            category=hashes[index.leaf],
        )


def _levels(prices: NDArray[np.float32], groups: NDArray[np.int32]) -> NDArray[np.float32]:
    """Rank of each price within its group, scaled to [-1, 1]."""
    known = np.flatnonzero(np.isfinite(prices))
    order = known[np.lexsort((prices[known], groups[known]))]
    sorted_groups = groups[order]
    starts = np.searchsorted(sorted_groups, sorted_groups, "left")
    sizes = np.searchsorted(sorted_groups, sorted_groups, "right") - starts
    levels = np.zeros(len(prices), dtype=np.float32)
    levels[order] = 2 * (np.arange(len(order)) - starts + 0.5) / np.maximum(sizes, 1) - 1
    return levels


@dataclass(frozen=True, slots=True)
class BanditContext:
    """What the bandit knows about a request."""

    scenario: Scenario
    history: History
    device: str | None = None
    local_hour: int | None = None  # 0 to 23


def encode(
    context: BanditContext, traits: Traits, items: NDArray[np.int32], scores: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Features of some products in a context, shape (products, DIMENSION), each in [-1, 1].

    scores: calibrated scores of the hybrid model. Categories are crossed with device, part of the day and scenario by
    feature hashing with signs (Weinberger et al. 2009), which keeps expected products of two rows unchanged. Values
    are rounded to what a log entry can hold, so that a logged row is the very row that was shown.
    """
    rows = np.zeros((len(items), DIMENSION))
    rows[:, 0] = 1.0
    rows[:, 1] = np.clip(scores, 0.0, 1.0)
    rows[:, 2] = traits.demand[items]
    rows[:, 3] = traits.newness[items]
    rows[:, 4] = traits.price_level[items]
    rows[:, 5] = _affinity(context.history, traits.leaf)[traits.leaf[items]]
    device, part = device_class(context.device), 0
    if context.local_hour is not None:
        turn = 2 * np.pi * (context.local_hour % 24) / 24
        rows[:, 6], rows[:, 7] = np.sin(turn), np.cos(turn)
        part = 1 + context.local_hour % 24 // _HOURS_PER_PART
    if device:
        rows[:, 7 + device] = 1.0
    scenario = next((number for number, kinds in enumerate(_SCENARIO_CLASSES, 1) if context.scenario in kinds), 0)
    if scenario:
        rows[:, 9 + scenario] = 1.0
    all_rows = np.arange(len(items))
    for salt in (0, 1 + device, 10 + part, 20 + scenario):
        hashed = tie_breaker(salt, traits.category[items])
        signs = 1.0 - 2.0 * ((hashed >> np.uint64(32)) & np.uint64(1)).astype(np.float64)
        rows[all_rows, _DENSE + (hashed % np.uint64(_HASHED)).astype(np.int64)] += 0.5 * signs
    return _rounded(rows)


def device_class(device: str | None) -> int:
    """0 for a desktop or an unknown device, 1 for a tablet, 2 for a phone."""
    named = (device or "").casefold()
    found = (kind for kind, words in _DEVICES.items() if any(word in named for word in words))
    return _DEVICE_CLASSES.index(next(found, "other"))


def _affinity(history: History, leaf: NDArray[np.int32]) -> NDArray[np.float64]:
    """Each category's part in what the shopper did, (categories + 1,); the last, for products without one, is 0."""
    shares = np.zeros(int(leaf.max(initial=-1)) + 2)
    known = (history.items >= 0) & (history.items < len(leaf))
    np.add.at(shares, leaf[history.items[known]], EVENT_STRENGTHS[history.events[known]])
    total = shares.sum()
    shares[-1] = 0.0
    return shares / total if total > 0 else shares


def impression(rows: NDArray[np.float64], shown: int, rivals: tuple[int, ...]) -> Impression:
    """What the log keeps of a position of a list. rows: features of all candidates; shown, rivals: indexes of rows."""
    if not rivals:
        return Impression(_bytes(rows[shown]))
    return Impression(_bytes(rows[shown]), zlib.compress(_bytes(rows[list(rivals)]), 1), rivals.index(shown))


def unpack_rows(data: bytes, *, compressed: bool = False) -> NDArray[np.float64]:
    """Features as they were when they were packed, shape (rows, DIMENSION). Raises ValueError for another layout."""
    raw = zlib.decompress(data) if compressed else data
    return np.frombuffer(raw, dtype="<f2").astype(np.float64).reshape(-1, DIMENSION)


def _rounded(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return rows.astype("<f2").astype(np.float64)


def _bytes(rows: NDArray[np.float64]) -> bytes:
    return rows.astype("<f2").tobytes()
