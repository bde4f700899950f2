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
    rivals: tuple[int, ...] = ()  # candidates that could be drawn here, the list's own first; none where it is fixed
    impression: Impression | None = None
    drawn_among: tuple[int, ...] = ()  # the products of the rivals


def fixed_slots(count: int) -> list[Slot]:
    """The first `count` candidates in order, with nothing drawn."""
    return [Slot(row, exploration=False, propensity=1.0) for row in range(count)]


def explore(
    order: NDArray[np.int64],
    n_candidates: int,
    limit: int,
    share: float,
    seed: int,
    draw_probabilities: Callable[[NDArray[np.int64]], NDArray[np.float64]] | None = None,
) -> list[Slot]:
    """Gives on average `share` of the slots to candidates outside the list.

    order: candidates of the list, best first. draw_probabilities: of some candidates, with which one draw should pick
    each (sums to 1); None draws evenly. The drawn slots are the last ones. Their number is share * limit, rounded up
    with the probability that makes it right on average, so one slot may be either: there, the probability that it
    shows the list's own item is part of its propensity.

    The draws are one systematic sample (Madow 1949) with given inclusion probabilities, dealt to the slots in random
    order. So the probability of a candidate in a drawn slot is its inclusion probability over the number of draws:
    exact for any number of draws, where draws one after the other would have to sum over all that might have been
    drawn before.
    """
    kept = order[:limit]
    wanted = min(max(share, 0.0), 1.0) * len(kept)
    always, sometimes = int(wanted), wanted - int(wanted)  # slots that are drawn, and the probability of one more
    fixed = len(kept) - always
    outside = np.setdiff1d(np.arange(n_candidates), kept[:fixed], assume_unique=True)
    needed = always + (1 if sometimes > 0 else 0)
    if needed == 0 or len(outside) < needed:
        return [Slot(int(candidate), exploration=False, propensity=1.0) for candidate in kept]
    generator = np.random.default_rng(seed)
    even = np.full(len(outside), 1.0 / len(outside))
    included = inclusion(even if draw_probabilities is None else draw_probabilities(outside), needed)
    drawn = _systematic(included, needed, generator)
    per_slot = (included / needed).tolist()
    others = outside.tolist()

    def explored(draw: int, own: int, probability: float) -> Slot:
        rivals = (own, *(other for other in others if other != own))
        return Slot(others[draw], exploration=True, propensity=probability * per_slot[draw], rivals=rivals)

    slots = [Slot(int(candidate), exploration=False, propensity=1.0) for candidate in kept[: len(kept) - needed]]
    if sometimes > 0:
        own = int(kept[fixed - 1])
        if generator.random() < sometimes:
            slots.append(explored(int(drawn[always]), own, sometimes))
        else:
            slots.append(Slot(own, exploration=False, propensity=1.0 - sometimes, rivals=(own, *others)))
    slots += [explored(int(draw), int(own), 1.0) for draw, own in zip(drawn[:always], kept[fixed:], strict=True)]
    return slots


def inclusion(probabilities: NDArray[np.float64], needed: int) -> NDArray[np.float64]:
    """The probability of each candidate to be among `needed` different ones: proportional to the probabilities of one
    draw, at most 1, and `needed` in sum. probabilities: (n,) > 0, n >= needed."""
    included = np.zeros(len(probabilities))
    free = np.ones(len(probabilities), dtype=bool)
    for _ in range(needed + 1):
        rest = needed - (len(free) - int(free.sum()))
        included[free] = rest * probabilities[free] / max(float(probabilities[free].sum()), 1e-300)
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
