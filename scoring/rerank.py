"""What happens to a shortlist before it is shown: caps, diversity, and exploration with exact propensities."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from scoring.types import Caps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def relaxations(caps: Caps) -> list[Caps]:
    """The caps, then ever weaker ones for a list that cannot be filled: first that of brands goes, then all."""
    return list(dict.fromkeys((caps, replace(caps, per_brand=0), Caps())))


def within_caps(
    items: NDArray[np.int32], held: Sequence[int], capped: Sequence[tuple[NDArray[np.int32], int]], count: int
) -> NDArray[np.int64]:
    """Places of the first `count` candidates that can be added one after the other without breaking a cap.

    items: candidates, best first; held: items that count already; capped: the code of every item of the catalogue,
    -1 for none, with how many of one code there may be. Products without a code are not capped.
    """
    counts = [Counter(codes[list(held)].tolist()) for codes, _ in capped]
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


def explore(order: NDArray[np.int64], n_candidates: int, limit: int, share: float, seed: int) -> list[Slot]:
    """Gives on average `share` of the slots to candidates outside the list, drawn evenly.

    order: places of candidates, best first. The drawn slots are the last ones. Their number is share * limit, rounded
    up with the chance that makes it right on average, so one slot may be either: there, the chance that it was the
    list's own item is part of its propensity.
    """
    kept = order[:limit]
    wanted = min(max(share, 0.0), 1.0) * len(kept)
    sure, chance = int(wanted), wanted - int(wanted)
    outside = np.setdiff1d(np.arange(n_candidates), kept[: len(kept) - sure], assume_unique=True)
    needed = sure + (1 if chance > 0 else 0)
    if needed == 0 or len(outside) < needed:
        return [Slot(int(place), exploration=False, propensity=1.0) for place in kept]
    generator = np.random.default_rng(seed)
    drawn = generator.choice(outside, needed, replace=False)
    also = chance > 0 and generator.random() < chance
    slots = [Slot(int(place), exploration=False, propensity=1.0) for place in kept[: len(kept) - needed]]
    if also:
        slots.append(Slot(int(drawn[sure]), exploration=True, propensity=chance / len(outside)))
    elif chance > 0:
        slots.append(Slot(int(kept[len(kept) - sure - 1]), exploration=False, propensity=1.0 - chance))
    slots += [Slot(int(place), exploration=True, propensity=1.0 / len(outside)) for place in drawn[:sure]]
    return slots
