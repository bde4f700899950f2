"""Reference lists: what the shelves of a shop usually hold, so that one score can be compared with another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from scoring.data.state import ModelState
from scoring.evaluation.splitting import Histories
from scoring.ranking.query import Query
from scoring.ranking.recommender import Recommender
from scoring.ranking.scales import quantiles_of
from scoring.types import History, Scenario

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.data.interactions import TrainingSet

_SHOPPERS = 200
_PLACES = 20  # of each list: as many as pages show
_NEWCOMER = 3  # products that are known of a newcomer at most
_CART = 3
_LATER = 3_600  # seconds after which a visit is over
_SAME_FOR_ALL = (Scenario.POPULAR, Scenario.TRENDING)
_OF_HISTORY = (Scenario.BUY_AGAIN, Scenario.RECENTLY_VIEWED)


def with_scales(state: ModelState, data: TrainingSet, seed: int) -> ModelState:
    """The state with the scales of all shelves in its manifest, measured on lists for sampled shoppers."""
    recommender = Recommender.from_state(state)
    strengths: dict[str, list[NDArray[np.float32]]] = {}
    for query in _reference_lists(data, np.random.default_rng([seed, 20])):
        shelf, found = recommender.strengths(query)
        strengths.setdefault(shelf, []).append(found)
    scales = {shelf: quantiles_of(np.concatenate(lists)) for shelf, lists in sorted(strengths.items())}
    kept = {shelf: quantiles for shelf, quantiles in scales.items() if quantiles}
    return ModelState(state.arrays, {**state.manifest, "score_scales": kept})


def _reference_lists(data: TrainingSet, rng: Generator) -> Iterator[Query]:
    """Each question and each scenario for shoppers drawn evenly, seed products drawn by what was done with them."""
    nobody = History(np.zeros(0, np.int32), np.zeros(0, np.int8), np.zeros(0, np.int64))
    plain = Query(Scenario.POPULAR, nobody, data.now, _PLACES, diversity=0.0)
    for scenario in _SAME_FOR_ALL:
        yield replace(plain, scenario=scenario)
    columns = data.interactions
    known = np.unique(columns.users)
    if not len(known):
        return
    histories = Histories(columns)
    drawn = np.sort(rng.choice(known, min(_SHOPPERS, len(known)), replace=False))
    seeds = columns.items[rng.integers(0, len(columns.items), len(drawn))]
    for number, (user, seed) in enumerate(zip(drawn.tolist(), seeds.tolist(), strict=True)):
        yield from _lists_of(replace(plain, history=histories.of(user)), number, seed)


def _lists_of(query: Query, number: int, seed: int) -> Iterator[Query]:
    history, last = query.history, int(query.history.times.max())
    in_visit = replace(query, now=last)
    later = replace(query, now=query.now + _LATER)
    # A newcomer is somebody of whom no product is known, or one, two, three: one after the other.
    few = number % (_NEWCOMER + 1)
    first = History(history.items[:few], history.events[:few], history.times[:few])
    for asked in (replace(later, history=first), later, replace(later, include_purchased=True), in_visit):
        yield replace(asked, scenario=Scenario.FOR_YOU)
    yield replace(in_visit, scenario=Scenario.NEXT_IN_SESSION)
    cart = tuple(dict.fromkeys(history.items[::-1].tolist()))[:_CART]
    shelves = (
        (Scenario.SIMILAR, (seed,)),
        (Scenario.BOUGHT_TOGETHER, (seed,)),
        (Scenario.CART, cart),
        *((scenario, ()) for scenario in _OF_HISTORY),
    )
    for scenario, products in shelves:
        yield replace(query, scenario=scenario, seeds=products)
