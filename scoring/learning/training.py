"""Training: from a dataset to a model state. Deterministic under its seed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.components.collaborative import Collaborative, CollaborativeConfig
from scoring.components.content import Content, ContentConfig
from scoring.components.contextual import Contextual, ContextualConfig
from scoring.components.demand import measure_demand
from scoring.components.factors import Method
from scoring.components.neighbours import Sides, similar
from scoring.components.neural import Neural, NeuralConfig
from scoring.data.interactions import TrainingSet
from scoring.data.items import ItemIndex
from scoring.data.profile import fold_history
from scoring.data.state import ModelState, prefixed
from scoring.evaluation.metrics import list_ndcg
from scoring.evaluation.splitting import VALIDATION_SHARE, EvaluationCases, EvaluationProtocol, hold_out, split
from scoring.learning.selection import FEWEST_CASES, choose, gather
from scoring.ranking.ensemble import COMPONENTS, SIGNALS, component_weights, signal_weights, weight_vector
from scoring.ranking.plans import Choice, FusionPlan, FusionPlans
from scoring.ranking.recommender import Scorers
from scoring.ranking.repeats import repeat_share, usual_gap
from scoring.ranking.slate import best_first
from scoring.types import DEFAULT_WEIGHTS, Component

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.data.dataset import Dataset
    from scoring.data.profile import Profile
    from scoring.evaluation.splitting import EvaluationCase
    from scoring.learning.checkpoint import Checkpoint
    from scoring.learning.selection import Pool
    from scoring.ranking.plans import HistoryLength

    Tell = Callable[[str, float], None]

_MOST_CASES = 1_000  # validation users of an evaluation; a shop's own training has several questions to ask
_MOST_CASES_EACH = 400
_FEWEST_KEPT = 100
_SCORE_BUDGET = 1e8  # products scored for validation, per signal: large catalogues are validated on fewer users
_TUNING_CASES = 400
_REGULARISATIONS = (50.0, 800.0, 3_200.0)  # of EASE, tried beside the default
_METHODS = (Method.ALS, Method.NMF)
_LARGEST_FACTORED = 6_000_000  # events and 20 for each product; beyond it the default method stands


def train(
    dataset: Dataset,
    *,
    weights: dict[Component, float] | None = None,
    seed: int = 0,
    now: int | None = None,
    progress: Tell | None = None,
    protocol: EvaluationProtocol | None = None,
    checkpoint: Checkpoint | None = None,
) -> ModelState:
    """Fits everything that a recommender needs.

    Settings, plans and calibration are chosen, and the metrics measured, on products that are hidden from some users
    meanwhile: those of `protocol` alone (for an evaluation), or those of all the questions a shop's lists answer. Then
    all is fitted to the whole data.

    weights: the shop's own component weights, used where validation shows no clear gain. now: unix seconds that demand
    is measured at; the newest event when None. progress: told each stage's name and how much of the whole was done when
    it began. checkpoint: keeps the slow stages; with it an interrupted training goes on and gives the same state.
    Raises ValueError when the catalogue is empty.
    """
    if not len(dataset.catalogue):
        raise ValueError("Cannot train on an empty catalogue: import products first.")
    tell = progress or (lambda _stage, _fraction: None)
    # Each stage has randomness of its own: it must not depend on whether an earlier one was done now or kept.
    chances = RandomStreams(*np.random.default_rng(seed).spawn(5))
    tell("reading", 0.0)
    index = ItemIndex.of(dataset.catalogue)
    whole = TrainingSet(dataset, now)
    usual = weights or DEFAULT_WEIGHTS
    hidden, cases = _validation(dataset, index.ties, seed, protocol)
    part = TrainingSet(hidden)
    tell("content", 0.05)
    content = Content.fit(part, ContentConfig(), chances.tuning)
    kept = _json(checkpoint, "verdict")
    if kept is None:
        tell("choosing settings", 0.1)
        collaborative = _tuned(part, cases, chances.tuning)
        tell("neural", 0.35)
        neural = _neural(part, chances.neural, checkpoint, "neural")
        tell("validating", 0.5)
        trial = Scorers(collaborative, content, neural, Contextual.fit(part, ContextualConfig(), chances.tuning))
        verdict = _judge(trial, cases, usual, chances.judging, lambda done: tell("validating", 0.5 + 0.25 * done))
        kept = {"collaborative": asdict(collaborative.config), "verdict": verdict.to_json()}
        _put_json(checkpoint, "verdict", kept)
    verdict = ValidationResult.from_json(kept["verdict"])
    tell("collaborative", 0.75)
    config = CollaborativeConfig.of(kept["collaborative"])
    ignored = verdict.ignores(Neural.SIGNALS)
    scorers = Scorers(
        Collaborative.fit(whole, config, chances.fitting),
        content.with_appeal(whole),
        # Nobody listens: what it was validated with is good enough for likeness and embeddings.
        _neural(part, chances.neural, checkpoint, "neural")
        if ignored
        else _neural(whole, chances.refitting, checkpoint, "neural-whole"),
        Contextual.fit(whole, ContextualConfig(), chances.fitting),
    )
    tell("neighbours", 0.9)
    arrays = model_arrays(whole, index, scorers, weight_vector(usual), chances.fitting)
    tell("done", 1.0)
    return ModelState(arrays, _manifest(whole, scorers, usual, verdict, seed))


@dataclass(frozen=True, slots=True)
class RandomStreams:
    """A random generator for each stage."""

    tuning: Generator
    neural: Generator
    judging: Generator
    fitting: Generator
    refitting: Generator


def _neural(data: TrainingSet, rng: Generator, checkpoint: Checkpoint | None, stage: str) -> Neural:
    kept = checkpoint.get(stage) if checkpoint else None
    if kept is not None:
        return Neural.from_arrays(kept, NeuralConfig())
    neural = Neural.fit(data, NeuralConfig(), rng)
    if checkpoint:
        checkpoint.put(stage, neural.to_arrays())
    return neural


def _json(checkpoint: Checkpoint | None, stage: str) -> Any:
    kept = checkpoint.get(stage) if checkpoint else None
    return None if kept is None else json.loads(kept["json"].tobytes())


def _put_json(checkpoint: Checkpoint | None, stage: str, value: Any) -> None:
    if checkpoint:
        checkpoint.put(stage, {"json": np.frombuffer(json.dumps(value).encode(), dtype=np.uint8)})


def _validation(
    dataset: Dataset, ties: NDArray[np.uint32], seed: int, protocol: EvaluationProtocol | None
) -> tuple[Dataset, list[EvaluationCases]]:
    affordable = int(max(_FEWEST_KEPT, _SCORE_BUDGET / max(len(dataset.catalogue), 1)))
    if protocol is None:
        return hold_out(dataset, ties, seed, min(_MOST_CASES_EACH, affordable))
    most = min(_MOST_CASES, affordable)
    hidden = split(dataset, protocol, ties, seed, VALIDATION_SHARE, most)
    return hidden.train, [hidden.cases.some(most, seed)]


def _tuned(part: TrainingSet, cases: list[EvaluationCases], rng: Generator) -> Collaborative:
    """The collaborative component fitted to `part`, its settings chosen one after the other by the hidden products."""
    usual = Collaborative.fit(part, CollaborativeConfig(), rng)
    asked = max(cases, key=len)
    if len(asked) < FEWEST_CASES:
        return usual
    asked = asked.some(_TUNING_CASES, 0)
    profiles = [(case, fold_history(case.history, part.n_items, case.now)) for case in asked]

    def gain(candidate: Collaborative, kind: str) -> float:
        """Of the best of its signals."""
        names = [name for name in Collaborative.SIGNALS if name.startswith(kind)]
        gains = [_gains(candidate.signals(profile, names), case, profile, asked) for case, profile in profiles]
        return float(np.mean(gains, axis=0).max())

    fitted = [usual, *(usual.refitted(part, strength) for strength in _REGULARISATIONS)]
    best = max(fitted, key=lambda candidate: gain(candidate, "ease."))
    methods = _METHODS if part.matrix.nnz + 20 * part.n_items <= _LARGEST_FACTORED else ()
    settings = (replace(best.config.factors, method=method) for method in methods)
    fitted = [best, *(best.with_factors(part, setting, rng) for setting in settings)]
    return max(fitted, key=lambda candidate: gain(candidate, "factors."))


def _gains(
    signals: dict[str, NDArray[np.float32]], case: EvaluationCase, profile: Profile, cases: EvaluationCases
) -> list[float]:
    """NDCG@100 of one case by each signal: moves more smoothly than NDCG@10."""
    gains = []
    for values in signals.values():
        ranked = values.copy()
        if not cases.protocol.repeats:
            ranked[profile.items] = -np.inf
        if cases.candidates is not None:
            ranked[~cases.candidates] = -np.inf
        gains.append(list_ndcg(best_first(ranked, cases.ties, 100).astype(np.int64), case.held_out, 100))
    return gains


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """What validation has decided and measured."""

    plans: FusionPlans
    metrics: dict[str, float]
    signals: dict[str, dict[str, float]]  # NDCG@10 of every signal alone, by protocol
    notes: list[str]

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "plans": self.plans.to_json()}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> ValidationResult:
        return cls(**{**stored, "plans": FusionPlans.from_json(stored["plans"])})

    def ignores(self, names: Collection[str]) -> bool:
        plans = [plan for group in self.plans.chosen.values() for plan in group.values()] or [self.plans.usual]
        return not any(name in plan.weights for plan in plans for name in names)


def _judge(
    trial: Scorers,
    cases: list[EvaluationCases],
    usual: dict[Component, float],
    rng: Generator,
    tell: Callable[[float], None],
) -> ValidationResult:
    """Fusion plans, and how each signal did, on the validation cases of each protocol."""
    scorers = trial.by_component()
    why = "nothing to validate on: the default weights"
    default = FusionPlan(signal_weights(usual), Choice.DEFAULT, why, {})
    verdict = ValidationResult(FusionPlans(default, {}), {"shoppers": 0.0}, {}, [])
    for place, asked in enumerate(cases):
        if not len(asked):
            continue
        pool = gather(asked, scorers, lambda done, at=place: tell((at + done) / len(cases)))  # type: ignore[misc]
        plans = choose(pool, usual, rng)
        verdict.plans.chosen[asked.protocol] = plans
        alone = {name: float(pool.ndcg(row).mean()) for name, row in zip(SIGNALS, pool.values, strict=True)}
        verdict.signals[asked.protocol.value] = {name: round(value, 6) for name, value in alone.items()}
        verdict.notes.extend(_notes(asked.protocol, plans))
        if asked.protocol is _main_question(cases):
            verdict.metrics.update(_metrics(pool, plans[None]))
    return verdict


def _main_question(cases: list[EvaluationCases]) -> EvaluationProtocol:
    """The one whose metrics name the model: what comes next."""
    asked = [one.protocol for one in cases if len(one)]
    return EvaluationProtocol.LEAVE_LAST_OUT if EvaluationProtocol.LEAVE_LAST_OUT in asked else asked[0]


def _notes(protocol: EvaluationProtocol, plans: dict[HistoryLength | None, FusionPlan]) -> list[str]:
    """For a reader of the model: what was chosen and why, and which components are not listened to."""
    notes = []
    for segment, plan in plans.items():
        parts = sorted(plan.weights.items(), key=lambda part: -part[1])
        mixture = ", ".join(f"{name} {weight:.2f}" for name, weight in parts)
        notes.append(f"{protocol.value}, {segment or 'all'} shoppers: {plan.choice} ({mixture}). {plan.why}.")
        heard = component_weights(plan.weights)
        silent = [component.value for component, weight in zip(COMPONENTS, heard, strict=True) if weight == 0]
        notes += [
            f"{protocol.value}, {segment or 'all'} shoppers: without {name}, which adds nothing." for name in silent
        ]
    return notes


def _metrics(pool: Pool, plan: FusionPlan) -> dict[str, float]:
    """Of the ensemble (cross-fitted NDCG), of each component's own mix, and of popularity."""
    found = {f"ensemble.{name}": value for name, value in pool.metrics(pool.fuse(plan.weights)).items()}
    if plan.ndcg:
        found["ensemble.ndcg@10"] = plan.ndcg[plan.choice.value]
    for component in COMPONENTS:
        own = pool.fuse(signal_weights({component: 1.0}))
        found |= {f"{component.value}.{name}": value for name, value in pool.metrics(own).items()}
    popular = pool.fuse({"demand.shoppers": 1.0})
    found |= {f"popularity.{name}": value for name, value in pool.metrics(popular).items()}
    return {name: round(value, 6) for name, value in found.items()} | {"shoppers": float(len(pool.n_held))}


def model_arrays(
    data: TrainingSet, index: ItemIndex, scorers: Scorers, weights: NDArray[np.float32], rng: Generator
) -> dict[str, NDArray[Any]]:
    """All arrays of a state, from fitted components. weights: of the components in likeness, shape (4,)."""
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
    data: TrainingSet, scorers: Scorers, usual: dict[Component, float], verdict: ValidationResult, seed: int
) -> dict[str, Any]:
    """JSON-ready. Holds no time of day and no duration: equal training has an equal digest."""
    weights = zip(COMPONENTS, weight_vector(usual).tolist(), strict=True)
    return {
        "users": data.n_users,
        "products": data.n_items,
        "interactions": len(data.interactions.users),
        "now": data.now,
        "seed": seed,
        "weights": {component.value: round(weight, 6) for component, weight in weights},
        "components": {component.value: asdict(s.config) for component, s in scorers.by_component().items()},
        "plans": verdict.plans.to_json(),
        "signals": verdict.signals,
        "notes": verdict.notes,
        "repeat_gap": usual_gap(data),
        "repeat_share": repeat_share(data),
        "metrics": verdict.metrics,
    }
