"""Choosing a plan on validation cases: the shop's weights, the best single signal, or a learned mixture.

The mixture is found by ensemble selection with replacement and bagging (Caruana et al., "Ensemble selection from
libraries of models", ICML 2004): start from nothing, add the signal that raises NDCG most, again and again. Its weights
are few, positive and sparse, and the metric that is climbed is nearly the reported one. Every choice is judged on cases
that it was not fitted to.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from scoring.components.component import moments
from scoring.data.profile import fold_history
from scoring.evaluation.metrics import hit_rate, ndcg, recall, reciprocal_rank
from scoring.ranking.calibration import SHOWN, Shown, fit_calibration
from scoring.ranking.ensemble import COMPONENT_OF, SIGNALS, signal_weights
from scoring.ranking.plans import Choice, FusionPlan, HistoryLength

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.components.component import Scorer
    from scoring.evaluation.splitting import EvaluationCases
    from scoring.types import Component

    Floats = NDArray[np.float32]

FEWEST_CASES = 30  # with fewer, the choice would be noise
_FEWEST_IN_SEGMENT = 150
_DEPTH = 30  # of each signal's list
_FOLDS = 4
_STEPS = 8
_BAGS = 6
_BAG = 0.8  # share of the cases in a bag
_CUT = 50  # NDCG@50 is climbed: it moves more smoothly than the NDCG@10 that is reported
_LEAST_WEIGHT = 0.03  # below it a signal costs more time than it is worth
# Signals of a kind that a plan may hold: a second view of the same model costs as much time as the first, and adds
# little. What is the same for everybody costs next to nothing.
_MOST_OF_A_KIND = {"together": 2, "follow": 2, "habit": 2, "demand": len(SIGNALS)}
_ABSENT = np.float32(-1e9)


@dataclass(frozen=True, slots=True)
class Pool:
    """The candidates of all cases: the best of every signal. Padded to one width; equals in tie order."""

    values: Floats  # (signals, cases, width): z-scores, _ABSENT in the padding
    taken: NDArray[np.bool_]  # (cases, width)
    n_held_out: NDArray[np.int64]  # (cases,)
    n_products: NDArray[np.int64]  # (cases,): in the history

    def rows(self, chosen: NDArray[np.bool_]) -> Pool:
        return Pool(self.values[:, chosen], self.taken[chosen], self.n_held_out[chosen], self.n_products[chosen])

    def restricted_to(self, names: Sequence[str]) -> Pool:
        """With these signals alone: the others are equal for all candidates."""
        values = self.values.copy()
        for signal, name in enumerate(SIGNALS):
            if name not in names:
                values[signal][values[signal] > _ABSENT / 2] = 0.0
        return replace(self, values=values) if len(names) < len(SIGNALS) else self

    def ndcg(self, fused: Floats, k: int = 10) -> NDArray[np.float64]:
        """NDCG@k of each case, shape (cases,)."""
        return ndcg(self._hits(fused, k), self.n_held_out, k)

    def metrics(self, fused: Floats) -> dict[str, float]:
        """Means over cases."""
        hits = self._hits(fused, 20)
        return {
            "ndcg@10": float(self.ndcg(fused).mean()),
            "hit_rate@10": float(hit_rate(hits, 10).mean()),
            "recall@20": float(recall(hits, self.n_held_out, 20).mean()),
            "mrr@10": float(reciprocal_rank(hits, 10).mean()),
        }

    def fuse(self, weights: Mapping[str, float]) -> Floats:
        vector = np.array([weights.get(name, 0.0) for name in SIGNALS], dtype=np.float32)
        used = np.flatnonzero(vector)
        fused: Floats = np.tensordot(vector[used], self.values[used], 1)
        return fused

    def shown(self, fused: Floats) -> Shown:
        """The first positions of all lists."""
        order = np.argsort(-fused, axis=1, kind="stable")[:, :SHOWN]
        scores, taken = np.take_along_axis(fused, order, 1), np.take_along_axis(self.taken, order, 1)
        real = scores > _ABSENT / 2
        level = np.where(real, scores, 0.0).sum(axis=1) / np.maximum(real.sum(axis=1), 1)
        spread = np.broadcast_to
        return Shown(
            scores[real].astype(np.float64),
            spread(level[:, None], real.shape)[real].astype(np.float64),
            spread(self.n_products[:, None], real.shape)[real],
            taken[real],
        )

    def _hits(self, fused: Floats, k: int) -> NDArray[np.bool_]:
        """Which of the first k positions of each list hold a held-out product, shape (cases, k).

        Each candidate becomes one integer whose order is that of the list: its score in the upper half, then its
        column, so that equals stay in tie order, then whether it was taken. NumPy sorts integers several times as fast
        as it finds the order of floats.
        """
        bits = (np.float32(0) - fused).view(np.int32)  # 0 - x, unlike -x, has no negative zero
        keys = (bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))).astype(np.int64) << 32
        keys |= (np.arange(fused.shape[1], dtype=np.int64) << 1) | self.taken
        if k < fused.shape[1]:
            keys.partition(k - 1, axis=1)
            keys = keys[:, :k]
        keys.sort(axis=1)
        return (keys & 1).astype(np.bool_)


def gather(cases: EvaluationCases, scorers: Mapping[Component, Scorer], report: Callable[[float], None]) -> Pool:
    """Scores every case by every signal and keeps the candidates. report: called with the fraction done."""
    ties = cases.ties
    order_of = np.empty(len(ties), dtype=np.int64)
    order_of[np.argsort(ties, kind="stable")] = np.arange(len(ties))
    found: list[tuple[Floats, NDArray[np.bool_]]] = []
    held_out, sizes = [], []
    for row, case in enumerate(cases):
        profile = fold_history(case.history, len(ties), case.now)
        excluded = None if cases.protocol.repeats else profile.items
        signals: dict[str, Floats] = {}
        for scorer in scorers.values():
            signals |= scorer.signals(profile, scorer.SIGNALS)
        found.append(_candidates(signals, excluded, cases.candidates, case.held_out, order_of))
        held_out.append(len(case.held_out))
        sizes.append(len(profile))
        report((row + 1) / len(cases))
    width = max((len(taken) for _, taken in found), default=0)
    values = np.full((len(SIGNALS), len(found), width), _ABSENT, dtype=np.float32)
    taken = np.zeros((len(found), width), dtype=bool)
    for row, (scores, hits) in enumerate(found):
        values[:, row, : len(hits)] = scores
        taken[row, : len(hits)] = hits
    return Pool(values, taken, np.array(held_out, dtype=np.int64), np.array(sizes, dtype=np.int64))


def _candidates(
    signals: Mapping[str, Floats],
    excluded: NDArray[np.int32] | None,
    allowed: NDArray[np.bool_] | None,
    held_out: NDArray[np.int32],
    order_of: NDArray[np.int64],
) -> tuple[Floats, NDArray[np.bool_]]:
    """z-scores (signals, candidates) and outcomes of one case."""
    best = []
    scales = {}
    for name in SIGNALS:
        values = signals[name]
        scales[name] = moments(values)
        if scales[name][1] > 0:
            best.append(_top(values, excluded, allowed))
    items = np.unique(np.concatenate(best)) if best else np.zeros(0, dtype=np.int64)
    items = items[np.argsort(order_of[items], kind="stable")]
    rows = [(signals[name][items] - scales[name][0]) * scales[name][1] for name in SIGNALS]
    return np.stack(rows).astype(np.float32), np.isin(items, held_out)


def _top(values: Floats, excluded: NDArray[np.int32] | None, allowed: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    """The products of a signal's list. Equal products about which the signal has no information are no candidates."""
    ranked = values.copy()
    if excluded is not None:
        ranked[excluded] = -np.inf
    if allowed is not None:
        ranked[~allowed] = -np.inf
    depth = min(_DEPTH, len(ranked))
    edge = np.partition(ranked, len(ranked) - depth)[len(ranked) - depth]
    above = np.flatnonzero(ranked > edge)
    level = np.flatnonzero(ranked == edge)
    return above if len(level) > _DEPTH or edge == -np.inf else np.concatenate([above, level])


