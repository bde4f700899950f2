"""Products that the shop pins to a position."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from scoring.types import Ruling


def place_pins(ruling: Ruling, limit: int, showable: NDArray[np.bool_]) -> dict[int, int]:
    """Position from 1 to item, for the pins of a list of `limit` places that may be shown.

    Where two want the same position, the one that decides first gets it and the other the next free one.
    """
    placed: dict[int, int] = {}
    for item, wished in ruling.pins:
        if not showable[item] or item in placed.values():
            continue
        position = next((one for one in range(wished, limit + 1) if one not in placed), None)
        if position is not None:
            placed[position] = item
    return placed
