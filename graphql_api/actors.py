"""For whom: the viewer, somebody staff names, or an anonymous session."""

from __future__ import annotations

from graphql_api.context import Info
from graphql_api.relay import decode_id
from shop.entities.users import Actor, Role
from shop.errors import BadInputError, NotFoundError, UnauthenticatedError
from shop.values import RefusedValueError, clean_id


async def actor_of(info: Info, user_id: str | None, session_id: str | None) -> Actor:
    """Raises ForbiddenError for somebody else's id, NotFoundError for an unknown one."""
    if user_id is None:
        return _asking(info, session_id)
    wanted = decode_id("User", user_id, "userId")
    await info.context.require_rights(info, wanted)
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
        raise UnauthenticatedError("Sign in, or name the shopper: by userId, or an anonymous visitor by sessionId.")


def visit_of(info: Info, session_id: str | None) -> str | None:
    """Raises BadInputError for a name that no visit can have, or that of one that was erased."""
    if not session_id:
        return None
    try:
        cleaned = clean_id(session_id)
    except RefusedValueError as error:
        raise BadInputError(f"sessionId: {error.message}", field="sessionId") from error
    info.context.resources.forgetting.require_known(cleaned)
    return cleaned


def _asking(info: Info, session_id: str | None) -> Actor:
    session_id = visit_of(info, session_id)
    viewer = info.context.viewer
    if viewer is None:
        return Actor(session_id=session_id)
    if viewer.role is Role.SERVICE or (viewer.is_staff and session_id is not None):
        # They look after the sessions of others: none becomes theirs. A program has no taste of its own.
        return Actor(session_id=session_id)
    return Actor(user_id=viewer.user_id, session_id=session_id)
