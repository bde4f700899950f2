"""Caps on the products of one category and of one brand in a list, and how a list is filled that they leave short."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from scoring.types import Caps

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from scoring.ranking.evidence import Ground
    from scoring.ranking.request import Request
    from scoring.types import RankedItem


@dataclass(frozen=True, slots=True)
class Grounds:
    """What products rest on: a product of the history, a named reason, or nothing that could crowd a list (None)."""

    candidates: Sequence[Ground | None]
    listed: Sequence[Ground | None] = ()  # of what the list holds already


def fill_by_caps(request: Request, list_within: Callable[[Request], list[RankedItem]]) -> list[RankedItem]:
    """The list within the request's caps; where these leave it short, the rest by ever weaker caps, scored below.

    list_within: gives a list that keeps the caps of the request it gets. Only the first one is diversified and
    explored: what follows fills up.
    """
    found: list[RankedItem] = []
    for caps in _relaxations(request.query.caps):
        missing = request.query.limit - len(found)
        if missing < 1:
            break
        query = replace(request.query, limit=missing, caps=caps)
        if found:
            query = replace(query, diversity=0.0, exploration_share=0.0)
        rest = replace(request, query=query).after([one.item for one in found], [one.reasons[0] for one in found])
        more = list_within(rest)
        ceiling = min((one.score for one in found), default=1.0)
        found = found + [replace(one, score=one.score * ceiling) for one in more] if found else more
    return found


def _relaxations(caps: Caps) -> list[Caps]:
    """The caps, then ever weaker ones for a list that cannot be filled: first that of brands goes, then that of
    categories, then all."""
    unbranded = replace(caps, per_brand=0)
    return list(dict.fromkeys((caps, unbranded, replace(unbranded, per_category=0), Caps())))


def within_caps(
    items: NDArray[np.int32], listed: Sequence[int], capped: Sequence[tuple[NDArray[np.int32], int]], count: int
) -> NDArray[np.int64]:
    """Rows of the first `count` candidates that can be added one after the other without breaking a cap.

    items: candidates, best first; listed: items that count already; capped: the code of every item of the catalogue,
    -1 for none, with how many of one code there may be. Products without a code are not capped.
    """
    counts = [Counter(codes[list(listed)].tolist()) for codes, _ in capped]
    code_rows = np.stack([codes[items] for codes, _ in capped], axis=1).tolist()
    kept: list[int] = []
    for row, codes_here in enumerate(code_rows):
        full = any(
            code >= 0 and count_of[code] >= cap
            for code, count_of, (_, cap) in zip(codes_here, counts, capped, strict=True)
        )
        if full:
            continue
        for code, count_of in zip(codes_here, counts, strict=True):
            count_of[code] += 1
        kept.append(row)
        if len(kept) == count:
            break
    return np.array(kept, dtype=np.int64)


def within_share(grounds: Grounds, most: int) -> NDArray[np.int64]:
    """Rows of the candidates, best first, of which at most `most` rest on the same; what rests on nothing in particular
    is not counted."""
    counts = Counter(grounds.listed)
    kept: list[int] = []
    for row, ground in enumerate(grounds.candidates):
        if ground is not None:
            if counts[ground] >= most:
                continue
            counts[ground] += 1
        kept.append(row)
    return np.array(kept, dtype=np.int64)
