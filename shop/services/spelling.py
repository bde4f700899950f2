"""The words that the catalogue uses, kept in memory for searches that are not spelled as the shop does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from shop.entities.events import Event, Topic
from shop.errors import UnavailableError
from shop.search.vocabulary import LARGEST, Vocabulary

if TYPE_CHECKING:
    from shop.services.events import EventHub
    from shop.store.listing import ListingStore

_log = structlog.get_logger(__name__)
_REMEMBERED_CHANGES = 5_000


class SpellingService:
    """Reads all words once and after an import, and those of products that the event log names as changed."""

    def __init__(self, store: ListingStore, hub: EventHub) -> None:
        self._store = store
        self._vocabulary = Vocabulary({})
        self._stale = True
        self._changed: set[str] = set()
        self._reading = asyncio.Lock()
        hub.listen(Topic.PRODUCT_UPDATED, self._on_update)
        hub.listen(Topic.DATA_IMPORTED, self._on_import)

    async def warm(self) -> None:
        """Reads the words before somebody needs them."""
        try:
            vocabulary = await self.vocabulary()
        except UnavailableError:
            _log.warning("vocabulary_not_read")
        else:
            _log.info("vocabulary_read", words=len(vocabulary))

    async def vocabulary(self) -> Vocabulary:
        """As new as the events that have arrived. Raises UnavailableError."""
        async with self._reading:
            if self._stale or len(self._changed) > _REMEMBERED_CHANGES:
                await self._read_all()
            elif self._changed:
                await self._read_changed()
            return self._vocabulary

    async def _read_all(self) -> None:
        self._stale = False  # before the reading: what is announced during it may have come too late for it
        self._changed.clear()
        try:
            counts = await self._store.word_counts(LARGEST)
            self._vocabulary = await asyncio.to_thread(Vocabulary, counts)
        except BaseException:  # also of a client that has left
            self._stale = True
            raise

    async def _read_changed(self) -> None:
        ids = frozenset(self._changed)
        self._changed.clear()
        try:
            words = await self._store.words_of(ids)
        except BaseException:
            self._changed |= ids
            raise
        self._vocabulary.add(words)

    async def _on_update(self, event: Event) -> None:
        if len(self._changed) <= _REMEMBERED_CHANGES:
            self._changed.add(event.subject)

    async def _on_import(self, _event: Event) -> None:
        self._stale = True
