"""The product as the evaluation sees it: trained on a split's data, asked for the scores of a case."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from scoring.data.profile import View, fold_history
from scoring.data.state import digest
from scoring.data.ties import tie_hashes
from scoring.evaluation.protocol import EvaluationProtocol
from scoring.learning.guard import hide_cases, marked
from scoring.learning.training import train
from scoring.ranking.calibration import level_of
from scoring.ranking.caps import Grounds
from scoring.ranking.ensemble import COMPONENTS, shares
from scoring.ranking.evidence import EvidenceFinder, Sources
from scoring.ranking.query import Query
from scoring.ranking.recommender import Recommender
from scoring.types import Scenario, Tastes

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from scoring.data.dataset import Dataset
    from scoring.data.profile import Profile
    from scoring.data.state import ModelState
    from scoring.evaluation.splitting import EvaluationCase
    from scoring.ranking.ensemble import Fusion
    from scoring.ranking.plans import FusionPlan


def _active(data: Dataset, keys: NDArray[np.uint64]) -> tuple[Dataset, NDArray[np.uint64]]:
    """The data and keys without shoppers and orders of whom nothing is left: a shop does not know them."""
    columns = data.interactions
    present, users = np.unique(columns.users, return_inverse=True)
    known, orders = np.unique(columns.orders, return_inverse=True)
    orders = orders - int((known < 0).any())  # -1 stays what it is
    kept = replace(columns, users=users.astype(np.int32), orders=orders.astype(np.int64), n_users=len(present))
    return replace(data, interactions=kept), keys[present]


class Product:
    """A trained recommender."""

    name = "whybuy"

    def __init__(self, state: ModelState, protocol: EvaluationProtocol, *, tuned: bool = False) -> None:
        self.version = digest(state)
        self._recommender = Recommender.from_state(state)
        self._protocol = protocol
        self._tuned = tuned  # trained for the protocol alone
        self._scorers = self._recommender.model.scorers.by_component()

    @classmethod
    def fit(
        cls,
        data: Dataset,
        keys: NDArray[np.uint64],
        protocol: EvaluationProtocol,
        seed: int,
        progress: Callable[[str, float], None],
        *,
        tuned: bool = False,
    ) -> Product:
        """Trains as a shop with this data does, which hides the guard's cases from every training; with `tuned` for
        the protocol alone. keys: hashes of the shoppers, ascending, shape (users,). progress: called with each stage
        and the share of the whole that is done."""
        cases = hide_cases(*_active(data, keys), tie_hashes(data.catalogue.ids))
        state = train(cases.dataset, seed=seed, progress=progress, protocol=protocol if tuned else None)
        return cls(marked(state, cases), protocol, tuned=tuned)

    def plan(self, case: EvaluationCase, profile: Profile) -> FusionPlan:
        """The plan of the FOR_YOU list that the shopper of a case would get."""
        if self._tuned or self._protocol is EvaluationProtocol.NEW_ITEMS:
            return self._recommender.model.plans.of(self._protocol, len(profile))
        repeats = self._protocol.repeats
        query = Query(Scenario.FOR_YOU, case.history, case.now, 1, include_purchased=repeats)
        return self._recommender.personal.plan_of(query, profile)

    def profile(self, case: EvaluationCase) -> Profile:
        return fold_history(case.history, self._recommender.n_items, case.now)

    def fusion(self, profile: Profile, plan: FusionPlan) -> Fusion:
        """Fused scores of all items; the caller may overwrite them."""
        return self._recommender.personal.fusion(profile, plan)

    def grounds(self, profile: Profile, fusion: Fusion, items: NDArray[np.int32]) -> Grounds:
        """What each product of a list rests on."""
        sources = Sources(profile.items, profile.weights(View.RECENT))
        finder = EvidenceFinder(self._recommender.facts, profile, sources, Tastes())
        weights = np.broadcast_to(fusion.weights, (len(items), len(COMPONENTS)))
        evidence = finder.evidence(items, shares(fusion.parts(items), weights))
        return Grounds([finder.ground(own[0]) for own in evidence])

    def components(self, profile: Profile) -> dict[str, NDArray[np.float32]]:
        """Each component's own scores of all items; the caller may overwrite them."""
        return {component.value: scorer.blend(profile, scorer.DEFAULTS) for component, scorer in self._scorers.items()}

    def calibrated(self, profile: Profile, plan: FusionPlan, fused: NDArray[np.float32]) -> NDArray[np.float32]:
        """The calibrated scores that are shown for fused ones of a list, best first."""
        return plan.calibration(fused, level_of(fused), len(profile))
