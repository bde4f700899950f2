"""What a list is worth to each user, and how sure a difference between two models is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from devstack.evaluation.lists import SHOWN
from scoring.evaluation.metrics import discounts, hit_rate, ideal_gains, ndcg, recall, reciprocal_rank

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from devstack.evaluation.lists import Lists
    from scoring.evaluation.splitting import EvaluationCases

PER_USER = ("ndcg@10", "hr@10", "recall@20", "mrr@10", "novelty@10")
METRICS = (*PER_USER, "coverage@10")
RESAMPLES = 1_000
_COVERAGE_RESAMPLES = 200  # counting distinct products takes longer than adding up
_CHUNK = 50_000_000  # entries of a matrix of resampled users


@dataclass(frozen=True, slots=True)
class ListMetrics:
    """The metrics of one model on the cases of one seed."""

    users: NDArray[np.int32]  # (cases,)
    values: Mapping[str, NDArray[np.float64]]  # by name of PER_USER, (cases,)
    shown: NDArray[np.int32] | None  # (cases, 10): for coverage; None where it is known without lists
    coverage: float


@dataclass(frozen=True, slots=True)
class Interval:
    """A value, and the 95 % interval of its bootstrap; nan where it cannot be said (a ratio to nothing)."""

    value: float
    low: float
    high: float


def hits(lists: Lists, cases: EvaluationCases) -> NDArray[np.bool_]:
    """Which positions of the lists hold a held-out product, shape of `Lists.items`."""
    width = np.int64(max(int(lists.items.max(initial=0)), int(cases.held_out.max(initial=0))) + 2)
    rows = np.repeat(np.arange(len(cases)), np.diff(cases.held_out_starts))
    wanted = rows * width + cases.held_out
    found: NDArray[np.bool_] = np.isin(np.arange(len(cases))[:, None] * width + lists.items, wanted)
    return found & (lists.items >= 0)


def measure(lists: Lists, cases: EvaluationCases, information: NDArray[np.float64]) -> ListMetrics:
    """Metrics by user. information: bits that each product's popularity carries, shape (items,)."""
    found = hits(lists, cases)
    held_out = np.diff(cases.held_out_starts)
    shown = lists.items[:, :SHOWN]
    listed = shown >= 0
    novelty = np.where(listed, information[shown], 0.0).sum(axis=1) / np.maximum(listed.sum(axis=1), 1)
    values = {
        "ndcg@10": ndcg(found, held_out, SHOWN),
        "hr@10": hit_rate(found, SHOWN),
        "recall@20": recall(found, held_out, 20),
        "mrr@10": reciprocal_rank(found, SHOWN),
        "novelty@10": novelty,
    }
    return ListMetrics(cases.users, values, shown, _coverage(shown, len(information)))


def random_metrics(cases: EvaluationCases, information: NDArray[np.float64]) -> ListMetrics:
    """What lists drawn at random from the candidates get on average, by user."""
    candidates = np.ones(len(information), dtype=bool) if cases.candidates is None else cases.candidates
    among, held_out = int(candidates.sum()), np.diff(cases.held_out_starts)
    length = min(SHOWN, among)
    ranks = np.arange(1, length + 1)
    # Probability that none of the first r positions holds a held-out product: hypergeometric.
    steps = np.maximum(among - held_out[:, None] - (ranks - 1), 0) / (among - (ranks - 1))
    none = np.cumprod(steps, axis=1)
    first_at = np.c_[np.ones(len(held_out)), none[:, :-1]] - none
    values = {
        "ndcg@10": held_out / among * discounts(length).sum() / ideal_gains(held_out, length),
        "hr@10": 1.0 - none[:, -1],
        "recall@20": np.full(len(held_out), min(20, among) / among),
        "mrr@10": first_at @ (1.0 / ranks),
        "novelty@10": np.full(len(held_out), information[candidates].mean()),
    }
    covered = among * (1 - (1 - length / among) ** len(held_out)) / len(information)
    return ListMetrics(cases.users, values, None, float(covered))


def self_information(shoppers: NDArray[np.integer], n_users: int) -> NDArray[np.float64]:
    """-log2 of the share of users who know each product; one nobody knows counts as known to less than one."""
    bits: NDArray[np.float64] = -np.log2((shoppers + 0.5) / (n_users + 1.0))
    return bits


def _coverage(shown: NDArray[np.int32], n_items: int) -> float:
    seen = np.zeros(n_items, dtype=bool)
    seen[shown[shown >= 0]] = True
    return float(seen.mean()) if n_items else 0.0


class Bootstrap:
    """Resamples users, the same ones for every model; a user's cases under all seeds are drawn together."""

    def __init__(self, runs: Sequence[NDArray[np.int32]], n_items: int) -> None:
        """runs: the users of the cases of each seed."""
        self._runs = runs
        self._n_items = n_items
        everyone = np.concatenate(runs)
        self._users, codes = np.unique(everyone, return_inverse=True)
        self._codes = np.split(codes, np.cumsum([len(run) for run in runs])[:-1])
        self._cases = np.bincount(codes, minlength=len(self._users)).astype(np.float64)

    def averages(self, metrics: Sequence[ListMetrics], metric: str) -> NDArray[np.float64]:
        """The metric over all seeds: first as measured, then in each resample."""
        if metric == "coverage@10":
            return self._coverages(metrics)
        sums = np.zeros(len(self._users))
        for codes, run in zip(self._codes, metrics, strict=True):
            sums += np.bincount(codes, run.values[metric], len(self._users))
        resampled = [counts @ sums / (counts @ self._cases) for counts in self._draws(RESAMPLES)]
        return np.concatenate([[sums.sum() / self._cases.sum()], *resampled])

    def _coverages(self, metrics: Sequence[ListMetrics]) -> NDArray[np.float64]:
        measured = float(np.mean([run.coverage for run in metrics]))
        shown = [run.shown for run in metrics if run.shown is not None]
        if len(shown) < len(metrics):
            return np.full(_COVERAGE_RESAMPLES + 1, measured)
        values = []
        for counts in self._draws(_COVERAGE_RESAMPLES):
            for drawn in counts > 0:
                parts = [
                    _coverage(one[drawn[codes]], self._n_items) for codes, one in zip(self._codes, shown, strict=True)
                ]
                values.append(float(np.mean(parts)))
        # A resample holds fewer different users, so it covers less: only its spread carries information.
        resampled = np.array(values)
        around: NDArray[np.float64] = np.r_[measured, resampled * (measured / resampled.mean())]
        return around

    def _draws(self, resamples: int) -> Iterator[NDArray[np.int64]]:
        """How often each user was drawn, (resamples, users), in pieces that fit into memory."""
        size = len(self._users)
        piece = max(1, _CHUNK // size)
        rng = np.random.default_rng(0)
        for start in range(0, resamples, piece):
            yield rng.multinomial(size, np.full(size, 1.0 / size), min(piece, resamples - start))


def interval(averages: NDArray[np.float64]) -> Interval:
    """From an average and its resamples."""
    low, high = np.percentile(averages[1:], [2.5, 97.5])
    return Interval(float(averages[0]), float(low), float(high))


def ratio(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> Interval:
    """Ours to theirs, paired: both were resampled alike."""
    if not (theirs > 0).all():
        value = float(ours[0] / theirs[0]) if theirs[0] > 0 else float("nan")
        return Interval(value, float("nan"), float("nan"))
    return interval(ours / theirs)
