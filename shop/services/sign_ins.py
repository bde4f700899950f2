"""Staying signed in: sign-ins and their tokens, from the first pair to signing out. Tokens are in no log."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog

from shop.entities.access import SignInSession, Tokens
from shop.entities.events import Event, Topic
from shop.errors import UnauthenticatedError, UnavailableError
from shop.store.documents import stored_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shop.services.access import AccessService
    from shop.services.events import EventHub
    from shop.services.signing_keys import SigningKeys
    from shop.settings import AuthSettings
    from shop.store.sign_ins import SignInStore

_log = structlog.get_logger(__name__)
_LONGEST_CLIENT = 200
_MOST_ALIVE = 100  # sign-ins of one user
_USED = "The refresh token is not valid: it is expired, or was used before. Sign in again."


@dataclass(frozen=True, slots=True)
class Door:
    """Where an attempt to get in comes from."""

    address: str
    client: str = ""  # the user agent


class SignInService:
    def __init__(
        self, store: SignInStore, access: AccessService, keys: SigningKeys, hub: EventHub, settings: AuthSettings
    ) -> None:
        self._sign_ins = store
        self._access = access
        self._keys = keys
        self._hub = hub
        self._settings = settings

    async def begin(self, user_id: str, door: Door) -> Tokens:
        """A new sign-in of somebody who has proved who they are; of very many the oldest end. Raises
        UnavailableError."""
        now, token = stored_time(datetime.now(UTC)), _new_token()
        client = " ".join(door.client.split())[:_LONGEST_CLIENT]
        session = SignInSession(_new_id(), user_id, now, now, self._refresh_until(), client)
        await self._sign_ins.begin(session, _hash(token))
        await self._tell(await self._sign_ins.end_oldest(user_id, _MOST_ALIVE))
        return self._tokens(session, token)

    async def refresh(self, refresh_token: str) -> tuple[str, Tokens]:
        """Whose it is, and a new pair for a refresh token, which is used up. One that was used before ends the sign-in
        it is from: it, or the one that came of it, is in wrong hands. Raises UnauthenticatedError, UnavailableError."""
        used, following = _hash(refresh_token), _new_token()
        session = await self._sign_ins.rotate(used, _hash(following), self._refresh_until())
        if session is None:
            await self._revoke_family(used)
            raise UnauthenticatedError(_USED)
        return session.user_id, self._tokens(session, following)

    async def end(self, user_id: str, *, only: str | None = None, but: str | None = None) -> int:
        """Ends the user's sign-ins, or one of them, or all but one; how many. What is open with them ends within
        seconds."""
        count = 0
        while ended := await self._sign_ins.end(user_id, only=only, but=but):
            await self._tell(ended)
            count += len(ended)
        return count

    async def end_of(self, refresh_token: str, *, everywhere: bool) -> int:
        """Ends the sign-in that a refresh token is from, or all of the same user, also for somebody whose access token
        has expired. A token that was used up ends no other sign-in than its own."""
        family = await self._sign_ins.family_of(_hash(refresh_token))
        if family is None or family[0].ended_at is not None:
            return 0
        session, is_used = family
        return await self.end(session.user_id, only=None if everywhere and not is_used else session.id)

    async def of_user(self, user_id: str) -> list[SignInSession]:
        """Those that are alive, the one used last first."""
        return await self._sign_ins.of_user(user_id)

    async def development_token(self, user_id: str, hours: float) -> str:
        """An access token of a sign-in of its own that cannot be refreshed."""
        now = stored_time(datetime.now(UTC))
        session = SignInSession(_new_id(), user_id, now, now, now + timedelta(hours=hours), "whybuy token")
        await self._sign_ins.begin(session, None)
        return self._keys.sign(user_id, session.id, hours * 3600)[0]

    def _tokens(self, session: SignInSession, refresh_token: str) -> Tokens:
        access, expires_at = self._keys.sign(session.user_id, session.id, self._settings.access_minutes * 60)
        return Tokens(access, refresh_token, datetime.fromtimestamp(expires_at, UTC), session.expires_at)

    def _refresh_until(self) -> datetime:
        return stored_time(datetime.now(UTC) + timedelta(days=self._settings.refresh_days))

    async def _revoke_family(self, token_hash: str) -> None:
        family = await self._sign_ins.family_of(token_hash)
        if family is not None and family[0].ended_at is None:
            _log.warning("refresh_token_used_again", session=family[0].id)
            await self.end(family[0].user_id, only=family[0].id)

    async def _tell(self, session_ids: Sequence[str]) -> None:
        for id_ in session_ids:
            self._access.forget(id_)
        try:
            await self._hub.publish([Event(Topic.SIGN_IN_ENDED, id_) for id_ in session_ids])
        except UnavailableError:  # other processes read it within half a minute all the same
            _log.warning("sign_out_not_announced", sessions=len(session_ids))


def _new_id() -> str:
    return uuid4().hex


def _new_token() -> str:
    return secrets.token_urlsafe(32)


def _hash(token: str) -> str:
    """Of 256 random bits: nothing slower is needed."""
    return hashlib.sha256(token.encode()).hexdigest()
