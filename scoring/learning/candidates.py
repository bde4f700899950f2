"""Candidates of validation cases: the best products of every signal, with standardised scores and what was taken."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from scoring.components.component import moments, standardised
from scoring.data.profile import fold_history
from scoring.evaluation.metrics import hit_rate, ndcg, recall, reciprocal_rank
from scoring.ranking.calibration import SHOWN, Shown
from scoring.ranking.ensemble import SIGNALS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from scoring.components.component import Scorer
    from scoring.evaluation.splitting import EvaluationCases
    from scoring.types import Component

    Floats = NDArray[np.float32]

ABSENT = np.float32(-1e9)  # the score of padding
_DEPTH = 30  # of each signal's list
_STRIDE = 16  # of a sample of all products


@dataclass(frozen=True, slots=True)
class Pool:
    """The candidates of all cases: the best of every signal. Padded to one width; equals in tie order."""

    values: Floats  # (signals, cases, width): standardised, ABSENT in the padding; 0 for a signal that is not wanted
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
        values = np.pad(self.values, ((0, 0), (0, 0), (0, more)), constant_values=ABSENT)
        return replace(self, values=values, taken=np.pad(self.taken, ((0, 0), (0, more))))

    def restricted_to(self, names: Sequence[str]) -> Pool:
        """With these signals alone: the others are equal for all candidates."""
        values = self.values.copy()
        for signal, name in enumerate(SIGNALS):
            if name not in names:
                values[signal][values[signal] > ABSENT / 2] = 0.0
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
        fused[self.values[0] <= ABSENT / 2] = ABSENT  # weights may sum to less than 0
        return fused

    def shown(self, fused: Floats) -> Shown:
        """The first positions of all lists."""
        order = np.argsort(-fused, axis=1, kind="stable")[:, :SHOWN]
        scores, taken = np.take_along_axis(fused, order, 1), np.take_along_axis(self.taken, order, 1)
        real = scores > ABSENT / 2
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
    values = np.full((len(SIGNALS), len(found), width), ABSENT, dtype=np.float32)
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