def choose(pool: Pool, usual: Mapping[Component, float], rng: Generator) -> dict[HistoryLength | None, FusionPlan]:
    """The plan for all cases (None), and for each history length where a plan of its own is a gain.

    The shop's own weights stay unless another choice beats them by more than a standard error of the difference. A
    component that the shop has given no weight is never used.
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
        if own.sum() < _FEWEST_IN_SEGMENT or own.all():
            continue
        plan, own_gains = _choose(pool.rows(own), default, rng)
        if _clearly(own_gains - gains[own]):
            plans[history_length] = plan
    return plans


def _choose(pool: Pool, default: dict[str, float], rng: Generator) -> tuple[FusionPlan, NDArray[np.float64]]:
    """The plan, and the cross-fitted NDCG of its kind of choice for each case."""
    folds = rng.permutation(len(pool.n_held_out)) % _FOLDS
    fitted: dict[Choice, Callable[[Pool], dict[str, float]]] = {
        Choice.DEFAULT: lambda _: default,
        Choice.SINGLE: _best_single,
        Choice.LEARNED: lambda part: _selected(part, rng),
    }
    gains = {choice: np.zeros(len(folds)) for choice in fitted}
    for fold in range(_FOLDS):
        judged, learnt = folds == fold, folds != fold
        for choice, fit in fitted.items():
            part = pool.rows(judged)
            gains[choice][judged] = part.ndcg(part.fuse(fit(pool.rows(learnt))))
    measured = {choice.value: round(float(values.mean()), 6) for choice, values in gains.items()}
    # A mixture generalises better than the single signal that happened to be best.
    ranked = [Choice.LEARNED, Choice.SINGLE]
    if _clearly(gains[Choice.SINGLE] - gains[Choice.LEARNED]):
        ranked.reverse()
    choice = next((one for one in ranked if _clearly(gains[one] - gains[Choice.DEFAULT])), Choice.DEFAULT)
    weights = fitted[choice](pool)
    others = ", ".join(f"{name} {value:.4f}" for name, value in measured.items() if name != choice)
    why = f"NDCG@10 {measured[choice]:.4f} on {len(folds)} validation cases it was not fitted to; {others}"
    return FusionPlan(weights, choice, why, measured, fit_calibration(pool.shown(pool.fuse(weights)))), gains[choice]


def _clearly(differences: NDArray[np.float64]) -> bool:
    """Whether a gain is more than its standard error: else noise decides."""
    error = differences.std() / np.sqrt(max(len(differences), 1))
    return bool(differences.mean() > error)


def _best_single(pool: Pool) -> dict[str, float]:
    gains = [pool.ndcg(values).mean() for values in pool.values]
    return {SIGNALS[int(np.argmax(gains))]: 1.0}


def _selected(pool: Pool, rng: Generator) -> dict[str, float]:
    """Weights by bagged ensemble selection: once among all signals, and again among the best of each kind."""
    real = pool.values[0] > _ABSENT / 2
    informative = [signal for signal, values in enumerate(pool.values) if np.ptp(values[real]) > 0]
    first = _bagged(pool, informative, rng)
    kept: list[int] = []
    for signal in np.argsort(-first, kind="stable")[: np.count_nonzero(first)].tolist():
        kind = _kind_of(signal)
        if sum(_kind_of(other) == kind for other in kept) < _MOST_OF_A_KIND.get(kind, 1):
            kept.append(signal)
    totals = _bagged(pool, sorted(kept), rng) if len(kept) < np.count_nonzero(first) else first
    totals[totals < _LEAST_WEIGHT] = 0.0
    return _rounded(totals)


def _kind_of(signal: int) -> str:
    return SIGNALS[signal].partition(".")[0]


def _bagged(pool: Pool, candidates: Sequence[int], rng: Generator) -> NDArray[np.float64]:
    totals = np.zeros(len(SIGNALS))
    for _ in range(_BAGS):
        bag = np.zeros(len(pool.n_held_out), dtype=bool)
        bag[rng.permutation(len(bag))[: max(round(_BAG * len(bag)), 1)]] = True
        counts = _climb(pool.rows(bag), candidates)
        totals += counts / counts.sum()
    totals /= totals.sum()
    return totals


def _climb(pool: Pool, candidates: Sequence[int]) -> NDArray[np.float64]:
    """How often each signal is added until the best step, shape (signals,)."""
    fused = np.zeros_like(pool.values[0])
    counts = np.zeros(len(SIGNALS))
    best, kept, stale = -1.0, counts, 0
    while counts.sum() < _STEPS and stale < 2:
        gains = [float(pool.ndcg(fused + pool.values[signal], _CUT).mean()) for signal in candidates]
        signal = candidates[int(np.argmax(gains))]
        fused += pool.values[signal]
        counts[signal] += 1
        stale += 1
        if max(gains) > best:
            best, kept, stale = max(gains), counts.copy(), 0
    return kept


def _rounded(weights: NDArray[np.float64]) -> dict[str, float]:
    """Four decimals, with a sum of 1."""
    chosen = {name: round(float(value), 4) for name, value in zip(SIGNALS, weights / weights.sum(), strict=True)}
    largest = max(chosen, key=lambda name: chosen[name])
    chosen[largest] = round(chosen[largest] + 1 - sum(chosen.values()), 4)
    return {name: value for name, value in chosen.items() if value > 0}
