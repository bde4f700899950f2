"""Caps on the products of one category and of one brand in a list, and how a list is filled that they leave short."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
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
