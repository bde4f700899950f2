"""The pipeline from a query to a ranked list, over one trained model. Pure, deterministic, safe to share by threads."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from scoring.exploration.sampling import fixed_slots
from scoring.ranking.arrangement import Arrangement
from scoring.ranking.caps import fill_by_caps
from scoring.ranking.evidence import in_demand
from scoring.ranking.model import RankingModel
from scoring.ranking.personal import PersonalRanking
from scoring.ranking.pins import insert_pins, pinned
from scoring.ranking.reasons import Reasons
from scoring.ranking.request import Request
from scoring.ranking.retrieval import Retrieval
from scoring.ranking.scales import ShelfScales
from scoring.ranking.scenarios import Scenarios
from scoring.types import HISTORY_SCENARIOS, Scenario

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scoring.data.state import ModelState
    from scoring.ranking.query import Query
    from scoring.ranking.slate import Slate
    from scoring.types import RankedItem


class Recommender:
    """Ranks the catalogue of one snapshot. Items are numbered by their index in `catalogue_ids`."""

    def __init__(self, model: RankingModel) -> None:
        self.model = model
        self.weights = model.weights
        self.facts = model.facts
        self.index = model.facts.index
        self.catalogue_ids = self.index.ids
        self.index_of = {name: item for item, name in enumerate(self.catalogue_ids)}
        self.n_items = len(self.index)
        self.personal = PersonalRanking(model)
        self._scenarios = Scenarios(model, self.personal)
        self._reasons = Reasons(model.facts)
        self._retrieval = Retrieval(self._scenarios, self._reasons, self.index)
        self._arrangement = Arrangement(model, self.personal)
        self._scales = ShelfScales(model.scales, self.personal.question_of)

    @classmethod
    def from_state(cls, state: ModelState) -> Recommender:
        """Raises BrokenSnapshotError for a state that lacks something, say one of another version's training."""
        return cls(RankingModel.from_state(state))

    def recommend(self, query: Query) -> list[RankedItem]:
        """The list for a query, best first: `limit` products, fewer only where the filters leave fewer.

        What the scenario itself cannot fill, popular products fill, scored below the rest and with that reason; not so
        where the scenario promises the shopper's own history. Only FOR_YOU, NEXT_IN_SESSION and CART are diversified
        and explored. Pinned products are inserted last. Scores are on the scale that all shelves share.
        """
        if query.limit < 1 or not self.n_items:
            return []
        request = Request.of(query, self.index)
        pins = pinned(request, self._scenarios, self._scales)
        rest = request.limited(query.limit - len(pins)).after([one.item for one in pins.values()])
        return insert_pins(fill_by_caps(rest, self._list), pins)

    def strengths(self, query: Query) -> tuple[str, NDArray[np.float32]]:
        """The shelf whose scale a query's list has, and the strengths, best first, of what it would hold: before rules,
        diversity and exploration, and without what only fills it."""
        request = Request.of(query, self.index)
        scores = self._scenarios.candidates(request).scores[: query.limit]
        return self._scales.shelf_of(request), np.clip(scores, 0.0, 1.0)

    def _list(self, request: Request) -> list[RankedItem]:
        """What the scenario gives within the caps, then what popular products add within them."""
        slate, slots = self._arrangement.arrange(self._retrieval.candidates(request), request)
        reasons = self._reasons.of(slate, slots, request)
        slate = slate.on_scale(self._scales.of(request))
        listed = slate.ranked(slots, reasons)
        if len(slate) >= request.query.limit or request.query.scenario in HISTORY_SCENARIOS:
            return listed
        return listed + self._filler(slate, request)

    def _filler(self, slate: Slate, request: Request) -> list[RankedItem]:
        missing = request.query.limit - len(slate)
        asked = replace(request, query=replace(request.query, scenario=Scenario.POPULAR, limit=missing))
        found = self._retrieval.candidates(asked.after(slate.items.tolist()))
        found = found.take(np.arange(min(missing, len(found)))).on_scale(self._scales.popular).filling(slate)
        reasons = [[in_demand(self.facts, item)] for item in found.items.tolist()]
        return found.ranked(fixed_slots(len(found)), reasons)
