"""Training: from a dataset to a model state. Deterministic under its seed."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.collaborative import Collaborative, CollaborativeConfig
from scoring.content import Content, ContentConfig
from scoring.contextual import Contextual, ContextualConfig
from scoring.demand import measure_demand
from scoring.ensemble import COMPONENTS, Calibration, fit_calibration, weight_vector
from scoring.evaluation import HoldOut, gain, leave_last_out, profiles_of, ranks_of, validate
from scoring.interactions import DAY, TrainingSet
from scoring.items import ItemIndex
from scoring.neighbours import Sides, similar
from scoring.neural import Neural, NeuralConfig
from scoring.recommender import Scorers
from scoring.repeats import usual_gap
from scoring.state import ModelState, prefixed
from scoring.types import DEFAULT_WEIGHTS, Component

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.checkpoint import Checkpoint
    from scoring.dataset import Dataset
    from scoring.evaluation import Validation

MAX_VALIDATION_USERS = 500
_MIN_VALIDATION_USERS = 30  # with fewer, chance would choose the settings
# Tried beside the default of each.
_HALF_LIVES = (1.0 * DAY, 30.0 * DAY, 180.0 * DAY)
_REGULARISATIONS = (50.0, 800.0)
_BASKET_PARTS = (0.0, 1.0)


def train(
    dataset: Dataset,
    *,
    weights: dict[Component, float] | None = None,
    seed: int = 0,
    now: int | None = None,
    progress: Callable[[str, float], None] | None = None,
    checkpoint: Checkpoint | None = None,
) -> ModelState:
    """Fits everything that a recommender needs.

    Settings and calibration are chosen, and the metrics measured, on the last product of up to 500 shoppers, which is
    hidden meanwhile. Then all is fitted to the whole data, but for the neural net, which never sees those few.

    now: unix seconds that demand is measured at; the newest event when None. progress: told each stage's name and how
    much of the whole was done when it began. checkpoint: keeps the neural net, the slowest stage; with it an
    interrupted training goes on and gives the same state. Raises ValueError when the catalogue is empty.
    """
    if not len(dataset.catalogue):
        raise ValueError("Cannot train on an empty catalogue: import products first.")
    tell = progress or (lambda _stage, _fraction: None)
    rng = np.random.default_rng(seed)
    tell("reading", 0.0)
    index = ItemIndex.of(dataset.catalogue)
    whole = TrainingSet(dataset, now)
    hold_out = leave_last_out(dataset, index.ties, MAX_VALIDATION_USERS, rng)
    part = TrainingSet(hold_out.dataset, whole.now)
    vector = weight_vector(weights or DEFAULT_WEIGHTS)

    tell("choosing settings", 0.05)
    chosen = _choose(part, hold_out, index.ties, rng)
    tell("content", 0.3)
    half_life, floor = chosen.config.half_life, chosen.config.floor
    content = Content.fit(part, ContentConfig(half_life=half_life, floor=floor), rng)
    tell("neural", 0.35)
    # Randomness of its own: what follows must not depend on whether the net was fitted now or kept.
    neural = _neural(part, NeuralConfig(half_life=half_life, floor=floor), rng.spawn(1)[0], checkpoint)
    tell("validating", 0.6)
    trial = Scorers(chosen, content, neural, Contextual.fit(part, ContextualConfig(), rng))
    popularity = np.log1p(part.shoppers).astype(np.float32)
    validation = validate(trial.by_component(), vector, popularity, hold_out, index.ties, whole.now)
    tell("collaborative", 0.75)
    scorers = Scorers(
        Collaborative.fit(whole, chosen.config, rng),
        content.with_appeal(whole),
        neural,
        Contextual.fit(whole, ContextualConfig(), rng),
    )
    tell("neighbours", 0.85)
    arrays = _arrays(whole, index, scorers, vector, rng)
    tell("done", 1.0)
    return ModelState(arrays, _manifest(whole, scorers, vector, validation, seed))


def _choose(part: TrainingSet, hold_out: HoldOut, ties: NDArray[np.uint32], rng: Generator) -> Collaborative:
    """The collaborative component fitted to `part`, its settings chosen one after the other by the hidden products."""
    best = Collaborative.fit(part, CollaborativeConfig(), rng)
    if len(hold_out.users) < _MIN_VALIDATION_USERS:
        return best
    profiles = profiles_of(hold_out, part.now)

    def gains(candidate: Collaborative) -> NDArray[np.float64]:
        return gain(ranks_of(candidate.scores, profiles, hold_out, ties))

    best = _clearly_best(best, (best.remembering(half_life) for half_life in _HALF_LIVES), gains)
    best = _clearly_best(best, (best.refitted(part, strength) for strength in _REGULARISATIONS), gains)
    return _clearly_best(best, (best.with_baskets(weight) for weight in _BASKET_PARTS), gains)


def _neural(part: TrainingSet, config: NeuralConfig, rng: Generator, checkpoint: Checkpoint | None) -> Neural:
    kept = checkpoint.get("neural") if checkpoint else None
    if kept is not None:
        return Neural.from_arrays(kept, config)
    neural = Neural.fit(part, config, rng)
    if checkpoint:
        checkpoint.put("neural", neural.to_arrays())
    return neural


def _clearly_best(
    usual: Collaborative,
    candidates: Iterable[Collaborative],
    gains: Callable[[Collaborative], NDArray[np.float64]],
) -> Collaborative:
    """The best candidate, or the usual one unless the gain is more than a standard error: else noise decides."""
    base = gains(usual)
    best, most = usual, 0.0
    for candidate in candidates:
        difference = gains(candidate) - base
        margin = float(difference.mean() - difference.std() / np.sqrt(len(difference)))
        if margin > 0 and difference.mean() > most:
            best, most = candidate, float(difference.mean())
    return best


def _arrays(
    data: TrainingSet, index: ItemIndex, scorers: Scorers, weights: NDArray[np.float32], rng: Generator
) -> dict[str, NDArray[Any]]:
    sides = Sides(
        content=scorers.content.matrix(),
        embeddings=scorers.neural.embeddings,
        demand=scorers.contextual.demand,
        together=scorers.collaborative.together,
    )
    near = similar(sides, weights, rng)
    brands = index.brand[data.interactions.items]
    counts = np.bincount(brands[brands >= 0], minlength=len(index.brands.names))
    arrays = prefixed("items", index.to_arrays()) | prefixed("demand", measure_demand(data).to_arrays())
    for component, scorer in scorers.by_component().items():
        arrays |= prefixed(component.value, scorer.to_arrays())
    arrays |= prefixed("similar", {"items": near.items, "cosines": near.cosines, "parts": near.parts})
    arrays["brand_share"] = (counts / max(int(counts.sum()), 1)).astype(np.float32)
    return arrays


def _manifest(
    data: TrainingSet, scorers: Scorers, weights: NDArray[np.float32], validation: Validation, seed: int
) -> dict[str, Any]:
    """JSON-ready. Holds no time of day and no duration: equal training has an equal digest."""
    calibration: Calibration = fit_calibration(validation.taken, validation.rivals)
    return {
        "users": data.n_users,
        "products": data.n_items,
        "interactions": len(data.interactions.users),
        "now": data.now,
        "seed": seed,
        "weights": {component.value: round(float(w), 6) for component, w in zip(COMPONENTS, weights, strict=True)},
        "components": {component.value: asdict(s.config) for component, s in scorers.by_component().items()},
        "calibration": asdict(calibration),
        "repeat_gap": usual_gap(data),
        "metrics": validation.metrics,
    }
