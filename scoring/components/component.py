"""The interface between the ensemble and its components."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.data.interactions import TrainingSet
    from scoring.data.profile import Profile


_SPARSE = 0.3  # part of the products that a signal knows something about, below which the others are left out


@runtime_checkable
class Scorer(Protocol):
    """A fitted component. It gives one or more signals, each on a scale of its own: the ensemble standardises them and
    weights them.

    A signal without information about a profile is equal for all items.
    """

    SIGNALS: ClassVar[tuple[str, ...]]  # names, `what.view`
    DEFAULTS: ClassVar[dict[str, float]]  # weights of its signals where validation has not chosen; they sum to 1

    @property
    def config(self) -> Any:
        """A frozen dataclass of JSON-ready fields."""
        ...

    @classmethod
    def fit(cls, data: TrainingSet, config: Any, rng: Generator) -> Self:
        """Learns from the training set; all randomness comes from `rng`."""
        ...

    def blend(self, profile: Profile, weights: Mapping[str, float]) -> NDArray[np.float32]:
        """The weighted sum of its signals, each standardised over the catalogue; shape (items,), finite.

        weights: of some of its signals, at least one; of either sign, none is 0.
        """
        ...

    def signals(self, profile: Profile, wanted: Collection[str]) -> dict[str, NDArray[np.float32]]:
        """Those of its signals that are wanted, each of shape (items,), finite. Never changes the scorer; the arrays
        may be the scorer's own and are not to be written to."""
        ...

    def to_arrays(self) -> dict[str, NDArray[Any]]: ...

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]], config: Any) -> Self: ...


def moments(values: NDArray[np.float32]) -> tuple[np.float32, np.float32]:
    """Mean, and 1 / standard deviation; 0 for values that differ by no more than rounding."""
    if not len(values):
        return np.float32(0), np.float32(0)
    mean = values.mean(dtype=np.float32)
    centred = values - mean
    spread = np.sqrt(centred @ centred / np.float32(len(values)))
    if spread <= 1e-5 * abs(float(mean)) + 1e-12:
        return mean, np.float32(0)
    return mean, np.float32(1.0 / spread)


def standardised(values: NDArray[np.float32], mean: np.float32, scale: np.float32) -> NDArray[np.float32]:
    """The root of each z-score, with its sign: sums over a history have a few very large values, which would outweigh
    all other signals. The order stays."""
    scores = (values - mean) * scale
    roots: NDArray[np.float32] = np.sqrt(np.abs(scores))
    np.copysign(roots, scores, out=roots)
    return roots


def mixed(signals: Mapping[str, NDArray[np.float32]], weights: Mapping[str, float]) -> NDArray[np.float32]:
    """The weighted sum of standardised signals, shape (items,). A signal without information adds nothing.

    Most signals are 0 for most products: these share one value, and only the others are worked out.
    """
    total = np.zeros(len(next(iter(signals.values()))), dtype=np.float32)
    common = np.float32(0)
    for name, values in signals.items():
        known = np.flatnonzero(values)
        sparse = len(known) < _SPARSE * len(values)
        mean, scale = _moments_of_few(values[known], len(values)) if sparse else moments(values)
        if scale == 0:
            continue
        weight = np.float32(weights[name])
        if sparse:
            nothing = weight * standardised(np.zeros(1, np.float32), mean, scale)[0]
            common += nothing
            total[known] += weight * standardised(values[known], mean, scale) - nothing
        else:
            total += weight * standardised(values, mean, scale)
    total += common
    return total


def _moments_of_few(values: NDArray[np.float32], size: int) -> tuple[np.float32, np.float32]:
    """`moments` of `size` values, all others 0."""
    mean = np.float32(values.sum(dtype=np.float64) / size)
    centred = values - mean
    squares = float(centred @ centred) + (size - len(values)) * float(mean) ** 2
    spread = np.sqrt(squares / size)
    if spread <= 1e-5 * abs(float(mean)) + 1e-12:
        return mean, np.float32(0)
    return mean, np.float32(1.0 / spread)
