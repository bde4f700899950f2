"""Choosing a plan on validation cases: the shop's weights, the best single signal, or a learned mixture.

The mixture is a conditional logit over the candidates of each case (McFadden 1974; as a listwise loss in Cao et al.,
"Learning to rank: from pairwise approach to listwise approach", ICML 2007). Its weights have either sign and are pulled
towards the best single signal; the weakest signals leave it one after the other. Every choice is judged on cases that
it was not fitted to.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from scoring.components.component import moments, standardised
from scoring.data.profile import fold_history
from scoring.evaluation.metrics import hit_rate, ndcg, recall, reciprocal_rank
from scoring.ranking.calibration import SHOWN, Shown, fit_calibration
from scoring.ranking.ensemble import COMPONENT_OF, SIGNALS, signal_weights
from scoring.ranking.plans import Choice, FusionPlan, HistoryLength
from scoring.types import Component

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.components.component import Scorer
    from scoring.evaluation.splitting import EvaluationCases

    Floats = NDArray[np.float32]

FEWEST_CASES = 30  # with fewer, the choice would be noise
_FEWEST_IN_SEGMENT = 150
_DEPTH = 30  # of each signal's list
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
_STRIDE = 16  # of a sample of all products
_ABSENT = np.float32(-1e9)


@dataclass(frozen=True, slots=True)
class Pool:
    """The candidates of all cases: the best of every signal. Padded to one width; equals in tie order."""

    values: Floats  # (signals, cases, width): standardised, _ABSENT in the padding; 0 for a signal that is not wanted
    taken: NDArray[np.bool_]  # (cases, width)
    n_held_out: NDArray[np.int64]  # (cases,)
    n_products: NDArray[np.int64]  # (cases,): in the history
    n_items: int = 0  # in the catalogue

    def rows(self, chosen: NDArray[np.bool_]) -> Pool:
        return replace(
            self,
            values=self.values[:, chosen],
            taken=self.taken[chosen],
            n_held_out=self.n_held_out[chosen],
            n_products=self.n_products[chosen],
        )

    def beside(self, other: Pool) -> Pool:
        """The cases of both."""
        width = max(self.taken.shape[1], other.taken.shape[1])
        wide = [one.widened(width) for one in (self, other)]
        return replace(
            self,
            values=np.concatenate([one.values for one in wide], axis=1),
            taken=np.concatenate([one.taken for one in wide]),
            n_held_out=np.concatenate([one.n_held_out for one in wide]),
            n_products=np.concatenate([one.n_products for one in wide]),
        )

    def widened(self, width: int) -> Pool:
        """With more padding."""
        more = width - self.taken.shape[1]
        values = np.pad(self.values, ((0, 0), (0, 0), (0, more)), constant_values=_ABSENT)
        return replace(self, values=values, taken=np.pad(self.taken, ((0, 0), (0, more))))

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
        fused[self.values[0] <= _ABSENT / 2] = _ABSENT  # weights may sum to less than 0
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


def gather(
    cases: EvaluationCases,
    scorers: Mapping[Component, Scorer],
    case_done: Callable[[], None],
    wanted: Collection[str] = SIGNALS,
) -> Pool:
    """Scores every case by the wanted signals and keeps the candidates."""
    ties = cases.ties
    order_of = np.empty(len(ties), dtype=np.int64)
    order_of[np.argsort(ties, kind="stable")] = np.arange(len(ties))
    found: list[tuple[Floats, NDArray[np.bool_]]] = []
    held_out, sizes = [], []
    for case in cases:
        profile = fold_history(case.history, len(ties), case.now)
        excluded = None if cases.protocol.repeats else profile.items
        signals: dict[str, Floats] = {}
        for scorer in scorers.values():
            signals |= scorer.signals(profile, [name for name in scorer.SIGNALS if name in wanted])
        found.append(_candidates(signals, excluded, cases.candidates, case.held_out, order_of))
        held_out.append(len(case.held_out))
        sizes.append(len(profile))
        case_done()
    width = max((len(taken) for _, taken in found), default=0)
    values = np.full((len(SIGNALS), len(found), width), _ABSENT, dtype=np.float32)
    taken = np.zeros((len(found), width), dtype=bool)
    for row, (scores, hits) in enumerate(found):
        values[:, row, : len(hits)] = scores
        taken[row, : len(hits)] = hits
    return Pool(values, taken, np.array(held_out, dtype=np.int64), np.array(sizes, dtype=np.int64), len(ties))


def _candidates(
    signals: Mapping[str, Floats],
    excluded: NDArray[np.int32] | None,
    allowed: NDArray[np.bool_] | None,
    held_out: NDArray[np.int32],
    order_of: NDArray[np.int64],
) -> tuple[Floats, NDArray[np.bool_]]:
    """Standardised scores (signals, candidates) and outcomes of one case."""
    best = []
    scales = {}
    for name, values in signals.items():
        scales[name] = moments(values)
        if scales[name][1] > 0:
            best.append(_top(values, excluded, allowed))
    items = np.unique(np.concatenate(best)) if best else np.zeros(0, dtype=np.int64)
    items = items[np.argsort(order_of[items], kind="stable")]
    rows = np.zeros((len(SIGNALS), len(items)), dtype=np.float32)
    for row, name in enumerate(SIGNALS):
        if name in signals and scales[name][1] > 0:
            rows[row] = standardised(signals[name][items], *scales[name])
    return rows, np.isin(items, held_out)


def _top(values: Floats, excluded: NDArray[np.int32] | None, allowed: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    """The products of a signal's list. Equal products about which the signal has no information are no candidates."""
    ranked = values.copy()
    if excluded is not None:
        ranked[excluded] = -np.inf
    if allowed is not None:
        ranked[~allowed] = -np.inf
    edge = _edge(ranked, min(_DEPTH, len(ranked)))
    above = np.flatnonzero(ranked > edge)
    level = np.flatnonzero(ranked == edge)
    return above if len(level) > _DEPTH or edge == -np.inf else np.concatenate([above, level])


def _edge(values: Floats, depth: int) -> np.float32:
    """The value of rank `depth`, 1 for the highest. NumPy's selection takes long among many equals, so it is given no
    more than the values above a guess."""
    sample = values[::_STRIDE]
    wanted = min(4 * depth // _STRIDE + 8, len(sample))
    guess = np.partition(sample, len(sample) - wanted)[len(sample) - wanted]
    above = values[values > guess]
    if len(above) < depth:
        if len(above) + np.count_nonzero(values == guess) >= depth:
            return np.float32(guess)
        above = values
    return np.float32(np.partition(above, len(above) - depth)[len(above) - depth])


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
    real = pool.values[0] > _ABSENT / 2
    spread = np.array([float(values[real].std()) for values in pool.values])
    (best,) = _best_single(pool)
    start = np.zeros(len(SIGNALS))
    start[SIGNALS.index(best)] = 1.0
    active = np.flatnonzero(spread > 0).tolist()
    if SIGNALS.index(best) not in active:
        return {best: 1.0}
    start *= _scaled_to(pool, [SIGNALS.index(best)], np.ones(1))[0]
    weights = _logit(pool, active, start[active], _PULL)
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
    factor = float(_logit(replace(pool, values=np.maximum(fused, _ABSENT)), [0], np.zeros(1), 0.0)[0])
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
    absent = pool.values[0][cases] <= _ABSENT / 2
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
