"""Whether a new model may replace the one in use. Both rank the same hidden products, which neither of them has seen.

A quarter of the shoppers, chosen by a hash of their identity and so the same ones at every training, are guard
shoppers: the last product that each of them newly met is hidden from training. What is hidden now was hidden from the
model in use as well, or came after it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from scoring.data.interactions import PURCHASE, fold
from scoring.data.state import ModelState
from scoring.data.ties import tie_breaker
from scoring.evaluation.splitting import MIN_PRODUCTS, Histories, select
from scoring.ranking.query import Query
from scoring.ranking.recommender import Recommender
from scoring.types import History, Scenario

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scoring.data.dataset import Dataset

MAX_CASES = 500
MIN_CASES = 30  # with fewer, the decision would be noise
_GUARD_SHOPPERS = np.uint64(1 << 62)  # a quarter of all 64-bit keys
_LIST = 10
_HIDDEN = "hidden_cases"
_SURE = 1.645  # standard errors: one-sided 95 %


@dataclass(frozen=True, slots=True)
class GuardCases:
    """A dataset without the hidden pairs, which training may see, and the pairs: arrays of shape (cases,)."""

    dataset: Dataset
    users: NDArray[np.int32]
    items: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.users)


@dataclass(frozen=True, slots=True)
class GuardDecision:
    """`reason` says why, in a sentence; `metrics` are what was measured, by name."""

    accepted: bool
    reason: str
    metrics: dict[str, float]


def hide_cases(dataset: Dataset, keys: NDArray[np.uint64], ties: NDArray[np.uint32]) -> GuardCases:
    """Hides the last newly met product of up to 500 guard shoppers; of nobody when they are fewer than 30.

    keys: a uniform hash of each shopper that is the same in every export, shape (users,). ties: a hash of each product,
    shape (items,); with the shopper's it decides which product of a basket counts as the last.
    """
    pairs = fold(dataset.interactions, len(dataset.catalogue))
    sizes = np.bincount(pairs.users, minlength=len(keys))
    able = np.flatnonzero((sizes >= MIN_PRODUCTS) & (keys < _GUARD_SHOPPERS))
    users = np.sort(able[np.argsort(keys[able], kind="stable")[:MAX_CASES]])
    if len(users) < MIN_CASES:
        nobody = np.zeros(0, np.int32)
        return GuardCases(dataset, nobody, nobody)
    items = np.empty(len(users), dtype=np.int32)
    for index, user in enumerate(users.tolist()):
        start = int(np.searchsorted(pairs.users, user))
        own = slice(start, start + int(sizes[user]))
        order = np.lexsort((tie_breaker(int(keys[user]), ties[pairs.items[own]]), pairs.first[own]))
        items[index] = pairs.items[own][order[-1]]
    hidden = np.full(len(keys), -1, dtype=np.int64)
    hidden[users] = items
    columns = dataset.interactions
    kept = select(columns, columns.items != hidden[columns.users])
    return GuardCases(replace(dataset, interactions=kept), users.astype(np.int32), items)


def marked(state: ModelState, cases: GuardCases) -> ModelState:
    """The state with a note in its manifest that these cases were hidden from it."""
    return ModelState(state.arrays, {**state.manifest, _HIDDEN: len(cases)})


def judge(
    candidate: ModelState, current: ModelState | None, cases: GuardCases, now: int, margin: float
) -> GuardDecision:
    """Whether the candidate may replace the current model.

    It may not when its NDCG@10 over the cases is lower by more than `margin` (a share of the current model's), beyond
    what chance explains. Both are asked for whole lists, as a shopper would get them at `now` (unix seconds); a product
    that a model does not know counts as not found. Without enough cases, or a current model that they were hidden from
    as well, the candidate has only to give whole lists.
    """
    recommender = Recommender.from_state(candidate)
    if (flaw := _flaw(candidate, recommender, now)) is not None:
        return GuardDecision(accepted=False, reason=flaw, metrics={})
    if not len(cases):
        return GuardDecision(
            accepted=True, reason="Too few shoppers to compare models by; it gives whole lists.", metrics={}
        )
    gains = _gains(recommender, cases, now)
    metrics = {"guard.ndcg@10": float(gains.mean()), "guard.shoppers": float(len(cases))}
    if current is None:
        return GuardDecision(accepted=True, reason="There is no other model.", metrics=metrics)
    if not current.manifest.get(_HIDDEN):
        return GuardDecision(
            accepted=True, reason="The model in use has seen what the guard asks for.", metrics=metrics
        )
    others = _gains(Recommender.from_state(current), cases, now)
    metrics["guard.current.ndcg@10"] = float(others.mean())
    difference = gains - others
    error = _SURE * float(difference.std(ddof=1)) / np.sqrt(len(cases))
    worse = bool(difference.mean() + error < -margin * others.mean())
    measured = (
        f"NDCG@10 is {gains.mean():.4f}, that of the model in use {others.mean():.4f}, "
        f"over the next products of {len(cases)} shoppers"
    )
    limit = f"{measured}: worse by more than the margin of {margin:.0%}." if worse else f"{measured}."
    return GuardDecision(accepted=not worse, reason=limit, metrics=metrics)


def _flaw(state: ModelState, recommender: Recommender, now: int) -> str | None:
    """What is wrong with its numbers, or with lists for a newcomer and for one who bought what a newcomer is shown."""
    for name, array in state.arrays.items():
        # A product without a price has none.
        if array.dtype.kind == "f" and name not in {"items.prices", "items.ratings"} and np.isnan(array).any():
            return f"It has numbers that are not finite, in {name}."
    history = History(np.zeros(0, np.int32), np.zeros(0, np.int8), np.zeros(0, np.int64))
    for _ in range(2):
        wanted = min(_LIST, recommender.n_items)
        ranked = recommender.recommend(Query(Scenario.FOR_YOU, history, now, wanted, include_purchased=True))
        if len(ranked) < wanted or not all(np.isfinite(one.score) for one in ranked):
            return "It does not give whole lists with finite scores."
        items = np.array([one.item for one in ranked], dtype=np.int32)
        history = History(items, np.full(len(items), PURCHASE, np.int8), np.full(len(items), now, np.int64))
    return None


def _gains(recommender: Recommender, cases: GuardCases, now: int) -> NDArray[np.float64]:
    """1 / log2(rank + 1) of each hidden product, 0 beyond the tenth position, shape (cases,)."""
    index_of = {id_: index for index, id_ in enumerate(recommender.catalogue_ids)}
    index = np.array([index_of.get(id_, -1) for id_ in cases.dataset.catalogue.ids], dtype=np.int32)
    histories = Histories(cases.dataset.interactions)
    gains = np.zeros(len(cases))
    for case, (user, item) in enumerate(zip(cases.users.tolist(), cases.items.tolist(), strict=True)):
        seen = histories.of(user)
        items = index[seen.items]
        known = items >= 0
        history = History(items[known], seen.events[known], seen.times[known])
        listed = recommender.recommend(Query(Scenario.FOR_YOU, history, now, _LIST, diversity=0.0))
        ranks = [rank for rank, one in enumerate(listed, start=1) if one.item == index[item]]
        gains[case] = 1.0 / np.log2(ranks[0] + 1.0) if ranks else 0.0
    return gains
