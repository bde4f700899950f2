"""Products that the shop pins to a position of the list."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scoring.exploration.sampling import fixed_slots
from scoring.types import HISTORY_SCENARIOS, Reason, ReasonKind, Scenario

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scoring.ranking.request import Request
    from scoring.ranking.scales import ShelfScales
    from scoring.ranking.scenarios import Scenarios
    from scoring.types import RankedItem, Ruling


def pinned(request: Request, scenarios: Scenarios, scales: ShelfScales) -> dict[int, RankedItem]:
    """Pinned products by position from 1, with the scores of the scenario, or else those of what fills a list.

    A list of the shopper's own history pins only what is in that history.
    """
    placed = _placed(request)
    if not placed:
        return {}
    among = np.zeros(len(request.allowed), dtype=bool)
    among[list(placed.values())] = True
    asked = request.among(among).limited(len(placed))
    slate = scenarios.candidates(asked).on_scale(scales.of(asked))
    if request.query.scenario in HISTORY_SCENARIOS:
        met = set(slate.items.tolist())
        placed = {position: item for position, item in placed.items() if item in met}
    else:
        popular = scenarios.popular(asked.after(slate.items.tolist()))
        slate = slate.append(popular.on_scale(scales.popular).filling(slate))
    reasons = [[Reason(ReasonKind.PROMOTED)]] * len(slate)
    ranked = {one.item: one for one in slate.ranked(fixed_slots(len(slate)), reasons)}
    return {position: ranked[item] for position, item in placed.items()}


def insert_pins(listed: list[RankedItem], pins: dict[int, RankedItem]) -> list[RankedItem]:
    """The list with each pin at its position, or at the end of a list that is too short for it."""
    whole = list(listed)
    for position in sorted(pins):
        whole.insert(position - 1, pins[position])
    return whole


def place_pins(ruling: Ruling, limit: int, showable: NDArray[np.bool_]) -> dict[int, int]:
    """Position from 1 to item, for the pins of a list of length `limit` that may be shown.

    Where two want the same position, the one that decides first gets it and the other the next free one.
    """
    placed: dict[int, int] = {}
    for item, wished in ruling.pins:
        if not showable[item] or item in placed.values():
            continue
        position = next((one for one in range(wished, limit + 1) if one not in placed), None)
        if position is not None:
            placed[position] = item
    return placed


def _placed(request: Request) -> dict[int, int]:
    """Position to item. What the shopper has bought is not pinned, unless asked for."""
    query = request.query
    if query.rules is None or not query.rules.pins:
        return {}
    showable = request.allowed
    if not query.include_purchased and query.scenario is not Scenario.BUY_AGAIN:
        showable = showable.copy()
        showable[request.profile.bought] = False
    return place_pins(query.rules, query.limit, showable)
