"""What happens to a shortlist before it is shown: caps, diversity, and exploration with exact propensities."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from scoring.types import Caps

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.types import Impression


def relaxations(caps: Caps) -> list[Caps]:
    """The caps, then ever weaker ones for a list that cannot be filled: first that of brands goes, then all."""
    return list(dict.fromkeys((caps, replace(caps, per_brand=0), Caps())))


def within_caps(
    items: NDArray[np.int32], already_listed: Sequence[int], capped: Sequence[tuple[NDArray[np.int32], int]], count: int
) -> NDArray[np.int64]:
    """Places of the first `count` candidates that can be added one after the other without breaking a cap.

    items: candidates, best first; held: items that count already; capped: the code of every item of the catalogue,
    -1 for none, with how many of one code there may be. Products without a code are not capped.
    """
    counts = [Counter(codes[list(already_listed)].tolist()) for codes, _ in capped]
    rows = np.stack([codes[items] for codes, _ in capped], axis=1).tolist()
    kept: list[int] = []
    for place, row in enumerate(rows):
        full = any(
            code >= 0 and count_of[code] >= cap for code, count_of, (_, cap) in zip(row, counts, capped, strict=True)
        )
        if full:
            continue
        for code, count_of in zip(row, counts, strict=True):
            count_of[code] += 1
        kept.append(place)
        if len(kept) == count:
            break
    return np.array(kept, dtype=np.int64)


def diversify(
    scores: NDArray[np.float32], vectors: NDArray[np.float32], limit: int, diversity: float
) -> NDArray[np.int64]:
    """Places of the chosen candidates in order, by maximal marginal relevance (Carbonell and Goldstein 1998).

    scores: (k,) in [0, 1], best first; vectors: (k, d), any length. Each pick maximises
    (1 - diversity) * score - diversity * likeness to what is already picked, with likeness the largest cosine. At equal
    spread it costs less accuracy than the greedy determinantal process of Chen et al. (2018), except for the smallest
    diversity, and half the time: docs/merchandising.md has the numbers.
    """
    count = min(limit, len(scores))
    if diversity <= 0 or count <= 1:
        return np.arange(count)
    low, high = float(scores.min()), float(scores.max())
    relevance = (1 - diversity) * (scores - low) / (high - low if high > low else 1.0)
    norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    unit = vectors / np.where(norms > 0, norms, 1.0)[:, None]
    likeness = diversity * np.maximum(unit @ unit.T, 0.0)
    worst = np.zeros(len(scores), dtype=np.float32)
    value = relevance.astype(np.float32)
    picked = np.empty(count, dtype=np.int64)
    for place in range(count):
        best = int(np.argmax(value - worst))
        picked[place] = best
        value[best] = -np.inf
        np.maximum(worst, likeness[best], out=worst)
    return picked


@dataclass(frozen=True, slots=True)
class Slot:
    """A place of the final list: which candidate, whether it was drawn, and the exact chance of it being here."""

    place: int
    exploration: bool
    propensity: float
    rivals: tuple[int, ...] = ()  # candidates that might have been here, the list's own first; none where it is fixed
    impression: Impression | None = None


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
