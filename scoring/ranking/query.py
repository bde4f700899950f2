"""What a caller asks the recommender for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scoring.types import Caps, ItemFilter, Tastes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from scoring.exploration.bandit import BanditState
    from scoring.types import Component, History, Ruling, Scenario


@dataclass(frozen=True, slots=True)
class Query:
    """One request to the recommender. `now` is unix seconds; `seed` makes exploration reproducible."""

    scenario: Scenario
    history: History
    now: int
    limit: int
    seeds: tuple[int, ...] = ()  # the products of SIMILAR, BOUGHT_TOGETHER and CART, as indexes
    exclude: tuple[int, ...] = ()
    include_purchased: bool = False
    diversity: float = 0.2  # 0 to 1
    filter: ItemFilter = field(default_factory=ItemFilter)
    available: NDArray[np.bool_] | None = None  # (items,): what may be shown, say by stock
    rules: Ruling | None = None  # of the shop's rules that apply
    caps: Caps = field(default_factory=Caps)
    tastes: Tastes = field(default_factory=Tastes)
    local_hour: int | None = None  # 0 to 23
    device: str | None = None
    exploration_share: float = 0.0  # of the list's positions, 0 to 1
    seed: int = 0
    weights: dict[Component, float] | None = None  # None: the snapshot's own
    bandit: BanditState | None = None  # learned from clicks; None: exploration draws evenly
