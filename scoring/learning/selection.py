"""Choosing a plan on validation cases: the shop's weights, the best single signal, or a learned mixture.

The mixture is a conditional logit over the candidates of each case (McFadden 1974; as a listwise loss in Cao et al.,
"Learning to rank: from pairwise approach to listwise approach", ICML 2007). Its weights have either sign and are pulled
towards the best single signal; the weakest signals leave it one after the other. Every choice is judged on cases that
it was not fitted to.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from scoring.learning.candidates import ABSENT
from scoring.ranking.calibration import fit_calibration
from scoring.ranking.ensemble import COMPONENT_OF, SIGNALS, signal_weights
from scoring.ranking.plans import Choice, FusionPlan, HistoryLength
from scoring.types import Component

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.learning.candidates import Pool

    Floats = NDArray[np.float32]

FEWEST_CASES = 30  # with fewer, the choice would be noise
_FEWEST_IN_SEGMENT = 150
_FOLDS = 4
_CUT = 50  # views of a model are compared by NDCG@50, which moves more smoothly than NDCG@10
TRIAL_CASES = 120  # that all views of a model are compared on
_VIEWS_KEPT = 3  # of each kind of signal, for all cases
_PULL = 6.0  # towards the best single signal, over all cases
_PULL_OF_SEGMENT = 20.0  # towards the plan of all cases
_MOST_SIGNALS = 12  # of a plan
_LEFT_OUT = 0.25  # part of the signals that leave the mixture at a time
# Milliseconds that a kind costs in a list of a catalogue of 100,000 products; the others cost a tenth of one.
_COST = {"ease": 2.0, "content": 0.8, "kin": 0.7, "neural": 0.4, "factors": 0.3}
_COST_OF = 100_000
_LEAST_GAIN = 0.01  # part of NDCG that a millisecond has to earn
_SHARES = (1.0, 0.75, 0.5, 0.25)  # of the mixture, beside the best single signal
_LEAST_WEIGHT = 0.01  # of the largest; below it a signal costs more time than it is worth
# Signals of a kind that a plan may hold: a second view of a dense model costs as much time as the first, and adds
# little. What is the same for everybody costs next to nothing.
_MOST_OF_A_KIND = dict.fromkeys(("slim", "together", "follow", "next", "walk", "habit", "kin"), 2) | {
    "demand": len(SIGNALS)
}


def choose(pool: Pool, usual: Mapping[Component, float], rng: Generator) -> dict[HistoryLength | None, FusionPlan]:
    """The plan for all cases (None), and for each history length where a plan of its own is a gain.

    A mixture is chosen unless the best single signal is better, or the shop's own weights are by more than a standard
    error of the difference; the latter holds too for a single signal that gives everybody the same list. A component
    that the shop has given no weight is never used.
    """
    default = signal_weights(usual)
    pool = pool.restricted_to([name for name in SIGNALS if usual.get(COMPONENT_OF[name], 0.0) > 0])
    if len(pool.n_held_out) < FEWEST_CASES or not pool.taken.any():
        why = f"only {len(pool.n_held_out)} validation cases, or none of their products in reach: the default weights"
        plan = FusionPlan(default, Choice.DEFAULT, why, {})
        return (
            {None: replace(plan, calibration=fit_calibration(pool.shown(pool.fuse(default))))}
            if len(pool.n_held_out)
            else {None: plan}
        )
    overall, gains = _choose(pool, default, rng)
    plans: dict[HistoryLength | None, FusionPlan] = {None: overall}
    history_lengths = np.array([HistoryLength.of(size) for size in pool.n_products.tolist()])
    for history_length in HistoryLength:
        own = history_lengths == history_length
        if overall.choice is not Choice.LEARNED or own.sum() < _FEWEST_IN_SEGMENT or own.all():
            continue
        plan, own_gains = _refined(pool.rows(own), overall, rng)
        if _clearly(own_gains - gains[own]):
            plans[history_length] = plan
    return plans


def _choose(pool: Pool, default: dict[str, float], rng: Generator) -> tuple[FusionPlan, NDArray[np.float64]]:
    """The plan, and the cross-fitted NDCG of its kind of choice for each case."""
    fitted: dict[Choice, Callable[[Pool], dict[str, float]]] = {
        Choice.LEARNED: _stacked,
        Choice.SINGLE: _best_single,
        Choice.DEFAULT: lambda _: default,
    }
    gains = {choice: _cross_fitted(pool, fit, rng) for choice, fit in fitted.items()}
    choice = Choice.LEARNED
    (single,) = _best_single(pool)
    is_personal = COMPONENT_OF[single] is not Component.CONTEXTUAL
    better = gains[Choice.SINGLE] - gains[choice]
    if _clearly(better) or (is_personal and better.mean() > 0):
        choice = Choice.SINGLE
    if _clearly(gains[Choice.DEFAULT] - gains[choice]):
        choice = Choice.DEFAULT
    if np.array_equal(gains[choice], gains[Choice.DEFAULT]):
        choice = Choice.DEFAULT
    return _plan(pool, fitted[choice](pool), choice, gains), gains[choice]


def _refined(pool: Pool, plan: FusionPlan, rng: Generator) -> tuple[FusionPlan, NDArray[np.float64]]:
    """A plan for some of the cases, of the signals of the plan for all, and its cross-fitted NDCG for each."""
    names = list(plan.weights)

    def fit(part: Pool) -> dict[str, float]:
        rows = [SIGNALS.index(name) for name in names]
        start = _scaled_to(part, rows, np.array(list(plan.weights.values())))
        return _rounded(dict(zip(names, _logit(part, rows, start, _PULL_OF_SEGMENT), strict=True)))

    gains = _cross_fitted(pool, fit, rng)
    return _plan(pool, fit(pool), Choice.LEARNED, {Choice.LEARNED: gains}), gains


def _cross_fitted(pool: Pool, fit: Callable[[Pool], dict[str, float]], rng: Generator) -> NDArray[np.float64]:
    """NDCG@10 of each case by weights that were fitted to other cases."""
    folds = rng.permutation(len(pool.n_held_out)) % _FOLDS
    gains = np.zeros(len(folds))
    for fold in range(_FOLDS):
        judged = pool.rows(folds == fold)
        gains[folds == fold] = judged.ndcg(judged.fuse(fit(pool.rows(folds != fold))))
    return gains


def _plan(
    pool: Pool, weights: dict[str, float], choice: Choice, gains: Mapping[Choice, NDArray[np.float64]]
) -> FusionPlan:
    measured = {one.value: round(float(values.mean()), 6) for one, values in gains.items()}
    others = "".join(f"; {name} {value:.4f}" for name, value in measured.items() if name != choice)
    why = f"NDCG@10 {measured[choice]:.4f} on {len(pool.n_held_out)} validation cases it was not fitted to{others}"
    worth = _worth(pool, weights) if choice is Choice.LEARNED else {}
    return FusionPlan(weights, choice, why, measured, fit_calibration(pool.shown(pool.fuse(weights))), worth)


def _clearly(differences: NDArray[np.float64]) -> bool:
    """Whether a gain is more than its standard error: else noise decides."""
    error = differences.std() / np.sqrt(max(len(differences), 1))
    return bool(differences.mean() > error)


def _best_single(pool: Pool) -> dict[str, float]:
    gains = [pool.ndcg(values).mean() for values in pool.values]
    return {SIGNALS[int(np.argmax(gains))]: 1.0}


def shortlist(pool: Pool) -> set[str]:
    """The signals worth computing for all cases: the best views of each kind, and those of the default weights."""
    gains = {name: float(pool.ndcg(values, _CUT).mean()) for name, values in zip(SIGNALS, pool.values, strict=True)}
    kept = set(signal_weights(None))
    for kind in {_kind_of(name) for name in SIGNALS}:
        views = sorted((name for name in SIGNALS if _kind_of(name) == kind), key=lambda name: -gains[name])
        kept.update(views[: max(_VIEWS_KEPT, _MOST_OF_A_KIND.get(kind, 1))])
    return kept


def _stacked(pool: Pool) -> dict[str, float]:
    """Weights of the mixture. The weakest signals leave it until it is small enough."""
    real = pool.values[0] > ABSENT / 2
    spread = np.array([float(values[real].std()) for values in pool.values])
    (best,) = _best_single(pool)
    start = np.zeros(len(SIGNALS))
    start[SIGNALS.index(best)] = 1.0
    active = np.flatnonzero(spread > 0).tolist()
    if SIGNALS.index(best) not in active:
        return {best: 1.0}
    start *= _scaled_to(pool, [SIGNALS.index(best)], np.ones(1))[0]
    weights = _logit(pool, active, start[active], _PULL)
    if not weights.any():  # no case has anything to tell its candidates apart by
        return {best: 1.0}
    while True:
        strength = np.abs(weights) * spread[active]
        kept = _strongest(active, strength)
        if kept == active:
            break
        weights = _logit(pool, kept, start[kept], _PULL, weights[[active.index(one) for one in kept]])
        active = kept
    active, weights = _affordable(pool, active, weights, start)
    found = {SIGNALS[signal]: float(weight) for signal, weight in zip(active, weights, strict=True)}
    return _shrunk(pool, found, {best: float(start[SIGNALS.index(best)])})


def _affordable(
    pool: Pool, active: list[int], weights: NDArray[np.float64], prior: NDArray[np.float64]
) -> tuple[list[int], NDArray[np.float64]]:
    """Without the costly kinds of signals that earn too little, the worst bargain first."""
    price = _LEAST_GAIN * pool.n_items / _COST_OF
    while True:
        whole = _gain(pool, active, weights)
        bargains = []
        for kind in {_kind_of(SIGNALS[signal]) for signal in active} & _COST.keys():
            kept, without = _without(pool, kind, active, weights, prior)
            if kept:
                lost = 1 - _gain(pool, kept, without) / max(whole, 1e-12)
                bargains.append((lost - price * _COST[kind], kind, kept, without))
        worst = min(bargains, default=(0.0, "", active, weights), key=lambda bargain: bargain[:2])
        if worst[0] >= 0:
            return active, weights
        active, weights = worst[2:]


def _without(
    pool: Pool, kind: str, active: list[int], weights: NDArray[np.float64], prior: NDArray[np.float64]
) -> tuple[list[int], NDArray[np.float64]]:
    """The other signals, and their weights fitted again."""
    rows = [row for row, signal in enumerate(active) if _kind_of(SIGNALS[signal]) != kind]
    kept = [active[row] for row in rows]
    return kept, _logit(pool, kept, prior[kept], _PULL, weights[rows]) if kept else np.zeros(0)


def _gain(pool: Pool, active: list[int], weights: NDArray[np.float64]) -> float:
    fused = pool.fuse({SIGNALS[signal]: float(weight) for signal, weight in zip(active, weights, strict=True)})
    return float(pool.ndcg(fused).mean())


def _worth(pool: Pool, weights: dict[str, float]) -> dict[str, float]:
    """NDCG@10 that each kind of signal of a mixture adds: what is lost without it when the others are fitted again."""
    active = [SIGNALS.index(name) for name in weights]
    prior = np.zeros(len(SIGNALS))
    prior[active] = _scaled_to(pool, active, np.array(list(weights.values())))
    whole = _gain(pool, active, prior[active])
    found = {}
    for kind in dict.fromkeys(map(_kind_of, weights)):
        kept, without = _without(pool, kind, active, prior[active], prior)
        found[kind] = round(whole - _gain(pool, kept, without), 6) if kept else round(whole, 6)
    return found


def _shrunk(pool: Pool, weights: dict[str, float], single: dict[str, float]) -> dict[str, float]:
    """The mixture with as much of the best single signal, at the same scale, as makes the best lists: likelihood asks
    for all candidates, NDCG for the first ten."""
    mixtures = []
    for share in _SHARES:
        parts = {name: share * weight for name, weight in weights.items()}
        for name, weight in single.items():
            parts[name] = parts.get(name, 0.0) + (1 - share) * weight
        mixtures.append(_rounded(parts))
    return max(mixtures, key=lambda parts: float(pool.ndcg(pool.fuse(parts)).mean()))


def _strongest(active: list[int], strength: NDArray[np.float64]) -> list[int]:
    """Without the views that are too many of a kind, and then without the weakest."""
    order = np.argsort(-strength, kind="stable").tolist()
    of_kind: dict[str, int] = {}
    kept = []
    for place in order:
        kind = _kind_of(SIGNALS[active[place]])
        if of_kind.setdefault(kind, 0) < _MOST_OF_A_KIND.get(kind, 1) and strength[place] > _LEAST_WEIGHT * max(
            strength
        ):
            of_kind[kind] += 1
            kept.append(active[place])
    if len(kept) == len(active):
        kept = kept[: max(_MOST_SIGNALS, int(len(kept) * (1 - _LEFT_OUT)))]
    return sorted(kept)


def _kind_of(name: str) -> str:
    return name.partition(".")[0]


def _scaled_to(pool: Pool, rows: list[int], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weights times the factor at which their fused score predicts best: weights of a plan have no scale."""
    fused = np.tensordot(weights.astype(np.float32), pool.values[rows], 1)[None]
    factor = float(_logit(replace(pool, values=np.maximum(fused, ABSENT)), [0], np.zeros(1), 0.0)[0])
    return weights * factor


