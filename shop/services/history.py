"""What a shopper did, as the model reads it: the past from MongoDB, the last minutes from Redis."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from scoring.types import EVENT_CODES, EventType, History
from shop.bounded import BoundedDict
from shop.entities.events import Event, Topic
from shop.errors import UnavailableError
from shop.store.database import AWAY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shop.entities.users import Actor
    from shop.services.events import EventHub
    from shop.services.models import ActiveModel
    from shop.store.corrections import CorrectionStore
    from shop.store.interactions import InteractionStore
    from shop.store.sessions import Session, SessionEvent, SessionStore

_BASE_SECONDS = 600
_BASE_SECONDS_WITHOUT_SESSIONS = 3
_CAPACITY = 5_000

_CODES = {event.value: code for event, code in EVENT_CODES.items()}
_Row = tuple[str, str, str, int]  # id, product id, type, unix seconds


@dataclass(frozen=True, slots=True)
class ActorHistory:
    """A history in the active model's indexes. `stamp` changes whenever the history does."""

    history: History
    stamp: tuple[float, bytes] = (0.0, b"")
    last_event_at: datetime | None = None
    session_missing: bool = False
    past_missing: bool = False


@dataclass(frozen=True, slots=True)
class _Entry:
    rows: tuple[_Row, ...]  # the past as MongoDB had it, oldest first, without what does not count
    excluded: frozenset[str]  # ids of events that do not count
    mark: int  # the session's, when `rows` and `excluded` were read
    read_at: float
    head: bytes  # the newest session entry that `known` includes
    known: ActorHistory


class HistoryService:
    def __init__(
        self,
        interactions: InteractionStore,
        corrections: CorrectionStore,
        sessions: SessionStore,
        hub: EventHub,
        limit: int,
    ) -> None:
        hub.listen(Topic.DATA_IMPORTED, self._on_import)
        hub.listen(Topic.HISTORY_CORRECTED, self._on_correction)
        self._interactions = interactions
        self._corrections = corrections
        self._sessions = sessions
        self._limit = limit
        self._entries: BoundedDict[tuple[str, str], _Entry] = BoundedDict(_CAPACITY)
        self._sessions_were_away = False

    async def read(self, actor: Actor, model: ActiveModel) -> ActorHistory:
        """Never raises for a lost database: what is missing is flagged."""
        if actor.user_id is None and actor.session_id is None:
            return ActorHistory(_to_history([], model.recommender.index_of))
        head = await self._head(actor)
        cache_key = (model.version, actor.key)
        entry = self._entries.get(cache_key)
        if entry is None or time.monotonic() - entry.read_at > self._patience(head) or _has_lost(head, entry):
            entry = await self._read_past(actor, model, entry)
        if entry is None:
            return ActorHistory(_to_history([], model.recommender.index_of), past_missing=True)
        if head is not None and head != entry.head:
            entry = await self._add_session(actor, model, entry, head)
        self._entries.put(cache_key, entry)
        return replace(entry.known, session_missing=True) if head is None else entry.known

    def forget(self, *actor_keys: str) -> None:
        """Reads the actors' past anew next time; for when the session state could not be updated."""
        forgotten = set(actor_keys)
        for key in [key for key in self._entries if key[1] in forgotten]:
            self._entries.pop(key, None)

    async def _on_correction(self, event: Event) -> None:
        """The session's mark has the same effect, and sooner, unless it was lost with the session."""
        self.forget(event.subject)

    async def _on_import(self, _event: Event) -> None:
        self._entries.clear()

    async def _head(self, actor: Actor) -> bytes | None:
        try:
            head = await self._sessions.head(actor.key)
        except UnavailableError:
            self._sessions_were_away = True
            return None
        if self._sessions_were_away:  # events of the outage never reached the sessions
            self._entries.clear()
            self._sessions_were_away = False
        return head

    def _patience(self, head: bytes | None) -> float:
        return _BASE_SECONDS if head is not None else _BASE_SECONDS_WITHOUT_SESSIONS

    async def _read_past(self, actor: Actor, model: ActiveModel, before: _Entry | None) -> _Entry | None:
        read_at = time.monotonic()
        try:
            documents, excluded = await asyncio.gather(
                self._interactions.recent(actor, self._limit), self._corrections.excluded_of(actor)
            )
        except UnavailableError:
            again = read_at - _BASE_SECONDS + AWAY_SECONDS
            return replace(before, read_at=again) if before else None
        rows = tuple(
            (document["_id"], document["productId"], document["type"], int(document["at"].timestamp()))
            for document in reversed(documents)
            if document["_id"] not in excluded
        )
        return _Entry(rows, excluded, 0, read_at, b"", _known(rows, (read_at, b""), model))

    async def _add_session(self, actor: Actor, model: ActiveModel, entry: _Entry, head: bytes) -> _Entry:
        try:
            session = await self._sessions.read(actor.key)
        except UnavailableError:
            return entry
        if session.mark != entry.mark or _reaches_beyond(session, entry):
            entry = replace(await self._read_past(actor, model, entry) or entry, mark=session.mark)
        rows = _merge(entry, session.events)[-self._limit :]
        return replace(entry, head=head, known=_known(rows, (entry.read_at, head), model))


