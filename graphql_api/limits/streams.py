"""How many WebSockets and streams of events are open, by viewer and by address, in this process."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING

from shop.errors import CrowdedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shop.entities.users import Viewer
    from shop.settings import ApiSettings


class OpenStreams:
    def __init__(self, settings: ApiSettings) -> None:
        self._per_address = settings.max_sockets_per_address
        self._per_viewer = settings.max_sockets_per_viewer
        self._open: Counter[str] = Counter()

    @contextlib.contextmanager
    def of_address(self, address: str) -> Iterator[None]:
        """While it is open. Raises CrowdedError if the address has as many as it may."""
        with self._one_more(f"address:{address}", self._per_address):
            yield

    @contextlib.contextmanager
    def of_viewer(self, viewer: Viewer | None) -> Iterator[None]:
        """The same for a viewer; nobody is not counted."""
        if viewer is None:
            yield
            return
        with self._one_more(f"viewer:{viewer.user_id}", self._per_viewer):
            yield

    @contextlib.contextmanager
    def _one_more(self, key: str, most: int) -> Iterator[None]:
        if self._open[key] >= most:
            raise CrowdedError
        self._open[key] += 1
        try:
            yield
        finally:
            self._open[key] -= 1
            if self._open[key] <= 0:
                del self._open[key]
