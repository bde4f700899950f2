"""Splitting by evaluation protocol: what is hidden from training, from whom, and what counts as found.

Every protocol can be nested: `split(split(data).train)` hides the next layer, which is how settings are chosen without
a look at the test. In a basket all events have one time: which comes last there is decided by a hash of shopper,
product and seed, never by their order in the data, which a model could learn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from scoring.data.interactions import DAY, PURCHASE, Pairs, fold
from scoring.data.ties import tie_breaker
from scoring.evaluation.protocol import EvaluationProtocol
from scoring.types import History

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from scoring.data.dataset import Dataset, Interactions

TEST_SHARE = 0.2  # of the time span (temporal, new-items)
VALIDATION_SHARE = 0.125  # of what is left of it: 70 to 80 % of the whole
MIN_PRODUCTS = 5
_MIN_DAYS = 3
_COLD_USERS = 0.2
_COLD_GIVEN = 3
_COLD_HELD_OUT = 5
_MOST_EVENTS_LATER = 0.25
_TAIL = 5  # a fifth of a shopper's products
_LONGEST_TAIL = 10


@dataclass(frozen=True, slots=True)
class EvaluationCase:
    """One user's test: what is known of them, and what they went on to take."""

    user: int
    history: History  # oldest first
    held_out: NDArray[np.int32]  # distinct products
    now: int  # unix seconds at which the list is asked for


@dataclass(frozen=True, slots=True)
class EvaluationCases:
    """The tests of all users of a split; case i has `held_out[held_out_starts[i]:held_out_starts[i + 1]]`."""

    protocol: EvaluationProtocol
    users: NDArray[np.int32]  # (cases,)
    now: NDArray[np.int64]  # (cases,)
    held_out_starts: NDArray[np.int64]  # (cases + 1,)
    held_out: NDArray[np.int32]
    candidates: NDArray[np.bool_] | None  # (items,): what is ranked, None for all
    ties: NDArray[np.uint32]  # (items,): a hash of each product, the order among equals
    _histories: Histories

    def __len__(self) -> int:
        return len(self.users)

    def __iter__(self) -> Iterator[EvaluationCase]:
        return (self.case(index) for index in range(len(self)))

    def case(self, index: int) -> EvaluationCase:
        user = int(self.users[index])
        held_out = self.held_out[self.held_out_starts[index] : self.held_out_starts[index + 1]]
        return EvaluationCase(user, self._histories.of(user), held_out, int(self.now[index]))

    def some(self, most: int, seed: int) -> EvaluationCases:
        """At most `most` of the cases, drawn evenly."""
        if len(self) <= most:
            return self
        return self.rows(np.sort(np.random.default_rng([seed, 7]).choice(len(self), most, replace=False)))

    def rows(self, chosen: NDArray[np.int64]) -> EvaluationCases:
        """Some of the cases, by number."""
        rows = [self.held_out[self.held_out_starts[one] : self.held_out_starts[one + 1]] for one in chosen.tolist()]
        return replace(
            self,
            users=self.users[chosen],
            now=self.now[chosen],
            held_out_starts=np.r_[0, np.cumsum([len(row) for row in rows])],
            held_out=np.concatenate([*rows, np.zeros(0, np.int32)]),
        )


@dataclass(frozen=True, slots=True)
class Split:
    """What may be learnt from, and the cases."""

    train: Dataset
    cases: EvaluationCases


class Histories:
    """The events of each user, oldest first, looked up without a pass over the data."""

    def __init__(self, interactions: Interactions) -> None:
        self._order = np.lexsort((interactions.times, interactions.users))
        self._starts = np.searchsorted(interactions.users[self._order], np.arange(interactions.n_users + 1))
        self._columns = interactions

    def of(self, user: int) -> History:
        own = self._order[self._starts[user] : self._starts[user + 1]]
        columns = self._columns
        return History(columns.items[own], columns.events[own], columns.times[own])


