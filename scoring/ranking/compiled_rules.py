"""Merchandising rules compiled against one catalogue, so that a request only decides which of them apply."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scoring.ranking.rules import RuleAction
from scoring.types import Ruling

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from scoring.data.items import ItemIndex
    from scoring.ranking.rules import Rule, RuleContext, Target


class CompiledRules:
    """Rules with their products found in one catalogue. Immutable, and safe to share between threads."""

    def __init__(self, rules: Iterable[Rule], index: ItemIndex, index_of: Mapping[str, int]) -> None:
        self._n_items = len(index)
        enabled = sorted((rule for rule in rules if rule.enabled), key=lambda rule: (-rule.priority, rule.id))
        self._rules = [(rule, _items(rule.target, index, index_of)) for rule in enabled]

    def applicable(self, now: int, context: RuleContext) -> tuple[int, ...]:
        """Positions of the rules that apply, the one that decides first; equal positions give an equal ruling."""
        return tuple(
            position
            for position, (rule, _) in enumerate(self._rules)
            if rule.schedule.holds(now) and rule.scope.admits(context)
        )

    def ruling(self, applied: Sequence[int]) -> Ruling | None:
        """None where no rule applies."""
        if not applied:
            return None
        excluded = np.zeros(self._n_items, dtype=bool)
        factors = np.ones(self._n_items, dtype=np.float32)
        pins: list[tuple[int, int]] = []
        applicable = [self._rules[position] for position in applied]
        for rule, items in applicable:
            if rule.action is RuleAction.EXCLUDE:
                excluded[items] = True
            elif rule.action is RuleAction.PIN:
                pins += [(item, rule.position + offset) for offset, item in enumerate(items.tolist())]
        for rule, items in reversed(applicable):  # the highest priority comes last and overwrites the others
            if rule.action in {RuleAction.BOOST, RuleAction.BURY}:
                factors[items] = rule.factor
        return Ruling(excluded, factors, tuple(pins))


def _items(target: Target, index: ItemIndex, index_of: Mapping[str, int]) -> NDArray[np.int32]:
    """Products in the order of the target, then the members of its labels; what the catalogue lacks is left out."""
    named = np.array([index_of[id_] for id_ in target.products if id_ in index_of], dtype=np.int32)
    kinds = ((index.categories, target.categories), (index.brands, target.brands), (index.tags, target.tags))
    return np.concatenate([named, *(labels.members(names) for labels, names in kinds)])