def _logit(
    pool: Pool,
    rows: list[int],
    prior: NDArray[np.float64],
    pull: float,
    start: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Weights of some signals under which the taken candidates are most likely; shape of `rows`.

    The likelihood is that of drawing each taken candidate among all of its case by the softmax of the fused score; a
    case counts once, however much was taken. `pull` is the weight of the squared distance to `prior`.
    """
    from scipy.optimize import minimize

    taken = pool.taken.sum(axis=1)
    cases = taken > 0
    absent = pool.values[0][cases] <= ABSENT / 2
    values = np.where(absent, np.float32(0), pool.values[rows][:, cases])
    flat = values.reshape(len(rows), -1)
    outcome = (pool.taken[cases] / taken[cases][:, None]).astype(np.float32)
    found = (flat @ outcome.ravel()).astype(np.float64)
    strength = pull / max(len(outcome), 1)

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        fused = (weights.astype(np.float32) @ flat).reshape(outcome.shape)
        fused[absent] = -np.inf
        top = fused.max(axis=1, keepdims=True)
        fused -= top
        np.exp(fused, out=fused)
        total = fused.sum(axis=1, keepdims=True)
        fused /= total
        likelihood = float((np.log(total) + top).sum()) - float(weights @ found)
        gradient = (flat @ fused.ravel()).astype(np.float64) - found
        away = weights - prior
        n = len(outcome)
        return likelihood / n + strength * float(away @ away), gradient / n + 2 * strength * away

    first = prior if start is None else start
    if not len(outcome):
        return first
    return np.asarray(minimize(loss, first, jac=True, method="L-BFGS-B", options={"maxiter": 50}).x)


def _rounded(weights: Mapping[str, float]) -> dict[str, float]:
    """Four decimals, with magnitudes that sum to 1; the largest first."""
    whole = sum(abs(weight) for weight in weights.values())
    ordered = sorted(weights.items(), key=lambda part: -abs(part[1]))
    found = {name: rounded for name, weight in ordered if (rounded := round(weight / max(whole, 1e-12), 4))}
    for largest in list(found)[:1]:  # takes what rounding has left over
        rest = 1 - sum(abs(weight) for weight in found.values())
        found[largest] = round(found[largest] + math.copysign(rest, found[largest]), 4)
    return found
