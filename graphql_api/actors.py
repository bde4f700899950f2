"""For whom: the viewer, somebody staff names, or an anonymous session."""

from __future__ import annotations

from graphql_api.context import Info
from graphql_api.relay import decode_id
from shop.entities.users import Actor
from shop.errors import BadInputError, NotFoundError, UnauthenticatedError
from shop.values import RefusedValueError, clean_id


async def actor_of(info: Info, user_id: str | None, session_id: str | None) -> Actor:
    """Raises ForbiddenError for somebody else's id, NotFoundError for an unknown one."""
    if user_id is None:
        return _asking(info, session_id)
    wanted = decode_id("User", user_id, "userId")
    await info.context.may_see(wanted, info.field_name)
    if await info.context.user(wanted) is None:
        raise NotFoundError("user", wanted)
    return Actor(user_id=wanted)


def viewer_or_session(info: Info, session_id: str | None) -> Actor:
    """The viewer, or an anonymous session. Raises UnauthenticatedError when there is neither."""
    actor = _asking(info, session_id)
    require_somebody(actor)
    return actor


def require_somebody(actor: Actor) -> None:
    """Raises UnauthenticatedError without a name or a session: what nobody owns, everybody would share."""
    if actor.user_id is None and actor.session_id is None:
        raise UnauthenticatedError("Sign in, or pass the sessionId of an anonymous visitor.")


def _asking(info: Info, session_id: str | None) -> Actor:
    session_id = _session(session_id)
    info.context.resources.forgetting.require_known(session_id)
    viewer = info.context.viewer
    if viewer is None:
        return Actor(session_id=session_id)
    if viewer.is_staff and session_id is not None:  # they look after the sessions of others: none becomes theirs
        return Actor(session_id=session_id)
    return Actor(user_id=viewer.user_id, session_id=session_id)


def _session(session_id: str | None) -> str | None:
    if not session_id:
        return None
    try:
        return clean_id(session_id)
    except RefusedValueError as error:
        raise BadInputError(f"sessionId: {error.message}", field="sessionId") from error
