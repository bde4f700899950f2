"""What was asked, with all that follows from it: the one value that every step of the recommender takes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from scoring.data.profile import fold_history, seeds_profile
from scoring.types import PERSONAL_SCENARIOS, SEEDED_SCENARIOS, ItemFilter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from scoring.data.items import ItemIndex, Labels
    from scoring.data.profile import Profile
    from scoring.ranking.query import Query
    from scoring.types import Reason, Tastes

_NO_FILTER = ItemFilter()


@dataclass(frozen=True, slots=True)
class Request:
    """A query over one catalogue. Steps that need another one, say of fewer products, make it from this one."""

    query: Query
    profile: Profile
    seeds: NDArray[np.int32]  # distinct seed products of the catalogue; none unless the scenario starts from some
    allowed: NDArray[np.bool_]  # (items,): what the list may still take
    listed: tuple[int, ...] = ()  # what the list holds already, which counts towards the caps
    listed_reasons: tuple[Reason, ...] = ()

    @classmethod
    def of(cls, query: Query, index: ItemIndex) -> Request:
        profile = _profile(query, index)
        wanted = dict.fromkeys(query.seeds) if query.scenario in SEEDED_SCENARIOS else ()
        seeds = np.array([seed for seed in wanted if 0 <= seed < len(index)], dtype=np.int32)
        return cls(query, profile, seeds, _allowed(query, index, profile, seeds))

    @property
    def filtered(self) -> bool:
        return self.query.filter != _NO_FILTER

    def limited(self, limit: int) -> Request:
        """The same for a list of another length."""
        return replace(self, query=replace(self.query, limit=limit))

    def among(self, allowed: NDArray[np.bool_]) -> Request:
        """The same with these products alone."""
        return replace(self, allowed=allowed)

    def of_a_stranger(self) -> Request:
        """The same without the history, for what anybody may be shown."""
        known = replace(seeds_profile((), self.query.now), stated=self.profile.stated)
        return replace(self, profile=replace(known, local_hour=self.profile.local_hour))

    def after(self, items: Sequence[int], reasons: Sequence[Reason] = ()) -> Request:
        """The same for the rest of a list that holds these products already, with the first reason of each."""
        if not items:
            return self
        allowed = self.allowed.copy()
        allowed[list(items)] = False
        return replace(
            self, allowed=allowed, listed=(*self.listed, *items), listed_reasons=(*self.listed_reasons, *reasons)
        )


def stated_labels(index: ItemIndex, tastes: Tastes) -> tuple[tuple[Labels, tuple[str, ...]], ...]:
    """Stated names with the labels that they are names of."""
    return ((index.categories, tastes.categories), (index.brands, tastes.brands), (index.tags, tastes.tags))


def _profile(query: Query, index: ItemIndex) -> Profile:
    profile = fold_history(query.history, len(index), query.now)
    named = (*stated_labels(index, query.tastes), (index.categories, query.tastes.looked_at))
    stated = [labels.members(names) for labels, names in named if names]
    if stated:
        profile = replace(profile, stated=np.concatenate(stated))
    return replace(profile, local_hour=query.local_hour) if query.local_hour is not None else profile


def _allowed(query: Query, index: ItemIndex, profile: Profile, seeds: NDArray[np.int32]) -> NDArray[np.bool_]:
    allowed = np.ones(len(index), dtype=bool) if query.filter == _NO_FILTER else index.mask(query.filter)
    allowed[seeds] = False
    allowed[[item for item in query.exclude if 0 <= item < len(index)]] = False
    if query.scenario in PERSONAL_SCENARIOS and not query.include_purchased:
        allowed[profile.bought] = False
    if query.available is not None:
        allowed &= query.available
    if query.rules is not None:
        allowed &= ~query.rules.excluded
    return allowed
