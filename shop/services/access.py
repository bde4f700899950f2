"""Who a request is from: access tokens of our own, API keys, tokens of other issuers, and `X-User` in development.

What was found is kept in memory for seconds; the event log tells at once when a sign-in, a key or a role has ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shop.bounded import BoundedDict
from shop.entities.events import Topic
from shop.entities.users import Role, User, Viewer
from shop.errors import UnauthenticatedError, UnavailableError
from shop.services.api_keys import LOOKS_LIKE_KEY
from shop.store.documents import stored_time

if TYPE_CHECKING:
    from shop.entities.events import Event
    from shop.entities.identity import ExternalIdentity
    from shop.services.api_keys import ApiKeyService
    from shop.services.events import EventHub
    from shop.services.external_identity import ExternalIdentities
    from shop.services.signing_keys import SigningKeys
    from shop.services.users import UserService
    from shop.store.sign_ins import SignInStore

_KNOWN_SECONDS = 30  # for which a sign-in that was alive counts as alive, unless an event says otherwise
_LOOK_SECONDS = 10  # between two looks at whether an open stream may go on, for events that were lost
_SIGN_IN_AGAIN = "You have been signed out; sign in again."


class AccessService:
    def __init__(
        self,
        users: UserService,
        sign_ins: SignInStore,
        keys: SigningKeys,
        api_keys: ApiKeyService,
        outside: ExternalIdentities,
        hub: EventHub,
        *,
        development: bool,
    ) -> None:
        self._users = users
        self._sign_ins = sign_ins
        self._keys = keys
        self._api_keys = api_keys
        self._outside = outside
        self._hub = hub
        self._development = development
        self._ends = 0
        self._ended: BoundedDict[str, None] = BoundedDict(50_000)
        self._alive: BoundedDict[str, float] = BoundedDict(50_000)  # sign-ins, and until when they count as alive
        hub.listen(Topic.SIGN_IN_ENDED, self._on_end)

    async def viewer(self, authorization: str | None, x_user: str | None) -> Viewer | None:
        """The viewer that the headers name, None for an anonymous one. Raises UnauthenticatedError."""
        if authorization:
            scheme, _, token = authorization.partition(" ")
            if scheme.lower() != "bearer" or not token.strip():
                raise UnauthenticatedError("Send `Authorization: Bearer <token>`.")
            return await self.of_token(token.strip())
        if x_user is None:
            return None
        if not self._development:
            raise UnauthenticatedError("X-User is for development only. Send `Authorization: Bearer <token>` instead.")
        return await self._named(x_user)

    def knows(self, authorization: str) -> bool:
        """Whether its token was found to be valid before, so that looking at it costs next to nothing."""
        token = authorization.partition(" ")[2].strip()
        return self._keys.has_verified(token) or self._api_keys.knows(token) or self._outside.knows(token)

    async def of_token(self, token: str) -> Viewer:
        """Raises UnauthenticatedError for a token that lets nobody in now."""
        if token.startswith(LOOKS_LIKE_KEY):
            return await self._api_keys.viewer(token)
        if not self._keys.has_verified(token) and self._outside.issuer_of(token) is not None:
            return await self._of_identity(await self._outside.identify(token))
        claims = self._keys.verify(token)
        await self._require_alive(claims.session_id)
        viewer = Viewer(claims.user_id, Role.SHOPPER, claims.expires_at, claims.session_id)
        return await self._with_role(viewer)

    async def ended(self, viewer: Viewer) -> str:
        """Waits until the viewer may no longer go on as they are, and says why."""
        while True:
            if (reason := await self._reason(viewer)) is not None:
                return reason
            left = float("inf") if viewer.expires_at is None else viewer.expires_at - time.time()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(max(left, 0), _LOOK_SECONDS)):
                    await self._hub.next_of(_interests(viewer))

    async def _reason(self, viewer: Viewer) -> str | None:
        """Why the viewer may not go on. While the databases are away nobody is shut out."""
        if viewer.expires_at is not None and viewer.expires_at <= time.time():
            return "The token has expired"
        try:
            now = await self._again(viewer)
        except UnauthenticatedError as error:
            return error.message.partition(";")[0]
        except UnavailableError:
            return None
        return None if (now.role, now.scopes) == (viewer.role, viewer.scopes) else "The role has changed"

    async def _again(self, viewer: Viewer) -> Viewer:
        """The same viewer as of now. Raises UnauthenticatedError, UnavailableError."""
        if viewer.key_id is not None:
            return await self._api_keys.again(viewer.key_id)
        if viewer.session_id is not None:
            await self._require_alive(viewer.session_id, strictly=True)
        user = await self._users.user(viewer.user_id)
        if user is None:
            raise UnauthenticatedError("There is no such user.")
        return replace(viewer, role=user.role)

    async def _require_alive(self, session_id: str, *, strictly: bool = False) -> None:
        """Raises UnauthenticatedError for a sign-in that has ended. While MongoDB is away a token that is valid is
        enough, unless this is asked strictly: then it raises UnavailableError."""
        if session_id in self._ended:  # known also while MongoDB is away
            raise UnauthenticatedError(_SIGN_IN_AGAIN)
        if self._alive.get(session_id, float("-inf")) > time.monotonic():
            return
        ends = self._ends
        try:
            session = await self._sign_ins.get(session_id)
        except UnavailableError:
            if strictly:
                raise
            return
        if session is None or session.ended_at is not None or session.expires_at <= datetime.now(UTC):
            self._ended.put(session_id, None)  # it is looked up once
            raise UnauthenticatedError(_SIGN_IN_AGAIN)
        if ends == self._ends:  # else what was read may be older than an end that an event announced
            self._alive.put(session_id, time.monotonic() + _KNOWN_SECONDS)

    async def _with_role(self, viewer: Viewer) -> Viewer:
        """With the role that the user has now; while MongoDB is away and the user was never read, a shopper's."""
        try:
            user = await self._users.user(viewer.user_id)
        except UnavailableError:
            return viewer
        if user is None:
            raise UnauthenticatedError(_SIGN_IN_AGAIN)
        return viewer if user.role is viewer.role else replace(viewer, role=user.role)

    async def _of_identity(self, identity: ExternalIdentity) -> Viewer:
        """A user whom an issuer names for the first time is made. Where it says roles, its newest token counts."""
        viewer = Viewer(identity.user_id, Role.SHOPPER, identity.expires_at)
        try:
            user = await self._users.user(identity.user_id)
            if user is None:
                issued_at = _moment(identity.issued_at or 0)
                new = User(
                    identity.user_id,
                    identity.email,
                    identity.display_name,
                    role=identity.role or Role.SHOPPER,
                    created_at=datetime.now(UTC),
                    role_issued_at=issued_at if identity.role else None,
                )
                user = await self._users.first_seen(new, issued_at)
            if identity.role is not None and identity.issued_at is not None:
                user = await self._users.follow_issuer(user, identity.role, _moment(identity.issued_at))
        except UnavailableError:
            return viewer
        return replace(viewer, role=user.role)

    async def _named(self, user_id: str) -> Viewer:
        """`X-User` is typed by hand, so an unknown name is an error."""
        try:
            user = await self._users.user(user_id)
        except UnavailableError:
            return Viewer(user_id, Role.SHOPPER)
        if user is None:
            raise UnauthenticatedError(f"There is no user {user_id!r}. `whybuy users create` makes one.")
        return Viewer(user.id, user.role)

    def forget(self, session_id: str) -> None:
        """For a sign-in that has ended."""
        self._ends += 1
        self._alive.pop(session_id, None)
        self._ended.put(session_id, None)

    async def _on_end(self, event: Event) -> None:
        self.forget(event.subject)


def _moment(issued_at: float) -> datetime:
    return stored_time(datetime.fromtimestamp(issued_at, UTC))


def _interests(viewer: Viewer) -> list[tuple[Topic, str | None]]:
    interests: list[tuple[Topic, str | None]] = [
        (Topic.USER_UPDATED, viewer.user_id),
        (Topic.USER_ERASED, viewer.user_id),
    ]
    if viewer.session_id is not None:
        interests.append((Topic.SIGN_IN_ENDED, viewer.session_id))
    if viewer.key_id is not None:
        interests.append((Topic.API_KEY_REVOKED, viewer.key_id))
    return interests
