"""The parts of a trained model that ranking reads, opened from a snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scoring.components.collaborative import Collaborative, CollaborativeConfig
from scoring.components.content import Content, ContentConfig
from scoring.components.contextual import Contextual, ContextualConfig
from scoring.components.demand import Demand
from scoring.components.neighbours import Similar
from scoring.components.neural import Neural, NeuralConfig
from scoring.data.interactions import FEWEST_SHOPPERS
from scoring.data.items import ItemIndex
from scoring.data.state import BrokenSnapshotError
from scoring.ranking.ensemble import COMPONENTS
from scoring.ranking.plans import FusionPlans
from scoring.ranking.scales import ScoreScales
from scoring.types import Component

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from scoring.components.component import Scorer
    from scoring.components.cooccurrence import Cooccurrence
    from scoring.data.state import ModelState


@dataclass(frozen=True, slots=True)
class Scorers:
    """The four fitted components."""

    collaborative: Collaborative
    content: Content
    neural: Neural
    contextual: Contextual

    def by_component(self) -> dict[Component, Scorer]:
        return dict(zip(COMPONENTS, (self.collaborative, self.content, self.neural, self.contextual), strict=True))

    @classmethod
    def from_state(cls, state: ModelState) -> Scorers:
        configs = state.manifest["components"]
        return cls(
            Collaborative.from_arrays(state.part("collaborative"), CollaborativeConfig.of(configs["collaborative"])),
            Content.from_arrays(state.part("content"), ContentConfig(**configs["content"])),
            Neural.from_arrays(state.part("neural"), NeuralConfig(**configs["neural"])),
            Contextual.from_arrays(state.part("contextual"), ContextualConfig(**configs["contextual"])),
        )


@dataclass(frozen=True, slots=True)
class SnapshotFacts:
    """What is the same for all shoppers: candidates and evidence are read from it."""

    index: ItemIndex
    cooccurrence: Cooccurrence
    similar: Similar
    demand: Demand
    brand_share: NDArray[np.float32]  # (brands,): part of all visits
    fewest_shoppers: int  # that a pair, a trend or a claim on others rests on
    repeat_gap: float  # seconds between two purchases of one product by one shopper, typically


@dataclass(frozen=True, slots=True)
class RankingModel:
    """Immutable, and safe to share between threads."""

    scorers: Scorers
    facts: SnapshotFacts
    weights: dict[Component, float]  # the shop's own
    plans: FusionPlans
    scales: ScoreScales

    @classmethod
    def from_state(cls, state: ModelState) -> RankingModel:
        """Raises BrokenSnapshotError for a state that lacks something, say one of another version's training."""
        try:
            return cls._from_state(state)
        except (KeyError, TypeError, AttributeError) as error:
            raise BrokenSnapshotError("in memory", f"it does not hold what this version needs ({error!r})") from error

    @classmethod
    def _from_state(cls, state: ModelState) -> RankingModel:
        manifest = state.manifest
        scorers = Scorers.from_state(state)
        facts = SnapshotFacts(
            index=ItemIndex.from_arrays(state.part("items")),
            cooccurrence=scorers.collaborative.cooccurrence,
            similar=Similar(**state.part("similar")),
            demand=Demand.from_arrays(state.part("demand")),
            brand_share=state.arrays["brand_share"],
            fewest_shoppers=int(manifest.get("fewest_shoppers", FEWEST_SHOPPERS)),
            repeat_gap=float(manifest["repeat_gap"]),
        )
        weights = {Component(name): float(value) for name, value in manifest["weights"].items()}
        scales = ScoreScales.from_json(manifest.get("score_scales", {}))
        return cls(scorers, facts, weights, FusionPlans.from_json(manifest["plans"]), scales)
