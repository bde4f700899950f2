"""Users, their roles and preferences."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from shop.bounded import BoundedDict
from shop.entities.events import Event, Topic
from shop.entities.users import Role, User
from shop.errors import BadInputError, NotFoundError, UnauthenticatedError, UnavailableError
from shop.store.database import AWAY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime
    from types import EllipsisType

    from shop.entities.paging import Page, PageRequest
    from shop.entities.privacy import Shopper
    from shop.entities.users import Actor, Preferences
    from shop.services.events import EventHub
    from shop.store.erasures import ErasureStore
    from shop.store.users import UserStore

_USER_SECONDS = 60


class UserService:
    """Users are kept in memory for a minute unless the event log has a change; longer while MongoDB is away."""

    def __init__(self, users: UserStore, erasures: ErasureStore, hub: EventHub) -> None:
        self._users = users
        self._erasures = erasures
        self._hub = hub
        hub.listen(Topic.USER_UPDATED, self._on_update)
        self._changes = 0
        self._cache: BoundedDict[str, tuple[float, User | None]] = BoundedDict(20_000)
        self._erased: BoundedDict[str, float] = BoundedDict(20_000)

    async def user(self, user_id: str) -> User | None:
        """Raises UnavailableError only for a user who was never read before."""
        read_at, user = self._cache.get(user_id, (float("-inf"), None))
        if time.monotonic() - read_at < _USER_SECONDS:
            return user
        changes = self._changes
        try:
            user = await self._users.get(user_id)
        except UnavailableError:
            if read_at == float("-inf"):
                raise
            self._cache.put(user_id, (time.monotonic() - _USER_SECONDS + AWAY_SECONDS, user))
            return user
        if changes == self._changes:  # else what was read may be older than a change that an event announced
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
        await self.tell([user.id])

    async def set_role(self, user_id: str, role: Role, actor_id: str | None) -> User:
        """What is open with the role of before ends within seconds. Raises NotFoundError, and BadInputError for one's
        own role and for that of programs, which have API keys."""
        if user_id == actor_id:
            raise BadInputError("Another admin changes your role: so one is always left.", field="userId")
        if role is Role.SERVICE:
            raise BadInputError("A program gets in with an API key, not as a user: make it one.", field="role")
        return await self._changed(user_id, found=await self._users.set_role(user_id, role, actor_id))

    async def follow_issuer(self, user: User, role: Role, issued_at: datetime) -> User:
        """Sets the role that an issuer's token of that moment says, unless a later one, or an admin since then, has
        said something. Raises UnauthenticatedError for somebody who was erased meanwhile."""
        if user.role_issued_at is not None and user.role_issued_at >= issued_at:
            return user
        if await self._users.set_role(user.id, role, None, issued_at) and role is not user.role:
            await self.tell([user.id])
        self._forget(user.id)
        return await self._there(user.id)

    async def set_email(self, user_id: str, email: str, actor_id: str | None) -> User:
        """A checked address. Raises NotFoundError, and BadInputError for one that is somebody else's."""
        return await self._changed(user_id, found=await self._users.set_email(user_id, email, actor_id))

    async def update_preferences(
        self, user_id: str, preferences: Preferences, *, locale: str | EllipsisType | None = ...
    ) -> User:
        """Also the language that texts are wanted in, None for no stated one; `...` leaves it. Raises NotFoundError."""
        found = await self._users.set_preferences(user_id, preferences, locale=locale)
        return await self._changed(user_id, found=found)

    async def _changed(self, user_id: str, *, found: bool) -> User:
        """The user as stored now; every process reads it anew."""
        if found:
            await self.tell([user_id])
        user = await self.user(user_id) if found else None
        if user is None:
            raise NotFoundError("user", user_id)
        return user

    async def tell(self, user_ids: Collection[str]) -> None:
        """After a change of users: every process reads them anew."""
        for user_id in user_ids:
            self._forget(user_id)
        with contextlib.suppress(UnavailableError):  # other processes read them within a minute all the same
            await self._hub.publish([Event(Topic.USER_UPDATED, user_id) for user_id in user_ids])

    async def _on_update(self, event: Event) -> None:
        self._forget(event.subject)

    def forget(self, shopper: Shopper) -> None:
        """Drops what is known of a shopper who is being erased."""
        self._forget(shopper.user_id)
        self._erased.put(shopper.user_id, time.monotonic())

    def erased_after(self, user_id: str, moment: float) -> bool:
        """Whether this process has learnt after a moment (monotonic seconds) that the user is being erased."""
        return self._erased.get(user_id, float("-inf")) >= moment

    async def was_erased_since(self, actor: Actor, moment: datetime) -> bool:
        """Whether the actor was erased at that time or later. Raises UnavailableError."""
        return await self._erasures.actor_erased_since(actor.key, moment)

    async def first_seen(self, user: User, issued_at: datetime) -> User:
        """Makes a user whom a trusted token names for the first time. Raises UnauthenticatedError for one who was
        erased after the token was issued."""
        if await self._erasures.was_erased_since(user.id, issued_at):
            raise UnauthenticatedError("This account has been erased.")
        try:
            await self._users.create(user)
        except BadInputError:  # the address is another account's: who owns both has to say so there
            await self._users.create(replace(user, email=None))
        self._forget(user.id)
        return await self._there(user.id)  # as another process may have made it, with another role

    async def _there(self, user_id: str) -> User:
        user = await self.user(user_id)
        if user is None:
            raise UnauthenticatedError("This account has been erased.")
        return user

    def _forget(self, user_id: str) -> None:
        self._changes += 1
        self._cache.pop(user_id, None)
