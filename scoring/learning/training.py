"""Training: from a dataset to a model state. Deterministic under its seed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from functools import reduce
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.components.collaborative import Collaborative, CollaborativeConfig
from scoring.components.content import Content, ContentConfig
from scoring.components.contextual import Contextual, ContextualConfig
from scoring.components.demand import measure_demand
from scoring.components.factors import Method
from scoring.components.neighbours import SimilarityInputs, similar
from scoring.components.neural import Neural, NeuralConfig
from scoring.data.interactions import FEWEST_SHOPPERS, TrainingSet
from scoring.data.items import ItemIndex
from scoring.data.profile import View, fold_history
from scoring.data.state import ModelState, prefixed
from scoring.evaluation.metrics import ndcg
from scoring.evaluation.protocol import EvaluationProtocol
from scoring.evaluation.splitting import VALIDATION_SHARE, EvaluationCases, hold_out, split
from scoring.learning.candidates import Pool, gather
from scoring.learning.reference import with_scales
from scoring.learning.selection import FEWEST_CASES, TRIAL_CASES, choose, shortlist
from scoring.ranking.ensemble import COMPONENTS, SIGNALS, component_weights, signal_weights, weight_vector
from scoring.ranking.model import Scorers
from scoring.ranking.plans import Choice, FusionPlan, FusionPlans
from scoring.ranking.repeats import repeat_share, usual_gap
from scoring.ranking.slate import best_first
from scoring.types import DEFAULT_WEIGHTS, Component

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.components.component import Scorer
    from scoring.data.dataset import Dataset
    from scoring.data.profile import Profile
    from scoring.evaluation.splitting import EvaluationCase
    from scoring.learning.checkpoint import Checkpoint
    from scoring.ranking.plans import HistoryLength

    Progress = Callable[[str, float], None]

_MOST_CASES = 1_000  # validation users of an evaluation; a shop's own training has several questions to ask
_MOST_CASES_EACH = 600
_FEWEST_KEPT = 100
_SCORE_BUDGET = 1e8  # products scored for validation, per signal: large catalogues are validated on fewer users
_VALIDATION = "verdict"  # checkpoints hold the result of validation under this name
_TUNING_CASES = 200
_TUNING_DEPTH = 100  # NDCG@100 moves more smoothly than NDCG@10
_TUNING_VIEWS = (View.SESSION, View.SEASON)
_REGULARISATIONS = (50.0, 800.0, 3_200.0)  # of EASE, tried beside the default
_SPARSITIES = ((5.0, 50.0), (1.0, 500.0))  # l1 and l2 of SLIM, tried beside the default
_METHODS = (Method.ALS, Method.NMF)
_LARGEST_FACTORED = 6_000_000  # events and 20 for each product; beyond it the default method stands


def train(  # noqa: PLR0913 (all by keyword)
    dataset: Dataset,
    *,
    weights: dict[Component, float] | None = None,
    seed: int = 0,
    now: int | None = None,
    progress: Progress | None = None,
    protocol: EvaluationProtocol | None = None,
    checkpoint: Checkpoint | None = None,
    fewest_shoppers: int = FEWEST_SHOPPERS,
) -> ModelState:
    """Fits everything that a recommender needs.

    Settings, plans and calibration are chosen, and the metrics measured, on products that are hidden from some users
    meanwhile: those of `protocol` alone (for an evaluation), or those of all the questions a shop's lists answer. Then
    all is fitted to the whole data.

    weights: the shop's own component weights, used where validation shows no clear gain. now: unix seconds that demand
    is measured at; the newest event when None. progress: called with each stage's name and the fraction of the whole
    that was done when it began. checkpoint: keeps the slow stages; with it an interrupted training goes on and gives
    the same state. fewest_shoppers: that a pair of products, a trend or a reason rests on; two at most in a small shop.
    Raises ValueError when the catalogue is empty.
    """
    if not len(dataset.catalogue):
        raise ValueError("Cannot train on an empty catalogue: import products first.")
    report = progress or (lambda _stage, _fraction: None)
    # Each stage has randomness of its own: it must not depend on whether an earlier one was done now or kept.
    streams = RandomStreams(*np.random.default_rng(seed).spawn(5))
    report("reading", 0.0)
    index = ItemIndex.of(dataset.catalogue)
    whole = TrainingSet(dataset, now, fewest_shoppers)
    usual = weights or DEFAULT_WEIGHTS
    hidden, cases = _validation(dataset, index.ties, seed, protocol)
    part = TrainingSet(hidden, fewest=fewest_shoppers)
    report("content", 0.05)
    content = Content.fit(part, ContentConfig(), streams.tuning)
    config, result = _chosen(part, cases, content, usual, streams, checkpoint, report)
    report("collaborative", 0.75)
    scorers = Scorers(
        Collaborative.fit(whole, config, streams.fitting),
        content.with_appeal(whole),
        # In no plan: what it was validated with is good enough for similarity and embeddings.
        _neural(part, streams.neural, checkpoint, "neural")
        if result.ignores(Neural.SIGNALS)
        else _neural(whole, streams.refitting, checkpoint, "neural-whole"),
        Contextual.fit(whole, ContextualConfig(), streams.fitting),
    )
    report("neighbours", 0.9)
    arrays = model_arrays(whole, index, scorers, weight_vector(usual), streams.fitting)
    state = ModelState(arrays, _manifest(whole, scorers, usual, result, seed))
    if protocol is None:
        report("measuring scores", 0.95)
        state = with_scales(state, whole, seed)
    report("done", 1.0)
    return state


@dataclass(frozen=True, slots=True)
class RandomStreams:
    """A random generator for each stage."""

    tuning: Generator
    neural: Generator
    validating: Generator
    fitting: Generator
    refitting: Generator


def _chosen(
    part: TrainingSet,
    cases: list[EvaluationCases],
    content: Content,
    usual: dict[Component, float],
    streams: RandomStreams,
    checkpoint: Checkpoint | None,
    report: Progress,
) -> tuple[CollaborativeConfig, ValidationResult]:
    """Settings of the collaborative component and the result of validation, from `checkpoint` where it holds them."""
    kept = _json(checkpoint, _VALIDATION)
    if kept is None:
        report("choosing settings", 0.1)
        collaborative = _tuned(part, cases, streams.tuning)
        report("neural", 0.35)
        neural = _neural(part, streams.neural, checkpoint, "neural")
        report("validating", 0.5)
        trial = Scorers(collaborative, content, neural, Contextual.fit(part, ContextualConfig(), streams.tuning))
        result = _validate(
            trial, cases, usual, streams.validating, lambda done: report("validating", 0.5 + 0.25 * done)
        )
        kept = {"collaborative": asdict(collaborative.config), _VALIDATION: result.to_json()}
        _put_json(checkpoint, _VALIDATION, kept)
    return CollaborativeConfig.of(kept["collaborative"]), ValidationResult.from_json(kept[_VALIDATION])


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
    asked = next((one for one in cases if one.protocol is _main_question(cases)), cases[0])
    if len(asked) < FEWEST_CASES:
        return usual
    asked = asked.some(_TUNING_CASES, 0)
    profiles = [(case, fold_history(case.history, part.n_items, case.now)) for case in asked]

    def gain(candidate: Collaborative, kind: str) -> float:
        """Of the best of its signals."""
        names = [name for name in (f"{kind}.{view}" for view in _TUNING_VIEWS) if name in Collaborative.SIGNALS]
        gains = [_gains(candidate.signals(profile, names), case, profile, asked) for case, profile in profiles]
        return float(np.mean(gains, axis=0).max())

    fitted = [usual, *(usual.refitted(part, strength) for strength in _REGULARISATIONS)]
    best = max(fitted, key=lambda candidate: gain(candidate, "ease"))
    settings = (replace(best.config.slim, l1=l1, l2=l2) for l1, l2 in _SPARSITIES)
    fitted = [best, *(best.with_slim(part, setting) for setting in settings)]
    best = max(fitted, key=lambda candidate: gain(candidate, "slim"))
    methods = _METHODS if part.matrix.nnz + 20 * part.n_items <= _LARGEST_FACTORED else ()
    choices = (replace(best.config.factors, method=method) for method in methods)
    fitted = [best, *(best.with_factors(part, choice, rng) for choice in choices)]
    return max(fitted, key=lambda candidate: gain(candidate, "factors"))


def _gains(
    signals: dict[str, NDArray[np.float32]], case: EvaluationCase, profile: Profile, cases: EvaluationCases
) -> list[float]:
    """NDCG@100 of one case by each signal."""
    gains = []
    for values in signals.values():
        ranked = values.copy()
        if not cases.protocol.repeats:
            ranked[profile.items] = -np.inf
        if cases.candidates is not None:
            ranked[~cases.candidates] = -np.inf
        found = np.isin(best_first(ranked, cases.ties, _TUNING_DEPTH), case.held_out)
        gains.append(float(ndcg(found[None], np.array([len(case.held_out)]), _TUNING_DEPTH)[0]))
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


def _validate(
    fitted: Scorers,
    cases: list[EvaluationCases],
    usual: dict[Component, float],
    rng: Generator,
    report: Callable[[float], None],
) -> ValidationResult:
    """The plans for each protocol, and the metrics of each signal, on the validation cases."""
    scorers = fitted.by_component()
    why = "nothing to validate on: the default weights"
    default = FusionPlan(signal_weights(usual), Choice.DEFAULT, why, {})
    result = ValidationResult(FusionPlans(default, {}), {"shoppers": 0.0}, {}, [])
    asked_about: dict[EvaluationProtocol, list[EvaluationCases]] = {}
    for asked in cases:
        if len(asked):
            asked_about.setdefault(asked.protocol, []).append(asked)
    whole, done = sum(map(len, cases)), count(1)

    def case_done() -> None:
        report(next(done) / whole)

    for protocol, parts in asked_about.items():
        trial = _gathered([part.some(TRIAL_CASES // len(parts), 1) for part in parts], scorers, lambda: None)
        wanted = shortlist(trial)
        pool = _gathered(parts, scorers, case_done, wanted)
        plans = choose(pool, usual, rng)
        result.plans.chosen[protocol] = plans
        alone = {
            name: float(pool.ndcg(row).mean()) for name, row in zip(SIGNALS, pool.values, strict=True) if name in wanted
        }
        result.signals[protocol.value] = {name: round(value, 6) for name, value in alone.items()}
        result.notes.extend(_notes(protocol, plans))
        if protocol is _main_question(cases):
            result.metrics.update(_metrics(pool, plans[None]))
    return result


def _gathered(
    parts: list[EvaluationCases],
    scorers: Mapping[Component, Scorer],
    case_done: Callable[[], None],
    wanted: Collection[str] = SIGNALS,
) -> Pool:
    """The candidates of all parts, one at least, scored."""
    pools = [gather(part, scorers, case_done, wanted) for part in parts]
    return reduce(Pool.beside, pools)


def _main_question(cases: list[EvaluationCases]) -> EvaluationProtocol:
    """The one whose metrics name the model: what comes next."""
    asked = [one.protocol for one in cases if len(one)]
    main = EvaluationProtocol.LEAVE_LAST_OUT
    return main if main in asked or not asked else asked[0]


def _notes(protocol: EvaluationProtocol, plans: dict[HistoryLength | None, FusionPlan]) -> list[str]:
    """For a reader of the model: what was chosen and why, and which components are not used."""
    notes = []
    for history_length, plan in plans.items():
        parts = sorted(plan.weights.items(), key=lambda part: -part[1])
        mixture = ", ".join(f"{name} {weight:.2f}" for name, weight in parts)
        notes.append(f"{protocol.value}, {history_length or 'all'} shoppers: {plan.choice} ({mixture}). {plan.why}.")
        if plan.worth:
            added = ", ".join(f"{kind} {gain:+.4f}" for kind, gain in plan.worth.items())
            notes.append(f"{protocol.value}, {history_length or 'all'} shoppers: NDCG@10 that each kind adds: {added}.")
        weights_by_component = component_weights(plan.weights)
        unused = [
            component.value for component, weight in zip(COMPONENTS, weights_by_component, strict=True) if weight == 0
        ]
        notes += [
            f"{protocol.value}, {history_length or 'all'} shoppers: without {name}, which adds nothing."
            for name in unused
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
    return {name: round(value, 6) for name, value in found.items()} | {"shoppers": float(len(pool.n_held_out))}


def model_arrays(
    data: TrainingSet, index: ItemIndex, scorers: Scorers, weights: NDArray[np.float32], rng: Generator
) -> dict[str, NDArray[Any]]:
    """All arrays of a state, from fitted components. weights: of the components in similarity, shape (4,)."""
    inputs = SimilarityInputs(
        content=scorers.content.matrix(),
        embeddings=scorers.neural.embeddings,
        demand=scorers.contextual.demand,
        cooccurrence=scorers.collaborative.cooccurrence,
    )
    near = similar(inputs, weights, rng)
    brands = index.brand[data.visits.items]
    counts = np.bincount(brands[brands >= 0], minlength=len(index.brands.names))
    arrays = prefixed("items", index.to_arrays()) | prefixed("demand", measure_demand(data).to_arrays())
    for component, scorer in scorers.by_component().items():
        arrays |= prefixed(component.value, scorer.to_arrays())
    arrays |= prefixed("similar", {"items": near.items, "cosines": near.cosines, "parts": near.parts})
    arrays["brand_share"] = (counts / max(int(counts.sum()), 1)).astype(np.float32)
    return arrays


def _manifest(
    data: TrainingSet, scorers: Scorers, usual: dict[Component, float], result: ValidationResult, seed: int
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
        "plans": result.plans.to_json(),
        "signals": result.signals,
        "notes": result.notes,
        "fewest_shoppers": data.fewest_shoppers,
        "fewest_wanted": data.fewest_wanted,  # which holds again once the shop has grown
        "repeat_gap": usual_gap(data),
        "repeat_share": repeat_share(data),
        "metrics": result.metrics,
    }
