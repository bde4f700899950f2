"""The viewer of a request, from a signed token or, in development, a plain header; users and their preferences."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import jwt

from shop.bounded import BoundedDict
from shop.entities.events import Event, Topic
from shop.entities.users import Role, User, Viewer
from shop.errors import BadInputError, NotFoundError, UnauthenticatedError, UnavailableError
from shop.store.database import AWAY_SECONDS
from shop.values import RefusedValueError, clean_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection
    from types import EllipsisType

    from shop.entities.paging import Page, PageRequest
    from shop.entities.users import Preferences
    from shop.services.events import EventHub
    from shop.settings import Settings
    from shop.store.users import UserStore

_ALGORITHM = "HS256"
_ISSUER = "whybuy"
SECRET_BYTES = 32
_USER_SECONDS = 60


class UserService:
    """Users are kept in memory for a minute unless the event log has a change; longer while MongoDB is away."""

    def __init__(self, users: UserStore, hub: EventHub, settings: Settings) -> None:
        self._users = users
        self._hub = hub
        hub.listen(Topic.USER_UPDATED, self._on_update)
        self._development = settings.stack.env == "development"
        self._secret = settings.auth.secret.get_secret_value() if settings.auth.secret else None
        self._lifetime = timedelta(hours=settings.auth.token_hours)
        self._cache: BoundedDict[str, tuple[float, User | None]] = BoundedDict(20_000)

    def issue_token(self, user_id: str) -> str:
        """A signed token that names a viewer. Raises BadInputError without a strong enough AUTH_SECRET."""
        if self._secret is None or len(self._secret.encode()) < SECRET_BYTES:
            raise BadInputError(
                f"Set AUTH_SECRET to at least {SECRET_BYTES} bytes, such as the output of `openssl rand -hex 32`."
            )
        now = datetime.now(UTC)
        claims = {"sub": user_id, "iss": _ISSUER, "iat": now, "exp": now + self._lifetime}
        return jwt.encode(claims, self._secret, _ALGORITHM)

    async def viewer(self, authorization: str | None, x_user: str | None) -> Viewer | None:
        """The viewer that the headers name, None for an anonymous one. Raises UnauthenticatedError.

        A signed token is trusted: a user whom it names for the first time is made, as a shopper. X-User is typed by
        hand, so there an unknown name is an error.
        """
        if authorization:
            user_id, expires_at = self._claims(authorization)
            return replace(await self._viewer(user_id, self._first_seen), expires_at=expires_at)
        if x_user is None:
            return None
        if not self._development:
            raise UnauthenticatedError("X-User is for development only. Send `Authorization: Bearer <token>` instead.")
        return await self._viewer(x_user, self._unknown)

    async def user(self, user_id: str) -> User | None:
        """Raises UnavailableError only for a user who was never read before."""
        read_at, user = self._cache.get(user_id, (float("-inf"), None))
        if time.monotonic() - read_at < _USER_SECONDS:
            return user
        try:
            user = await self._users.get(user_id)
        except UnavailableError:
            if read_at == float("-inf"):
                raise
            self._cache.put(user_id, (time.monotonic() - _USER_SECONDS + AWAY_SECONDS, user))
            return user
        self._cache.put(user_id, (time.monotonic(), user))
        return user

    async def page(self, request: PageRequest) -> Page[User]:
        """All users, newest first."""
        return await self._users.page(request)

    async def count(self) -> int:
        return await self._users.count()

    async def newest(self, limit: int, role: Role | None = None) -> list[User]:
        """Users, those of one role or all."""
        return await self._users.newest(limit, role)

    async def create(self, user: User) -> None:
        """Raises BadInputError when there is a user with this id."""
        if not await self._users.create(user):
            raise BadInputError(f"There is a user {user.id!r} already.", field="id")
        await self._announce(user.id)

    async def set_role(self, user_id: str, role: Role) -> User:
        """Raises NotFoundError."""
        return await self._changed(user_id, found=await self._users.set_role(user_id, role))

    async def update_preferences(
        self, user_id: str, preferences: Preferences, *, locale: str | EllipsisType | None = ...
    ) -> User:
        """Also the language that texts are wanted in, None for no stated one; `...` leaves it. Raises NotFoundError."""
        found = await self._users.set_preferences(user_id, preferences, locale=locale)
        return await self._changed(user_id, found=found)

    async def _changed(self, user_id: str, *, found: bool) -> User:
        """The user as stored now; every process reads it anew."""
        if found:
            await self._announce(user_id)
        user = await self.user(user_id) if found else None
        if user is None:
            raise NotFoundError("user", user_id)
        return user

    async def _announce(self, user_id: str) -> None:
        self._cache.pop(user_id, None)
        with contextlib.suppress(UnavailableError):  # other processes read it within a minute all the same
            await self._hub.publish([Event(Topic.USER_UPDATED, user_id)])

    async def tell(self, user_ids: Collection[str]) -> None:
        """After a change of several users: every process reads them anew."""
        for user_id in user_ids:
            self._cache.pop(user_id, None)
        with contextlib.suppress(UnavailableError):  # other processes read them within a minute all the same
            await self._hub.publish([Event(Topic.USER_UPDATED, user_id) for user_id in user_ids])

    async def _on_update(self, event: Event) -> None:
        self._cache.pop(event.subject, None)

    async def _viewer(self, user_id: str, unknown: Callable[[str], Awaitable[User]]) -> Viewer:
        try:
            user = await self.user(user_id) or await unknown(user_id)
        except UnavailableError:
            return Viewer(user_id, Role.SHOPPER)
        return Viewer(user.id, user.role)

    async def _first_seen(self, user_id: str) -> User:
        new = User(user_id, created_at=datetime.now(UTC))
        await self._users.create(new)
        self._cache.pop(user_id, None)
        return await self.user(user_id) or new  # another process may have made it, with another role

    async def _unknown(self, user_id: str) -> User:
        raise UnauthenticatedError(f"There is no user {user_id!r}. `whybuy users create` makes one.")

    def _claims(self, authorization: str) -> tuple[str, float]:
        """The user whom the token names, and when it expires. Raises UnauthenticatedError."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise UnauthenticatedError("Send `Authorization: Bearer <token>`.")
        if self._secret is None:
            raise UnauthenticatedError("This server accepts no tokens: AUTH_SECRET is not set.")
        try:
            claims = jwt.decode(
                token.strip(), self._secret, [_ALGORITHM], issuer=_ISSUER, options={"require": ["exp", "sub"]}
            )
        except jwt.ExpiredSignatureError as error:
            raise UnauthenticatedError("The token has expired; sign in again.") from error
        except jwt.InvalidTokenError as error:
            raise UnauthenticatedError("The token is not valid; sign in again.") from error
        try:
            return clean_id(str(claims["sub"])), float(claims["exp"])
        except RefusedValueError as error:
            raise UnauthenticatedError(f"The token's `sub` is no user id. {error.message}") from error
