"""The seam through which a long training keeps what it has finished, so that it can go on after an interruption."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Checkpoint(Protocol):
    """Finished stages by name. All of it belongs to one dataset, seed and configuration."""

    def get(self, stage: str) -> dict[str, NDArray[Any]] | None:
        """What an earlier run put under this name, or None: the stage has to be done."""
        ...

    def put(self, stage: str, arrays: dict[str, NDArray[Any]]) -> None:
        """Keeps the result of a stage; it is there whole or not at all."""
        ...
