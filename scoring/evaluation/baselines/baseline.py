"""What a baseline is to those who tune and measure it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.data.interactions import TrainingSet
    from scoring.evaluation.baselines.histories import Batch


class NothingToLearnError(Exception):
    """This model cannot learn anything from this data; the message says why."""


class Baseline(Protocol):
    """A model with its setting. Tuning tries `tried` one parameter after the other, keeping the best of each."""

    name: ClassVar[str]
    tried: ClassVar[Mapping[str, tuple[Any, ...]]]  # by field of the setting; the first is where the search begins
    at_request: ClassVar[frozenset[str]]  # fields that a fitted model may change without another fit
    stochastic: ClassVar[bool]  # whether two fits differ by their seeds
    for_repeats: ClassVar[bool]  # whether it only ranks what the user had before
    knows_new: ClassVar[bool]  # whether it can rank products that nobody has met yet

    @property
    def setting(self) -> Any:
        """A frozen dataclass; its defaults are the first of `tried`."""
        ...

    @classmethod
    def default(cls) -> Any:
        """The setting where the search begins."""
        ...

    @classmethod
    def fit(cls, data: TrainingSet, setting: Any, rng: Generator) -> Self:
        """Raises NothingToLearnError when the data has nothing that this model could use."""
        ...

    def scores(self, batch: Batch) -> NDArray[np.float32]:
        """Scores of all items for each history, shape (cases, items), finite; the caller may overwrite them."""
        ...
