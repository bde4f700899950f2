"""The forms that a decision on a field can have."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from shop.entities.access import Scope
from shop.entities.users import Role
from shop.errors import ForbiddenError, UnauthenticatedError

if TYPE_CHECKING:
    from shop.entities.users import Viewer


class May(StrEnum):
    """What somebody may do with a field."""

    NO = "no"
    OWN = "own"  # with what is theirs, or of the visit that they name
    YES = "yes"


@dataclass(frozen=True, slots=True)
class Rule:
    """What each role may do. A program with an API key needs the scope besides, if there is one."""

    anonymous: May
    shopper: May
    staff: May
    service: May
    admin: May
    scope: Scope | None = None

    def of(self, viewer: Viewer | None) -> May:
        """What somebody may do, with the scopes that they have."""
        if viewer is None:
            return self.anonymous
        if viewer.scopes is not None and self.scope is not None and self.scope not in viewer.scopes:
            return May.NO
        by_role = {
            Role.SHOPPER: self.shopper,
            Role.STAFF: self.staff,
            Role.SERVICE: self.service,
            Role.ADMIN: self.admin,
        }
        return by_role[viewer.role]

    def require(self, viewer: Viewer | None) -> None:
        """Raises UnauthenticatedError or ForbiddenError."""
        if self.of(viewer) is not May.NO:
            return
        if viewer is None:
            raise UnauthenticatedError("Sign in first: send `Authorization: Bearer <token>`.")
        if viewer.role is Role.SERVICE and self.service is not May.NO and self.scope is not None:
            raise ForbiddenError(f"The API key lacks the scope {self.scope.name}.")
        if viewer.role is Role.SERVICE:
            raise ForbiddenError("Programs may not do this: it is for people who sign in.")
        raise ForbiddenError("Only staff may do this." if self.staff is not May.NO else "Only admins may do this.")


OPEN = Rule(May.YES, May.YES, May.YES, May.YES, May.YES)
ACCOUNT = Rule(May.NO, May.OWN, May.OWN, May.NO, May.OWN)
ADMIN = Rule(May.NO, May.NO, May.NO, May.NO, May.YES)
OWN_OR_ADMIN = Rule(May.NO, May.OWN, May.OWN, May.NO, May.YES)
ERASING = Rule(May.NO, May.OWN, May.OWN, May.YES, May.YES, Scope.PRIVACY_WRITE)
STAFF_ALONE = Rule(May.NO, May.NO, May.YES, May.NO, May.YES)


def visitor(scope: Scope | None = None) -> Rule:
    """Anybody for themselves, also without signing in; staff and programs for anybody."""
    return Rule(May.OWN, May.OWN, May.YES, May.YES, May.YES, scope)


def own(scope: Scope | None) -> Rule:
    """Whoever has signed in for themselves; staff and programs for anybody."""
    return Rule(May.NO, May.OWN, May.YES, May.YES, May.YES, scope)


def staff(scope: Scope | None) -> Rule:
    """Staff, and programs."""
    return Rule(May.NO, May.NO, May.YES, May.YES, May.YES, scope)
