"""The lists that rank the whole catalogue for one shopper, by the fused score of all signals."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from scoring.components.content import Content
from scoring.data.profile import session_profile
from scoring.evaluation.protocol import EvaluationProtocol
from scoring.ranking.calibration import SHOWN, UNCALIBRATED, level_of
from scoring.ranking.ensemble import COMPONENTS, score_all, signal_weights
from scoring.ranking.slate import POOL, Slate, best_first, unknown
from scoring.types import Component, Scenario

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scoring.data.profile import Profile
    from scoring.ranking.ensemble import Fusion
    from scoring.ranking.model import RankingModel
    from scoring.ranking.plans import FusionPlan
    from scoring.ranking.query import Query
    from scoring.ranking.request import Request

_HARDLY_KNOWN = 3  # products met: with no more, someone is new
_VISIT = 1_800  # seconds since the last event: a visit that goes on
# The content component alone scores stated preferences. Its least weight for someone who stated some:
_STATED_SHARE = 0.3
_ONLY_STATED_SHARE = 0.6  # and where nothing else is known


class PersonalRanking:
    """Scores all products for a profile by the plan that fits the request."""

    def __init__(self, model: RankingModel) -> None:
        self._components = model.scorers.by_component()
        self._plans = model.plans
        self._ties = model.facts.index.ties

    def question_of(self, query: Query, profile: Profile) -> EvaluationProtocol:
        """What is asked: of someone new, in a visit that goes on, about repeats, or about the next visit."""
        if not len(profile):
            return EvaluationProtocol.COLD_USERS
        if query.include_purchased and query.scenario is Scenario.FOR_YOU:
            return EvaluationProtocol.NEXT_BASKET
        if query.scenario is Scenario.NEXT_IN_SESSION or query.now - query.history.times.max() < _VISIT:
            is_new = len(profile) <= _HARDLY_KNOWN
            return EvaluationProtocol.COLD_USERS if is_new else EvaluationProtocol.LEAVE_LAST_OUT
        return EvaluationProtocol.TEMPORAL

    def plan_of(self, query: Query, profile: Profile) -> FusionPlan:
        """The plan for what is asked."""
        return self._plans.of(self.question_of(query, profile), len(profile))

    def fusion(self, profile: Profile, plan: FusionPlan, weights: dict[Component, float] | None = None) -> Fusion:
        """All products scored for a profile. `weights` of components override the plan's, not its signals."""
        chosen = signal_weights(weights, plan.weights) if weights else plan.weights
        if not len(profile) and not weights:  # without a history, personal signals are equal for all products
            helpful = {name: weight for name, weight in plan.weights.items() if weight > 0}
            chosen = signal_weights({Component.CONTEXTUAL: 1.0}, helpful)
        if len(profile.stated):
            chosen = _with_content(chosen, _STATED_SHARE if len(profile) else _ONLY_STATED_SHARE)
        return score_all(self._components, profile, chosen)

    def for_you(self, request: Request) -> Slate:
        query, profile = request.query, request.profile
        plan = self.plan_of(query, profile)
        fusion = self.fusion(profile, plan, query.weights)
        level = self._level(fusion.fused, () if query.include_purchased else profile.items)
        np.putmask(fusion.fused, ~request.allowed, -np.inf)
        items = best_first(fusion.fused, self._ties, max(POOL, query.limit + POOL // 2))
        weights = np.broadcast_to(fusion.weights, (len(items), len(COMPONENTS)))
        chances = plan.calibration(fusion.fused[items], level, len(profile))
        known = chances if plan.calibration != UNCALIBRATED else unknown(len(items))
        return Slate(items, chances, known, fusion.parts(items), weights)

    def next_in_session(self, request: Request) -> Slate:
        return self.for_you(replace(request, profile=session_profile(request.profile, request.query.history)))

    def _level(self, fused: NDArray[np.float32], closed: NDArray[np.int32] | tuple[()]) -> float:
        """Of the list that the shopper would get without filters and rules: these change no probability."""
        open_ = fused.copy()
        if len(closed):
            open_[closed] = -np.inf
        return level_of(open_[best_first(open_, self._ties, SHOWN)])


def _with_content(weights: dict[str, float], share: float) -> dict[str, float]:
    """The same weights with at least this share of content, in the proportions that each side has."""
    content = {name: value for name, value in weights.items() if name in Content.SIGNALS and value > 0}
    content = content or Content.DEFAULTS
    rest = {name: value for name, value in weights.items() if name not in Content.SIGNALS}
    total = sum(content.values()) if content is not Content.DEFAULTS else 0.0
    if total >= share or not rest:
        return weights
    kept, whole = sum(abs(value) for value in rest.values()), sum(content.values())
    return {name: (1 - share) * value / kept for name, value in rest.items()} | {
        name: share * value / whole for name, value in content.items()
    }
