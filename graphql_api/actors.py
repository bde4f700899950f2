"""For whom: the viewer, somebody staff names, or an anonymous session."""

from __future__ import annotations

from graphql_api.context import Info
from graphql_api.relay import decode_id
from graphql_api.users.mutations import checked_session
from shop.entities.users import Actor
from shop.errors import BadInputError, NotFoundError


async def actor_of(info: Info, user_id: str | None, session_id: str | None) -> Actor:
    """Raises ForbiddenError for somebody else's id, NotFoundError for an unknown one."""
    if user_id is not None:
        wanted = decode_id("User", user_id, "userId")
        info.context.may_see(wanted)
        if await info.context.user(wanted) is None:
            raise NotFoundError("user", wanted)
        return Actor(user_id=wanted)
    viewer = info.context.viewer
    if viewer is not None:
        return Actor(user_id=viewer.user_id)
    return Actor(session_id=checked_session(session_id))


def require_somebody(actor: Actor) -> None:
    """Raises BadInputError for an anonymous visitor without a session: what nobody owns, everybody would share."""
    if actor.user_id is None and actor.session_id is None:
        raise BadInputError("Sign in, or pass a sessionId.", field="sessionId")