def _has_lost(head: bytes | None, entry: _Entry) -> bool:
    """Whether the session was emptied (it expired, or Redis lost it) since its events were added to this entry."""
    return head == b"" and entry.head != b""


def _reaches_beyond(session: Session, entry: _Entry) -> bool:
    """Whether more happened than the session holds, so that the rest is in MongoDB alone."""
    if not session.full or not session.events:
        return session.full
    oldest = session.events[0].id
    return oldest not in entry.excluded and oldest not in {row[0] for row in entry.rows}


def _merge(entry: _Entry, events: Sequence[SessionEvent]) -> list[_Row]:
    known = entry.excluded | {row[0] for row in entry.rows}
    fresh = [(event.id, event.product_id, event.type, event.at) for event in events if event.id not in known]
    return sorted([*entry.rows, *fresh], key=lambda row: row[3])


def _known(rows: Sequence[_Row], stamp: tuple[float, bytes], model: ActiveModel) -> ActorHistory:
    last = datetime.fromtimestamp(rows[-1][3], UTC) if rows else None
    return ActorHistory(_to_history(rows, model.recommender.index_of), stamp, last)


def _to_history(rows: Sequence[_Row], index_of: Mapping[str, int]) -> History:
    """Products that the model does not know yet are left out."""
    known = [(index_of[product], _CODES[type_], at) for _, product, type_, at in rows if product in index_of]
    columns = np.array(known, dtype=np.int64).reshape(-1, 3)
    return History(columns[:, 0].astype(np.int32), columns[:, 1].astype(np.int8), columns[:, 2])


def with_behavior(
    history: History, index_of: Mapping[str, int], viewed: Sequence[str], purchased: Sequence[str], now: int
) -> History:
    """The history with what the page tells of on top of it, as if it happened just now. A purchase that the history has
    already is no other one."""
    bought = set(history.items[history.events == EVENT_CODES[EventType.PURCHASE]].tolist())
    extra = [(index_of[id_], EVENT_CODES[EventType.VIEW]) for id_ in viewed if id_ in index_of]
    extra += [
        (index_of[id_], EVENT_CODES[EventType.PURCHASE])
        for id_ in dict.fromkeys(purchased)
        if id_ in index_of and index_of[id_] not in bought
    ]
    if not extra:
        return history
    items, events = zip(*extra, strict=True)
    return History(
        np.concatenate([history.items, np.array(items, dtype=np.int32)]),
        np.concatenate([history.events, np.array(events, dtype=np.int8)]),
        np.concatenate([history.times, np.full(len(items), now, dtype=np.int64)]),
        told=len(items),
    )
