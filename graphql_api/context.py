"""What every resolver finds in `info.context`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import strawberry

from graphql_api.limits.addresses import address_of
from graphql_api.loaders import Loaders
from graphql_api.negotiation import preferred_language
from shop.errors import ForbiddenError, UnauthenticatedError

if TYPE_CHECKING:
    from shop.entities.users import User, Viewer
    from shop.resources.serving import ServingResources


class Context:
    """One request's, or one WebSocket connection's. Loaders do not keep what they loaded, so a subscription that
    lives for days never serves stale rows."""

    def __init__(self, resources: ServingResources, viewer: Viewer | None, request: Any, response: Any) -> None:
        self.resources = resources
        self.viewer = viewer
        self.request = request
        self.response = response
        self.connection_params: Mapping[str, object] | None = None
        self.accept_language: str | None = request.headers.get("accept-language")

    @cached_property
    def loaders(self) -> Loaders:
        return Loaders(self.resources, also_withdrawn=self.sees_withdrawn)

    @property
    def address(self) -> str:
        """Whose connection it is."""
        return address_of(self.request)

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

    def require_staff(self) -> Viewer:
        viewer = self.require_viewer()
        if not viewer.is_staff:
            raise ForbiddenError("Only staff may do this.")
        return viewer

    @property
    def sees_withdrawn(self) -> bool:
        """Whether the viewer sees products that are withdrawn."""
        return self.viewer is not None and self.viewer.is_staff

    def may_see(self, user_id: str) -> None:
        """A shopper sees what is the shopper's own; staff and services see all. Raises ForbiddenError."""
        viewer = self.require_viewer()
        if viewer.user_id != user_id and not viewer.is_staff:
            raise ForbiddenError("You may only see your own data.")

    def locale(self, stated: str | None, user: User | None) -> str:
        """The language that texts are wanted in: the page's, else the shopper's, the browser's, the shop's own."""
        own = user.locale if user else None
        browsers = preferred_language(self.accept_language)
        return stated or own or browsers or self.resources.settings.api.default_locale

    async def user(self, user_id: str) -> User | None:
        return await self.resources.users.user(user_id)


Info = strawberry.Info[Context, None]
