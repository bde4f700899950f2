"""Training: from a dataset to a model state. Deterministic under its seed."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.demand import measure_demand
from scoring.ensemble import COMPONENTS, Calibration, weight_vector
from scoring.interactions import DAY, TrainingSet
from scoring.items import ItemIndex
from scoring.neighbours import bought_together, similar
from scoring.recommender import CONFIGS
from scoring.state import ModelState, prefixed
from scoring.types import DEFAULT_WEIGHTS, Component

if TYPE_CHECKING:
    from collections.abc import Callable

    from scoring.component import Scorer
    from scoring.dataset import Dataset

Progress = "Callable[[str, float], None]"


def train(
    dataset: Dataset,
    *,
    weights: dict[Component, float] | None = None,
    seed: int = 0,
    now: int | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> ModelState:
    tell = progress or (lambda _stage, _fraction: None)
    chosen = weights or DEFAULT_WEIGHTS
    data = TrainingSet(dataset, now)
    rng = np.random.default_rng(seed)
    tell("index", 0.0)
    index = ItemIndex.of(dataset.catalogue)
    arrays: dict[str, Any] = prefixed("items", index.to_arrays())
    scorers: dict[Component, Scorer] = {}
    for place, (component, (kind, config)) in enumerate(CONFIGS.items()):
        tell(component.value, 0.1 + 0.15 * place)
        scorers[component] = kind.fit(data, config(), rng)
        arrays |= prefixed(component, scorers[component].to_arrays())
    tell("neighbours", 0.7)
    together = bought_together(data)
    near = similar(
        scorers[Component.CONTENT], scorers[Component.NEURAL], scorers[Component.CONTEXTUAL], together, weight_vector(chosen), rng
    )
    arrays |= prefixed("together", {n: getattr(together, n) for n in ("items", "counts", "lifts", "surprises")})
    arrays |= prefixed("similar", {n: getattr(near, n) for n in ("items", "cosines", "parts")})
    arrays |= prefixed("demand", measure_demand(data).to_arrays())
    brand = index.brand[data.interactions.items]
    counts = np.bincount(brand[brand >= 0], minlength=len(index.brands.names))
    arrays["brand_share"] = (counts / max(counts.sum(), 1)).astype(np.float32)
    manifest = {
        "users": data.n_users,
        "products": data.n_items,
        "interactions": len(data.interactions.users),
        "now": data.now,
        "seed": seed,
        "weights": {component.value: float(chosen.get(component, 0.0)) for component in COMPONENTS},
        "components": {component.value: asdict(scorers[component].config) for component in COMPONENTS},
        "calibration": asdict(Calibration(0.5, -0.5)),
        "repeat_gap": 30.0 * DAY,
        "metrics": {},
    }
    tell("done", 1.0)
    return ModelState(arrays, manifest)
