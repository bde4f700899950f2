"""Candidates of a request: those of its scenario, with their scores changed by the shop's rules, within the caps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scoring.ranking.caps import within_caps
from scoring.ranking.slate import POOL

if TYPE_CHECKING:
    from scoring.data.items import ItemIndex
    from scoring.ranking.request import Request
    from scoring.ranking.scenarios import Scenarios
    from scoring.ranking.slate import Slate


class Retrieval:
    """Finds enough candidates for a list. Any choice among them keeps the caps."""

    def __init__(self, scenarios: Scenarios, index: ItemIndex) -> None:
        self._scenarios = scenarios
        self._index = index

    def candidates(self, request: Request) -> Slate:
        """Best first."""
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
