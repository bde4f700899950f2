"""Candidates of a request: those of its scenario, with their scores changed by the shop's rules, within the caps.

A FOR_YOU list is balanced as well: at most a part of it rests on one product of the history or on one reason, so that
a single purchase does not take over what a long taste, or everybody's, would show.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from scoring.ranking.caps import within_caps, within_share
from scoring.ranking.slate import POOL, unknown
from scoring.types import Scenario

if TYPE_CHECKING:
    from scoring.data.items import ItemIndex
    from scoring.ranking.reasons import Reasons
    from scoring.ranking.request import Request
    from scoring.ranking.scenarios import Scenarios
    from scoring.ranking.slate import Slate


class Retrieval:
    """Finds enough candidates for a list. Any choice among them keeps the caps."""

    def __init__(self, scenarios: Scenarios, reasons: Reasons, index: ItemIndex) -> None:
        self._scenarios = scenarios
        self._reasons = reasons
        self._index = index

    def candidates(self, request: Request) -> Slate:
        """Best first."""
        slate = self._within_caps(request)
        query = request.query
        known = len(request.profile) or len(request.profile.stated)
        if query.scenario is not Scenario.FOR_YOU or query.caps.per_seed < 1 or not known:
            return slate
        slate = self._balanced(slate, request)
        if len(slate) >= max(query.limit, POOL // 2):
            return slate
        # Too little rests on anything else: what anybody may be shown takes the other places.
        others = self._within_caps(request.of_a_stranger().after(slate.items.tolist()))
        others = replace(others, probabilities=unknown(len(others)))  # those that it has are a stranger's
        return self._balanced(slate.append_below(others), request)

    def _balanced(self, slate: Slate, request: Request) -> Slate:
        """Any choice among these keeps the cap on what rests on one product or reason."""
        grounds = self._reasons.grounds(slate, request)
        return slate.take(within_share(grounds, request.query.caps.per_seed))

    def _within_caps(self, request: Request) -> Slate:
        query = request.query
        slate = self._with_factors(request)
        codes = ((self._index.leaf, query.caps.per_category), (self._index.brand, query.caps.per_brand))
        capped = [(code, cap) for code, cap in codes if cap > 0]
        if not capped:
            return slate
        rows = within_caps(slate.items, request.listed, capped, len(slate))
        for wider in (20 * POOL, len(self._index)):
            if len(rows) >= query.limit or len(slate) >= len(self._index):
                break
            # Too few of the shortlist keep the caps.
            slate = self._with_factors(request.limited(wider))
            rows = within_caps(slate.items, request.listed, capped, max(POOL, query.limit))
        return slate.take(rows)

    def _with_factors(self, request: Request) -> Slate:
        """Any product with a factor may become the best, so all of them are asked for, not only a shortlist."""
        rules = request.query.rules
        changed = request.allowed & (rules.factors != 1.0) if rules is not None else None
        if rules is None or changed is None or not changed.any():
            return self._scenarios.candidates(request)
        plain = self._scenarios.candidates(request.among(request.allowed & ~changed))
        own = self._scenarios.candidates(request.among(changed).limited(int(np.count_nonzero(changed))))
        return plain.merge(own.scaled(rules.factors), max(len(plain), POOL, request.query.limit))
