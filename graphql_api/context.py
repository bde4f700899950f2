"""What every resolver finds in `info.context`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import strawberry

from graphql_api.cookies import NO_COOKIES
from graphql_api.limits.addresses import address_of
from graphql_api.loaders import Loaders
from graphql_api.negotiation import preferred_language
from graphql_api.permissions.guard import allows
from graphql_api.permissions.rules import May
from shop.errors import ForbiddenError, UnauthenticatedError

if TYPE_CHECKING:
    from graphql_api.cookies import Cookies
    from shop.entities.users import User, Viewer
    from shop.resources.serving import ServingResources

_NOTED_SECONDS = 60  # longer than a request may take


class Context:
    """One request's, or one WebSocket connection's. Loaders do not keep what they loaded, so a subscription that
    lives for days never serves stale rows."""

    def __init__(self, resources: ServingResources, viewer: Viewer | None, request: Any, response: Any) -> None:
        self.resources = resources
        self._viewer = viewer
        self._began = time.monotonic()
        self._noting = asyncio.Lock()
        self._noted: dict[str, float] = {}  # subjects whose data were read, and when that was recorded
        self.request = request
        self.response = response
        self.connection_params: Mapping[str, object] | None = None
        self.cookies: Cookies = NO_COOKIES
        self.accept_language: str | None = request.headers.get("accept-language")

    @property
    def viewer(self) -> Viewer | None:
        """Raises UnauthenticatedError for somebody whose account was erased after this began."""
        viewer = self._viewer
        if viewer is not None and self.resources.users.erased_after(viewer.user_id, self._began):
            raise UnauthenticatedError("This account has been erased.")
        return viewer

    @viewer.setter
    def viewer(self, viewer: Viewer | None) -> None:
        self._viewer = viewer
        self._began = time.monotonic()

    @cached_property
    def loaders(self) -> Loaders:
        return Loaders(self.resources, also_withdrawn=self.sees_withdrawn)

    @property
    def address(self) -> str:
        """Whose connection it is."""
        return address_of(self.request)

    @property
    def base_url(self) -> str:
        """The address under which the client has asked, with a slash at its end."""
        return str(self.request.base_url).replace("ws", "http", 1) if self._over_socket else str(self.request.base_url)

    @property
    def _over_socket(self) -> bool:
        return self.request.url.scheme in {"ws", "wss"}

    def require_introspection(self) -> None:
        """Raises ForbiddenError for those who may not ask for the schema."""
        if not self.may_introspect:
            raise ForbiddenError("Introspection is closed here. The schema is in `schema.graphql`.")

    @property
    def may_introspect(self) -> bool:
        """Whether the viewer may ask for the schema."""
        allowed = self.resources.settings.introspection
        return allowed == "everyone" or (allowed == "staff" and self.viewer is not None and self.viewer.is_staff)

    def require_viewer(self) -> Viewer:
        if self.viewer is None:
            raise UnauthenticatedError("Sign in first: send `Authorization: Bearer <token>`.")
        return self.viewer

    async def require_rights(self, info: Info, user_id: str) -> None:
        """Whoever may do with this field only what is their own names themselves; who may more names anybody, and that
        is recorded. Raises ForbiddenError, and UnavailableError when it cannot be recorded."""
        viewer = self.require_viewer()
        if viewer.user_id != user_id and allows(viewer, info.path.typename or "", info.field_name) is not May.YES:
            raise ForbiddenError("You may only do this with what is your own.")
        await self.note_read([user_id], info.field_name)

    async def note_read(self, user_ids: Sequence[str], what: str) -> None:
        """Records that staff read data of these users, before anything of them goes out. Once for each request, or
        minute of a socket. Raises UnavailableError."""
        async with self._noting:  # fields of one request are resolved at the same time
            now = time.monotonic()
            fresh = [id_ for id_ in user_ids if now - self._noted.get(id_, float("-inf")) > _NOTED_SECONDS]
            await self.resources.audit.note_read(self.viewer, fresh, what)
            self._noted.update(dict.fromkeys(fresh, now))

    @property
    def sees_withdrawn(self) -> bool:
        """Whether the viewer sees products that are withdrawn."""
        return allows(self.viewer, "Mutation", "deleteProducts") is not May.NO

    def locale(self, stated: str | None, user: User | None) -> str:
        """The language that texts are wanted in: the page's, else the shopper's, the browser's, the shop's own."""
        own = user.locale if user else None
        browsers = preferred_language(self.accept_language)
        return stated or own or browsers or self.resources.settings.api.default_locale

    async def user(self, user_id: str) -> User | None:
        return await self.resources.users.user(user_id)


Info = strawberry.Info[Context, None]
