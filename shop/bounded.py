"""A dict that forgets its oldest entries."""

from __future__ import annotations

from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class BoundedDict(dict[K, V]):
    """Holds up to `capacity` entries, the ones put last. Reading is a plain dict's: an LRU's bookkeeping in Python
    costs more than all the look-ups of a list."""

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self._capacity = capacity

    def put(self, key: K, value: V) -> None:
        self.pop(key, None)
        self[key] = value
        if len(self) > self._capacity:
            del self[next(iter(self))]