def split(
    dataset: Dataset,
    protocol: EvaluationProtocol,
    ties: NDArray[np.uint32],
    seed: int = 0,
    test_share: float = TEST_SHARE,
    most: int | None = None,
) -> Split:
    """Hides what the protocol says. ties: a hash of each product, shape (items,); `test_share` is of the time span.
    With `most`, nothing is hidden from more than so many users, where the protocol goes by users.

    A validation split is the same on `Split.train`, with VALIDATION_SHARE of the time.
    """
    if protocol is EvaluationProtocol.LEAVE_LAST_OUT:
        return _leave_last_out(dataset, ties, seed, most)
    if protocol is EvaluationProtocol.NEXT_BASKET:
        return _next_basket(dataset, ties, seed, most)
    if protocol is EvaluationProtocol.COLD_USERS:
        return _cold_users(dataset, ties, seed, most)
    return _temporal(dataset, protocol, ties, test_share)


def hold_out(dataset: Dataset, ties: NDArray[np.uint32], seed: int, most: int) -> tuple[Dataset, list[EvaluationCases]]:
    """One hidden layer for all protocols that a shop's lists need, so that one fit validates all of them: at most
    `most` cases of each, those of one protocol in one or two parts.

    Hidden are the end of the time (temporal), and of what came before it some users but for their first products
    (cold-users), the last shopping day of others (next-basket) and the last new product of the rest (leave-last-out).
    Those whose last day is hidden are asked for its last new product as well, with the others of that day given back.
    The weeks to come are asked about twice: with the end of the time, which may be a holiday or hold hardly anybody
    who was there before, and with the later products of the rest, whenever that was.
    """
    later = _temporal(dataset, EvaluationProtocol.TEMPORAL, ties, VALIDATION_SHARE, _MOST_EVENTS_LATER)
    cold = split(later.train, EvaluationProtocol.COLD_USERS, ties, seed, most=most // 2)
    basket = split(cold.train, EvaluationProtocol.NEXT_BASKET, ties, seed, most=most)
    train, last, tails = _last_met(cold.train, basket, ties, seed, most)
    return train, [cold.cases, basket.cases, last, later.cases.some(most // 2, seed), tails.some(most // 2, seed)]


def select(columns: Interactions, kept: NDArray[np.bool_]) -> Interactions:
    """The events where `kept` is true."""
    return replace(
        columns,
        users=columns.users[kept],
        items=columns.items[kept],
        events=columns.events[kept],
        times=columns.times[kept],
        quantities=columns.quantities[kept],
        orders=columns.orders[kept],
    )


def _last_met(
    dataset: Dataset, basket: Split, ties: NDArray[np.uint32], seed: int, most: int
) -> tuple[Dataset, EvaluationCases, EvaluationCases]:
    """The last new product of at most `most` users, those of `basket` first, and what may be learnt from then: without
    the days that are hidden there, and without the later products of those who are not of `basket`, who are asked for
    them as well. `dataset` holds all of it still."""
    last = _leave_last_out(dataset, ties, seed, None).cases
    n_items, columns = len(dataset.catalogue), basket.train.interactions
    keys = last.users.astype(np.int64) * n_items + last.held_out
    known = columns.users.astype(np.int64) * n_items + columns.items
    of_basket = np.isin(last.users, basket.cases.users)
    rest = np.flatnonzero(~of_basket)
    kept = np.flatnonzero(of_basket & ~np.isin(keys, known))
    rest = np.random.default_rng([seed, 9]).permutation(rest)
    wanted = max(most - len(kept), 0)
    chosen = np.sort(np.concatenate([kept, rest[:wanted]]))
    rest = rest[: max(wanted, most // 2)]
    pairs = _in_order(fold(columns, n_items), ties, seed)
    pairs = pairs.where(np.isin(pairs.users, last.users[rest]))
    hidden, visits = _tails(pairs, columns.n_users)
    users, items = pairs.users[hidden], pairs.items[hidden]
    train = select(columns, ~np.isin(known, users.astype(np.int64) * n_items + items))
    now = np.full(columns.n_users, np.iinfo(np.int64).max)
    np.minimum.at(now, users, pairs.first[hidden])
    before = select(train, train.times <= (now - visits)[train.users])
    later = _cases(EvaluationProtocol.TEMPORAL, ties, before, users, items, now[users])
    return replace(dataset, interactions=train), last.rows(chosen).some(most, seed), later


def _tails(pairs: Pairs, n_users: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which pairs are the last fifth of their user's, ten at most, shape (pairs,), and which users lose whole days,
    shape (users,): all that they first met on the day where the fifth begins, unless that is more than half of it.

    pairs: sorted by user and first meeting.
    """
    ends = np.searchsorted(pairs.users, np.arange(1, n_users + 1))
    sizes = np.diff(ends, prepend=0)
    begin = ends - np.minimum(np.maximum(sizes // _TAIL, 1), _LONGEST_TAIL)
    days = pairs.first // DAY
    begin_day = np.full(n_users, np.iinfo(np.int64).max)
    begin_day[sizes > 0] = days[begin[sizes > 0]]
    by_day = days >= begin_day[pairs.users]
    visits = 2 * np.bincount(pairs.users[by_day], minlength=n_users) <= sizes
    by_place = np.arange(len(pairs.users)) >= begin[pairs.users]
    return np.where(visits[pairs.users], by_day, by_place), visits


def _drawn(able: NDArray[np.bool_], most: int | None, seed: int) -> NDArray[np.bool_]:
    """At most `most` of the able users, drawn evenly; shape of `able`."""
    users = np.flatnonzero(able)
    if most is None or len(users) <= most:
        return able
    drawn = np.zeros_like(able)
    drawn[np.random.default_rng([seed, 5]).choice(users, most, replace=False)] = True
    return drawn


def _leave_last_out(dataset: Dataset, ties: NDArray[np.uint32], seed: int, most: int | None) -> Split:
    columns = dataset.interactions
    pairs = _in_order(fold(columns, len(dataset.catalogue)), ties, seed)
    ends = np.searchsorted(pairs.users, np.arange(1, columns.n_users + 1))
    sizes = np.diff(ends, prepend=0)
    last = ends[_drawn(sizes >= MIN_PRODUCTS, most, seed)] - 1
    users, items = pairs.users[last], pairs.items[last]
    newest = np.full(columns.n_users, np.iinfo(np.int64).min)  # products met before may be taken again later
    np.maximum.at(newest, columns.users, columns.times)
    hidden_of = np.full(columns.n_users, -1, dtype=np.int64)
    hidden_of[users] = items
    train = replace(dataset, interactions=select(columns, columns.items != hidden_of[columns.users]))
    return Split(
        train, _cases(EvaluationProtocol.LEAVE_LAST_OUT, ties, train.interactions, users, items, newest[users])
    )


def _next_basket(dataset: Dataset, ties: NDArray[np.uint32], seed: int, most: int | None) -> Split:
    columns = dataset.interactions
    bought = columns.events == PURCHASE
    shopping = bought if bought.any() else np.ones(len(bought), dtype=bool)
    days = columns.times // DAY
    last = np.full(columns.n_users, np.iinfo(np.int64).min)
    np.maximum.at(last, columns.users[shopping], days[shopping])
    user_days = np.unique(columns.users[shopping].astype(np.int64) * (1 << 32) + days[shopping] % (1 << 32))
    able = _drawn(np.bincount(user_days >> 32, minlength=columns.n_users) >= _MIN_DAYS, most, seed)
    hidden = able[columns.users] & (days >= last[columns.users])
    train = replace(dataset, interactions=select(columns, ~hidden))
    target = hidden & shopping
    held_out = np.unique(columns.users[target].astype(np.int64) * len(dataset.catalogue) + columns.items[target])
    first = np.full(columns.n_users, np.iinfo(np.int64).max)
    np.minimum.at(first, columns.users[hidden], columns.times[hidden])
    users, items = held_out // len(dataset.catalogue), held_out % len(dataset.catalogue)
    return Split(train, _cases(EvaluationProtocol.NEXT_BASKET, ties, train.interactions, users, items, first[users]))


def _temporal(
    dataset: Dataset, protocol: EvaluationProtocol, ties: NDArray[np.uint32], share: float, most_later: float = 1.0
) -> Split:
    columns = dataset.interactions
    n_items = max(len(dataset.catalogue), 1)
    times = columns.times
    start = int(times.min() + (1 - share) * (times.max() - times.min())) if len(times) else 0
    if len(times):  # a shop that grows fast has most of its events at the end
        start = max(start, int(np.quantile(times, 1 - most_later, method="lower")))
    before = times <= start
    train = replace(dataset, interactions=select(columns, before))
    old = np.unique(columns.users[before].astype(np.int64) * n_items + columns.items[before])
    later = np.unique(columns.users[~before].astype(np.int64) * n_items + columns.items[~before])
    fresh = later[~np.isin(later, old, assume_unique=True)]
    users, items = fresh // n_items, fresh % n_items
    keep = np.bincount(columns.users[before], minlength=columns.n_users)[users] > 0
    candidates = None
    if protocol is EvaluationProtocol.NEW_ITEMS:
        candidates = np.bincount(columns.items[before], minlength=n_items) == 0
        candidates &= np.bincount(columns.items[~before], minlength=n_items) > 0
        keep &= candidates[items]
    users, items = users[keep], items[keep]
    return Split(
        train, _cases(protocol, ties, train.interactions, users, items, np.full(len(users), start), candidates)
    )


def _cold_users(dataset: Dataset, ties: NDArray[np.uint32], seed: int, most: int | None) -> Split:
    columns = dataset.interactions
    pairs = _in_order(fold(columns, len(dataset.catalogue)), ties, seed)
    starts = np.searchsorted(pairs.users, np.arange(columns.n_users + 1))
    able = np.flatnonzero(np.diff(starts) > _COLD_GIVEN)
    drawn = np.random.default_rng([seed, 3]).permutation(able)[: round(_COLD_USERS * len(able))][:most]
    cold = np.zeros(columns.n_users, dtype=bool)
    cold[drawn] = True
    position = np.arange(len(pairs.users)) - starts[pairs.users]
    given = cold[pairs.users] & (position < _COLD_GIVEN)
    held_out = cold[pairs.users] & (position >= _COLD_GIVEN) & (position < _COLD_GIVEN + _COLD_HELD_OUT)
    # The three products as they were first met: what came later is not known yet.
    until = np.full(columns.n_users, -1, dtype=np.int64)
    np.maximum.at(until, pairs.users[given], pairs.first[given])
    known = _members(columns, pairs, given, len(dataset.catalogue)) & (columns.times <= until[columns.users])
    train = replace(dataset, interactions=select(columns, ~cold[columns.users]))
    users, items = pairs.users[held_out], pairs.items[held_out]
    return Split(train, _cases(EvaluationProtocol.COLD_USERS, ties, select(columns, known), users, items, until[users]))


def _members(columns: Interactions, pairs: Pairs, chosen: NDArray[np.bool_], n_items: int) -> NDArray[np.bool_]:
    """Which events belong to the chosen pairs."""
    keys = pairs.users[chosen].astype(np.int64) * n_items + pairs.items[chosen]
    return np.isin(columns.users.astype(np.int64) * n_items + columns.items, keys)


def _in_order(pairs: Pairs, ties: NDArray[np.uint32], seed: int) -> Pairs:
    """Sorted by user and first meeting; ties by a hash of user, product and seed."""
    hashed = tie_breaker(pairs.users.astype(np.int64) + np.int64(seed) * (1 << 33), ties[pairs.items])
    order = np.lexsort((hashed, pairs.first, pairs.users))
    return pairs.where(order)


def _cases(
    protocol: EvaluationProtocol,
    ties: NDArray[np.uint32],
    known: Interactions,
    users: NDArray[np.integer],
    items: NDArray[np.integer],
    now: NDArray[np.integer],
    candidates: NDArray[np.bool_] | None = None,
) -> EvaluationCases:
    """`users`, `items` and `now` hold one entry per hidden pair, sorted by user."""
    distinct, starts = np.unique(users, return_index=True)
    return EvaluationCases(
        protocol,
        users=distinct.astype(np.int32),
        now=now[starts].astype(np.int64),
        held_out_starts=np.r_[starts, len(users)].astype(np.int64),
        held_out=items.astype(np.int32),
        candidates=candidates,
        ties=ties,
        _histories=Histories(known),
    )
