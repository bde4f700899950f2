"""Whose each event of a request is: the viewer's, a visit's, or the shopper's whom a shop's own server names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import strawberry

from graphql_api.actors import viewer_or_session
from graphql_api.limits.sizes import LONGEST_SESSION, sizes
from graphql_api.payloads import malformed
from graphql_api.relay import decode_id
from shop.entities.users import Actor
from shop.errors import BadInputError, ForbiddenError, Problem
from shop.values import LONGEST_ID, RefusedValueError, clean_id, clean_user_id

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from graphql_api.context import Info
    from shop.services.user_changes import UserChangeService

_FOR_SERVERS = "For a shop's own server, which sends the events of many shoppers (staff)"


@strawberry.input(description="Whose something is.")
class ShopperFields:
    """What an event may say of its shopper."""

    user_id: strawberry.ID | None = strawberry.field(
        default=None, description=f"{_FOR_SERVERS}: the shopper's `User.id`."
    )
    external_user_id: str | None = strawberry.field(
        default=None,
        description=f"{_FOR_SERVERS}: the shop's own id of the shopper, instead of `userId`. Who is not known yet is "
        "made, as a shopper.",
        metadata=sizes(length=LONGEST_ID, told=True),
    )
    session_id: str | None = strawberry.field(
        default=None,
        description=f"{_FOR_SERVERS}: the visit, of somebody who is not signed in, or beside the user.",
        metadata=sizes(length=LONGEST_SESSION, told=True),
    )

    @property
    def names_shopper(self) -> bool:
        return any(value is not None for value in (self.user_id, self.external_user_id, self.session_id))


@dataclass(frozen=True, slots=True)
class _Named:
    """`known` has a user who must exist, `external` one who is made if there is none."""

    known: str | None
    external: str | None
    session: str | None


async def shoppers_of(info: Info, entries: Sequence[ShopperFields], session_id: str | None) -> list[Actor | Problem]:
    """Whose each entry is; a problem stands for one that does not say it. Takes what the entries write from the limits.

    Raises ForbiddenError for a shopper who names one, UnauthenticatedError for somebody without a name or a session.
    """
    resources = info.context.resources
    if not any(entry.names_shopper for entry in entries):
        actor = viewer_or_session(info, session_id)
        await resources.rates.take_writes(actor, len(entries))
        return [actor] * len(entries)
    if not info.context.require_viewer().is_staff:
        raise ForbiddenError("Only the shop's own servers and staff say whose an event is: leave it out.")
    named = [_read(entry, session_id) for entry in entries]
    unknown = await _unknown(resources.user_changes, [one for one in named if isinstance(one, _Named)])
    return [one if isinstance(one, Problem) else _actor(one, unknown) for one in named]


async def _unknown(users: UserChangeService, named: Sequence[_Named]) -> set[str]:
    """Those of the users that must exist and do not; the others are made."""
    await users.ensure({one.external for one in named if one.external is not None})
    return await users.missing({one.known for one in named if one.known is not None})


def _actor(named: _Named, unknown: set[str]) -> Actor | Problem:
    if named.known in unknown:
        return Problem("userId", "NOT_FOUND", f"There is no user {named.known!r}.")
    return Actor(named.known or named.external, named.session)


def _read(entry: ShopperFields, session_id: str | None) -> _Named | Problem:
    session = session_id if entry.session_id is None else entry.session_id
    problem = _contradiction(entry, session)
    if problem is not None:
        return problem
    try:
        return _Named(
            known=decode_id("User", entry.user_id, "userId") if entry.user_id is not None else None,
            external=_cleaned("externalUserId", entry.external_user_id, LONGEST_ID, clean_user_id),
            session=_cleaned("sessionId", session, LONGEST_SESSION, clean_id),
        )
    except BadInputError as error:
        return malformed(error)


def _contradiction(entry: ShopperFields, session: str | None) -> Problem | None:
    if entry.user_id is not None and entry.external_user_id is not None:
        return Problem("externalUserId", "INVALID", "Name the shopper by userId or by externalUserId, by one of them.")
    if entry.user_id is None and entry.external_user_id is None and session is None:
        return Problem("userId", "REQUIRED", "Say whose it is, as other events of the batch do.")
    return None


def _cleaned(field: str, value: str | None, most: int, clean: Callable[[str], str]) -> str | None:
    """Raises BadInputError."""
    try:
        cleaned = None if value is None else clean(value)
    except RefusedValueError as error:
        raise BadInputError(error.message, field=field) from error
    if len(cleaned or "") > most:
        raise BadInputError(f"At most {most} characters.", field=field)
    return cleaned
