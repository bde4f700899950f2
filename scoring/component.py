"""The seam between the ensemble and its components."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.interactions import TrainingSet
    from scoring.profile import Profile


@runtime_checkable
class Scorer(Protocol):
    """A fitted component. Scores may be on any scale: the ensemble standardises them.

    A component that knows nothing about a profile returns equal scores for all items.
    """

    @property
    def config(self) -> Any:
        """A frozen dataclass of JSON-ready fields."""
        ...

    @classmethod
    def fit(cls, data: TrainingSet, config: Any, rng: Generator) -> Self:
        """Learns from the training set; all randomness comes from `rng`."""
        ...

    def scores(self, profile: Profile) -> NDArray[np.float32]:
        """Scores of all items for one profile, shape (items,), finite. Never changes the scorer."""
        ...

    def to_arrays(self) -> dict[str, NDArray[Any]]: ...

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]], config: Any) -> Self: ...
