"""The product as the evaluation sees it: trained on a split's data, asked for the scores of a case."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scoring.data.profile import View, fold_history
from scoring.learning.training import train
from scoring.ranking.calibration import level_of
from scoring.ranking.caps import Grounds
from scoring.ranking.ensemble import COMPONENTS, shares
from scoring.ranking.evidence import EvidenceFinder, Sources
from scoring.ranking.recommender import Recommender
from scoring.types import Tastes

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from scoring.data.dataset import Dataset
    from scoring.data.profile import Profile
    from scoring.evaluation.protocol import EvaluationProtocol
    from scoring.evaluation.splitting import EvaluationCase
    from scoring.ranking.ensemble import Fusion


class Product:
    """A trained recommender."""

    name = "whybuy"

    def __init__(self, recommender: Recommender, protocol: EvaluationProtocol) -> None:
        self._recommender = recommender
        self._protocol = protocol
        self._scorers = recommender.model.scorers.by_component()

    @classmethod
    def fit(
        cls, data: Dataset, protocol: EvaluationProtocol, seed: int, progress: Callable[[str, float], None]
    ) -> Product:
        """progress: called with each stage and the share of the whole that is done."""
        return cls(Recommender.from_state(train(data, seed=seed, progress=progress, protocol=protocol)), protocol)

    def profile(self, case: EvaluationCase) -> Profile:
        return fold_history(case.history, self._recommender.n_items, case.now)

    def fusion(self, profile: Profile) -> Fusion:
        """Fused scores of all items; the caller may overwrite them."""
        plan = self._recommender.model.plans.of(self._protocol, len(profile))
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

    def calibrated(self, profile: Profile, fused: NDArray[np.float32]) -> NDArray[np.float32]:
        """The calibrated scores that are shown for fused ones of a list, best first."""
        plan = self._recommender.model.plans.of(self._protocol, len(profile))
        return plan.calibration(fused, level_of(fused), len(profile))
