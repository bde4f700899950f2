"""Exploration: which positions of a list are drawn at random, with the exact propensity of what they show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.types import Impression


@dataclass(frozen=True, slots=True)
class Slot:
    """A position of the list: which candidate it shows, whether that was drawn, and its exact propensity there."""

    candidate: int  # its row among the candidates
    exploration: bool
    propensity: float
    rivals: tuple[int, ...] = ()  # candidates that might have been here, the list's own first; none where it is fixed
    impression: Impression | None = None


def fixed_slots(count: int) -> list[Slot]:
    """The first `count` candidates in order, with nothing drawn."""
    return [Slot(row, exploration=False, propensity=1.0) for row in range(count)]


def explore(
    order: NDArray[np.int64],
    n_candidates: int,
    limit: int,
    share: float,
    seed: int,
    chances: Callable[[NDArray[np.int64]], NDArray[np.float64]] | None = None,
) -> list[Slot]:
    """Gives on average `share` of the slots to candidates outside the list.

    order: places of candidates, best first. chances: of some places, how likely one draw should pick each (sums to 1);
    None draws evenly. The drawn slots are the last ones. Their number is share * limit, rounded up with the chance that
    makes it right on average, so one slot may be either: there, the chance that it was the list's own item is part of
    its propensity.

    The draws are one systematic sample (Madow 1949) with given inclusion probabilities, dealt to the slots in random
    order. So the chance of a candidate in a drawn slot is its inclusion probability over the number of draws: exact for
    any number of draws, where draws one after the other would have to sum over all that might have been drawn before.
    """
    kept = order[:limit]
    wanted = min(max(share, 0.0), 1.0) * len(kept)
    sure, chance = int(wanted), wanted - int(wanted)
    fixed = len(kept) - sure
    outside = np.setdiff1d(np.arange(n_candidates), kept[:fixed], assume_unique=True)
    needed = sure + (1 if chance > 0 else 0)
    if needed == 0 or len(outside) < needed:
        return [Slot(int(place), exploration=False, propensity=1.0) for place in kept]
    generator = np.random.default_rng(seed)
    even = np.full(len(outside), 1.0 / len(outside))
    included = inclusion(even if chances is None else chances(outside), needed)
    drawn = _systematic(included, needed, generator)
    here = (included / needed).tolist()
    others = outside.tolist()

    def explored(draw: int, own: int, share_of_slot: float) -> Slot:
        place = others[draw]
        rivals = (own, *(other for other in others if other != own))
        return Slot(place, exploration=True, propensity=share_of_slot * here[draw], rivals=rivals)

    slots = [Slot(int(place), exploration=False, propensity=1.0) for place in kept[: len(kept) - needed]]
    if chance > 0:
        own = int(kept[fixed - 1])
        if generator.random() < chance:
            slots.append(explored(int(drawn[sure]), own, chance))
        else:
            slots.append(Slot(own, exploration=False, propensity=1.0 - chance, rivals=(own, *others)))
    slots += [explored(int(draw), int(own), 1.0) for draw, own in zip(drawn[:sure], kept[fixed:], strict=True)]
    return slots


def inclusion(chances: NDArray[np.float64], needed: int) -> NDArray[np.float64]:
    """The probability of each candidate to be among `needed` different ones: proportional to chances, at most 1, and
    `needed` in sum. chances: (n,) > 0, n >= needed."""
    included = np.zeros(len(chances))
    free = np.ones(len(chances), dtype=bool)
    for _ in range(needed + 1):
        rest = needed - (len(free) - int(free.sum()))
        included[free] = rest * chances[free] / max(float(chances[free].sum()), 1e-300)
        over = free & (included >= 1.0)
        if not over.any():
            break
        included[over] = 1.0
        free &= ~over
    return included


def _systematic(included: NDArray[np.float64], needed: int, generator: Generator) -> NDArray[np.int64]:
    """Different candidates, each with its inclusion probability, in an order that is even among them."""
    shuffled = generator.permutation(len(included))
    ends = np.cumsum(included[shuffled])
    steps = np.arange(needed)
    found = np.searchsorted(ends, generator.random() + steps, "right")
    # Rounding of the sums must neither pick one twice nor run past the last.
    found = np.maximum.accumulate(found - steps) + steps
    found = np.minimum(found, len(included) - needed + steps)
    return generator.permutation(shuffled[found])
