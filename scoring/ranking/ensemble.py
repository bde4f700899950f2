"""From many signals on many scales to one score: roots of z-scores, a weighted sum, and each component's share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scoring.components.collaborative import Collaborative
from scoring.components.content import Content
from scoring.components.contextual import Contextual
from scoring.components.neural import Neural
from scoring.types import DEFAULT_WEIGHTS, Component, ComponentScore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from scoring.components.component import Scorer
    from scoring.data.profile import Profile

COMPONENTS = tuple(Component)
KINDS: dict[Component, type[Scorer]] = {
    Component.COLLABORATIVE: Collaborative,
    Component.CONTENT: Content,
    Component.NEURAL: Neural,
    Component.CONTEXTUAL: Contextual,
}
COMPONENT_OF = {signal: component for component, kind in KINDS.items() for signal in kind.SIGNALS}
SIGNALS = tuple(COMPONENT_OF)
_COLUMN = {component: column for column, component in enumerate(COMPONENTS)}


@dataclass(frozen=True, slots=True)
class Fusion:
    """Fused scores of all items, and what each component adds to them."""

    fused: NDArray[np.float32]  # (items,): sum of weight * z
    own: dict[Component, NDArray[np.float32]]  # (items,) each: of the component's signals alone
    weights: NDArray[np.float32]  # (4,): of each component, the sum of the magnitudes of its signals'

    def parts(self, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Each component's z-value for some items, shape (items, 4): parts @ weights is the fused score."""
        parts = np.zeros((len(items), len(COMPONENTS)), dtype=np.float32)
        for component, values in self.own.items():
            parts[:, _COLUMN[component]] = values[items]
        parts /= np.where(self.weights > 0, self.weights, np.float32(1))
        return parts


def weight_vector(weights: Mapping[Component, float] | None) -> NDArray[np.float32]:
    """Weights in component order, scaled to sum to 1; all zero or missing means the default."""
    chosen = weights if weights and sum(max(value, 0.0) for value in weights.values()) > 0 else DEFAULT_WEIGHTS
    vector = np.array([max(chosen.get(component, 0.0), 0.0) for component in COMPONENTS], dtype=np.float64)
    scaled: NDArray[np.float32] = (vector / vector.sum()).astype(np.float32)
    return scaled


def component_weights(signal_weights: Mapping[str, float]) -> NDArray[np.float32]:
    """The sum of each component's signals, whatever their sign; shape (4,)."""
    totals = np.zeros(len(COMPONENTS), dtype=np.float32)
    for name, weight in signal_weights.items():
        totals[_COLUMN[COMPONENT_OF[name]]] += np.float32(abs(weight))
    return totals


def signal_weights(
    weights: Mapping[Component, float] | None, within: Mapping[str, float] | None = None
) -> dict[str, float]:
    """Component weights shared out among signals: in the proportions of `within` where it knows the component, else in
    the component's own. Their magnitudes sum to 1; signals without weight are left out."""
    shared: dict[str, float] = {}
    for component, total in zip(COMPONENTS, weight_vector(weights).tolist(), strict=True):
        known = {name: value for name, value in (within or {}).items() if COMPONENT_OF[name] is component and value}
        parts = known or KINDS[component].DEFAULTS
        whole = sum(abs(value) for value in parts.values())
        shared |= {name: total * value / whole for name, value in parts.items() if total > 0}
    return shared


def score_all(scorers: Mapping[Component, Scorer], profile: Profile, weights: Mapping[str, float]) -> Fusion:
    """All products scored for a profile, before any rule: each wanted signal standardised over the whole catalogue and
    added up by weight."""
    own: dict[Component, NDArray[np.float32]] = {}
    for component, scorer in scorers.items():
        wanted = {name: weights[name] for name in scorer.SIGNALS if weights.get(name, 0.0) != 0}
        if wanted:
            own[component] = scorer.blend(profile, wanted)
    # The magnitudes of weights sum to 1, so there is at least one.
    first, *others = own.values()
    fused = first.copy()
    for values in others:
        fused += values
    return Fusion(fused, own, component_weights(weights))


def shares(parts: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each component's part of the positive evidence, shape (items, 4), rows sum to 1.

    A component whose weighted value is negative has no share. Where none is positive, the weights are the shares.
    """
    positive = np.maximum(parts * weights, 0.0)
    total = positive.sum(axis=1, keepdims=True)
    result: NDArray[np.float32] = np.where(total > 0, positive / np.where(total > 0, total, 1.0), weights)
    return result


def breakdowns(parts: NDArray[np.float32], weights: NDArray[np.float32]) -> list[dict[Component, ComponentScore]]:
    """Both arrays have the shape (items, 4)."""
    return [
        dict(zip(COMPONENTS, map(ComponentScore, *rows), strict=True))
        for rows in zip(parts.tolist(), weights.tolist(), shares(parts, weights).tolist(), strict=True)
    ]


def squash(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The logistic function, without overflow."""
    squashed: NDArray[np.float32] = (1.0 / (1.0 + np.exp(-np.clip(values, -30.0, 30.0)))).astype(np.float32)
    return squashed
