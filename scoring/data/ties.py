"""An order among equal scores that does not depend on the order of the catalogue, which a model could learn."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def tie_hashes(ids: Sequence[str]) -> NDArray[np.uint32]:
    """A hash of each product id: the order among equals that is the same for everybody."""
    return np.array([zlib.crc32(one.encode()) for one in ids], dtype=np.uint32)


def tie_breaker(user: int | NDArray[np.int64], items: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """A hash of user and product (splitmix64), shape of `items`: an order that differs from user to user."""
    with np.errstate(over="ignore"):
        salt = (np.asarray(user, dtype=np.int64).astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        mixed: NDArray[np.uint64] = items.astype(np.uint64) + salt
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
