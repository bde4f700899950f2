"""The order of candidates in a list: the bandit's correction, diversity, then exploration."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from scoring.exploration.bandit import bandit_scores, draw_probabilities
from scoring.exploration.features import BanditContext, Traits, encode, impression
from scoring.exploration.sampling import explore, fixed_slots
from scoring.ranking.calibration import level_of
from scoring.ranking.diversity import diversify
from scoring.ranking.ensemble import COMPONENTS
from scoring.types import PERSONAL_SCENARIOS, Component, Scenario

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scoring.exploration.bandit import BanditState
    from scoring.exploration.sampling import Slot
    from scoring.ranking.model import RankingModel
    from scoring.ranking.personal import PersonalRanking
    from scoring.ranking.query import Query
    from scoring.ranking.request import Request
    from scoring.ranking.slate import Slate

_RERANKED = PERSONAL_SCENARIOS | {Scenario.CART}
_CONTEXTUAL = COMPONENTS.index(Component.CONTEXTUAL)


class Arrangement:
    """Chooses among candidates, and records for each position what a bandit can learn from it."""

    def __init__(self, model: RankingModel, personal: PersonalRanking) -> None:
        self._traits = Traits.of(model.facts.index, model.facts.demand)
        self._embeddings = model.scorers.neural.embeddings
        self._personal = personal

    def arrange(self, slate: Slate, request: Request) -> tuple[Slate, list[Slot]]:
        """The products of the list in order, and its slots; at most `limit` of both."""
        query = request.query
        context = BanditContext(query.scenario, query.history, query.device, query.local_hour)
        rows = encode(context, self._traits, slate.items, slate.scores)
        bandit = query.bandit
        if bandit is not None and bandit.weight > 0 and query.scenario in PERSONAL_SCENARIOS:
            slate, rows = self._rescored(slate, rows, bandit, request)
        if query.scenario in _RERANKED:
            slots = self._reranked(slate, rows, query)
        else:
            slots = fixed_slots(min(query.limit, len(slate)))
        slots = [
            replace(
                slot,
                impression=impression(rows, slot.candidate, slot.rivals),
                drawn_among=tuple(slate.items[list(slot.rivals)].tolist()),
            )
            for slot in slots
        ]
        return slate.take(np.array([slot.candidate for slot in slots], dtype=np.int64)), slots

    def _rescored(
        self, slate: Slate, rows: NDArray[np.float64], bandit: BanditState, request: Request
    ) -> tuple[Slate, NDArray[np.float64]]:
        """The slate and its feature rows in the order of scores to which the contextual component adds the bandit's."""
        calibration = self._personal.plan_of(request.query, request.profile).calibration
        level, n_products = level_of(np.sort(slate.fused)[::-1]), len(request.profile)
        parts = slate.parts.copy()
        parts[:, _CONTEXTUAL] += bandit_scores(bandit, rows)
        learned = replace(slate, parts=parts)
        before = calibration(slate.fused, level, n_products)
        after = calibration(learned.fused, level, n_products)
        # As a ratio: whatever else has scaled the scores stays.
        ratio = (after / np.maximum(before, 1e-12)).astype(np.float32)
        scores: NDArray[np.float32] = slate.scores * ratio
        order = np.lexsort((np.arange(len(scores)), -scores))
        probabilities = np.minimum(slate.probabilities * ratio, np.float32(1))
        return replace(learned, scores=scores, probabilities=probabilities).take(order), rows[order]

    def _reranked(self, slate: Slate, rows: NDArray[np.float64], query: Query) -> list[Slot]:
        order = np.arange(min(query.limit, len(slate)))
        if query.diversity > 0:
            vectors = self._embeddings[slate.items]
            order = diversify(slate.scores, vectors, query.limit, query.diversity)
        return explore(
            order,
            len(slate),
            query.limit,
            query.exploration_share,
            query.seed,
            lambda candidates: draw_probabilities(query.bandit, rows[candidates]),
        )
