"""Why a product is in a list: the scenario's own reason where it has one, else the evidence on each product."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scoring.data.interactions import DAY
from scoring.data.profile import View, last_viewed, seeds_profile
from scoring.ranking.caps import Grounds
from scoring.ranking.ensemble import shares
from scoring.ranking.evidence import EvidenceFinder, Sources, due_again, popular, trending
from scoring.ranking.repeats import repeats
from scoring.types import SEEDED_SCENARIOS, Reason, ReasonKind, Scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from scoring.exploration.sampling import Slot
    from scoring.ranking.model import SnapshotFacts
    from scoring.ranking.request import Request
    from scoring.ranking.slate import Slate


class Reasons:
    """Reasons over the facts of one snapshot."""

    def __init__(self, facts: SnapshotFacts) -> None:
        self._facts = facts
        self._own: dict[Scenario, Callable[[Request, list[int]], list[list[Reason]]]] = {
            Scenario.POPULAR: self._popular,
            Scenario.TRENDING: self._trending,
            Scenario.RECENTLY_VIEWED: self._recently_viewed,
            Scenario.BUY_AGAIN: self._buy_again,
        }

    def of(self, slate: Slate, slots: list[Slot], request: Request) -> list[list[Reason]]:
        """One to three reasons for each product of the slate, the strongest first."""
        own = self._own.get(request.query.scenario)
        return own(request, slate.items.tolist()) if own else self._evidence(slate, slots, request)

    def grounds(self, slate: Slate, request: Request) -> Grounds:
        """What each product of a FOR_YOU slate rests on, by its first reason, and what is listed already."""
        finder = self._finder(request)
        found = finder.evidence(slate.items, shares(slate.parts, slate.weights))
        return Grounds(
            [finder.ground(own[0]) for own in found], [finder.ground(reason) for reason in request.listed_reasons]
        )

    def _popular(self, _request: Request, items: list[int]) -> list[list[Reason]]:
        return [[popular(self._facts, item)] for item in items]

    def _trending(self, _request: Request, items: list[int]) -> list[list[Reason]]:
        return [[trending(self._facts, item)] for item in items]

    def _recently_viewed(self, request: Request, items: list[int]) -> list[list[Reason]]:
        query = request.query
        viewed, times = last_viewed(query.history, len(self._facts.index))
        undated, _ = last_viewed(query.history.told_of, len(self._facts.index))
        days = dict(zip(viewed.tolist(), np.maximum((query.now - times) / DAY, 0.0).tolist(), strict=True))
        days |= dict.fromkeys(undated.tolist())
        return [[Reason(ReasonKind.RECENTLY_VIEWED, value=days[item])] for item in items]

    def _buy_again(self, request: Request, items: list[int]) -> list[list[Reason]]:
        query = request.query
        again = repeats(query.history, query.now, self._facts.repeat_gap, self._facts.index.ties)
        finder = self._finder(request)
        return [[*finder.bought_before(item), *due_again(again, item)] for item in items]

    def _evidence(self, slate: Slate, slots: list[Slot], request: Request) -> list[list[Reason]]:
        found = self._finder(request).evidence(slate.items, shares(slate.parts, slate.weights))
        for own, slot in zip(found, slots, strict=True):
            if slot.exploration:
                own[:] = [Reason(ReasonKind.EXPLORATION, value=slot.propensity), *own[:2]]
        return found

    def _finder(self, request: Request) -> EvidenceFinder:
        query, shown = request.query, request.profile
        if query.scenario in SEEDED_SCENARIOS:
            shown = seeds_profile(tuple(request.seeds.tolist()), query.now)
        sources = Sources(shown.items, shown.weights(View.RECENT))
        return EvidenceFinder(self._facts, request.profile, sources, query.tastes)
