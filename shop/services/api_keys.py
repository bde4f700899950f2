"""API keys: how programs get in, each with the scopes that it needs and no more."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from shop.bounded import BoundedDict
from shop.entities.access import ApiKey
from shop.entities.events import Event, Topic
from shop.entities.users import Role, Viewer
from shop.errors import BadInputError, NotFoundError, UnauthenticatedError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Collection

    from shop.entities.access import Scope
    from shop.services.events import EventHub
    from shop.store.api_keys import ApiKeyStore

_log = structlog.get_logger(__name__)
LOOKS_LIKE_KEY = "wbk_"  # so that whoever searches for leaked secrets finds them
LONGEST_NAME = 100
LONGEST_LIFE_DAYS = 3_650
_ID_CHARACTERS = 16
_KNOWN_SECONDS = 30
_REFUSED = "The API key is not valid: it is unknown, revoked or expired."


class ApiKeyService:
    """Keys are kept in memory for half a minute, unless the event log says that one was revoked."""

    def __init__(self, store: ApiKeyStore, hub: EventHub) -> None:
        self._store = store
        self._hub = hub
        self._known: BoundedDict[str, tuple[float, ApiKey, str]] = BoundedDict(10_000)  # until when, key, hash
        self._revocations = 0
        self._noted: BoundedDict[str, float] = BoundedDict(10_000)
        self._noting: set[asyncio.Task[None]] = set()
        hub.listen(Topic.API_KEY_REVOKED, self._on_revoke)

    async def create(
        self, name: str, scopes: Collection[Scope], lifetime: timedelta | None, created_by: str | None
    ) -> tuple[ApiKey, str]:
        """A key, and the secret that its owner sends: it is nowhere stored. Raises BadInputError."""
        name = " ".join(name.split())
        if not 0 < len(name) <= LONGEST_NAME:
            raise BadInputError(f"A name has 1 to {LONGEST_NAME} characters.", field="name")
        if not scopes:
            raise BadInputError("A key without a scope opens nothing: name at least one.", field="scopes")
        if lifetime is not None and not timedelta(0) < lifetime <= timedelta(days=LONGEST_LIFE_DAYS):
            raise BadInputError(f"A key lives for 1 to {LONGEST_LIFE_DAYS:,} days.", field="expiresInDays")
        now = datetime.now(UTC)
        key = ApiKey(
            secrets.token_hex(_ID_CHARACTERS // 2),
            name,
            frozenset(scopes),
            now,
            created_by,
            now + lifetime if lifetime else None,
        )
        secret = f"{LOOKS_LIKE_KEY}{key.id}_{secrets.token_urlsafe(32)}"
        await self._store.create(key, _hash(secret))
        return key, secret

    async def all(self) -> list[ApiKey]:
        """Newest first, also those that open nothing any more."""
        return await self._store.all()

    async def revoke(self, key_id: str, actor_id: str | None) -> ApiKey:
        """Whoever uses the key is shut out within seconds. Raises NotFoundError."""
        key = await self._store.revoke(key_id, actor_id)
        if key is None:
            raise NotFoundError("API key", key_id)
        self._forget(key_id)
        try:
            await self._hub.publish([Event(Topic.API_KEY_REVOKED, key_id)])
        except UnavailableError:  # other processes read it within half a minute all the same
            _log.warning("revocation_not_announced", key=key_id)
        return key

    def knows(self, secret: str) -> bool:
        """Whether it is the secret of a key in memory."""
        _, _, stored = self._known.get(_id_of(secret), (0.0, None, ""))
        return hmac.compare_digest(stored, _hash(secret))

    async def viewer(self, secret: str) -> Viewer:
        """The program that the key is of. Raises UnauthenticatedError, UnavailableError."""
        key, stored = await self._find(_id_of(secret))
        if not hmac.compare_digest(stored, _hash(secret)):
            raise UnauthenticatedError(_REFUSED)
        self._note_use(key.id)
        return _viewer(key)

    async def again(self, key_id: str) -> Viewer:
        """The program of a key that was valid, if it is so still. Raises UnauthenticatedError, UnavailableError."""
        return _viewer((await self._find(key_id))[0])

    async def _find(self, key_id: str) -> tuple[ApiKey, str]:
        until, key, stored = self._known.get(key_id, (float("-inf"), None, ""))
        if key is None or until <= time.monotonic():
            revocations = self._revocations
            found = await self._store.get(key_id) if len(key_id) == _ID_CHARACTERS else None
            if found is None:
                raise UnauthenticatedError(_REFUSED)
            key, stored = found
            if revocations == self._revocations:  # else what was read may be from before the revocation
                self._known.put(key_id, (time.monotonic() + _KNOWN_SECONDS, key, stored))
        if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= datetime.now(UTC)):
            raise UnauthenticatedError(_REFUSED)
        return key, stored

    def _note_use(self, key_id: str) -> None:
        """In the background, once in half a minute."""
        if self._noted.get(key_id, float("-inf")) > time.monotonic():
            return
        self._noted.put(key_id, time.monotonic() + _KNOWN_SECONDS)
        task = asyncio.create_task(self._write_use(key_id))
        self._noting.add(task)
        task.add_done_callback(self._noting.discard)

    async def _write_use(self, key_id: str) -> None:
        try:
            await self._store.note_use(key_id)
        except UnavailableError:
            _log.info("use_of_key_not_noted", key=key_id)

    def _forget(self, key_id: str) -> None:
        self._revocations += 1
        self._known.pop(key_id, None)

    async def _on_revoke(self, event: Event) -> None:
        self._forget(event.subject)


def lifetime_of(days: int | None) -> timedelta | None:
    """Of whole days, however many somebody names: `create` refuses too few and too many."""
    return None if days is None else timedelta(days=min(max(days, 0), LONGEST_LIFE_DAYS + 1))


def _viewer(key: ApiKey) -> Viewer:
    expires_at = key.expires_at.timestamp() if key.expires_at else None
    return Viewer(key.actor_id, Role.SERVICE, expires_at, key_id=key.id, scopes=key.scopes)


def _id_of(secret: str) -> str:
    return secret.removeprefix(LOOKS_LIKE_KEY).partition("_")[0]


def _hash(secret: str) -> str:
    """Of 256 random bits: nothing slower is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()
