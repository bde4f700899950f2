"""A shopper whose data are exported or erased, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from shop.entities.users import Actor

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Shopper:
    """A user, and the anonymous sessions that belong to the user."""

    user_id: str
    sessions: frozenset[str] = frozenset()

    @property
    def actor_keys(self) -> frozenset[str]:
        """The keys of all actors that the shopper is."""
        return frozenset({Actor(self.user_id).key, *(Actor(None, session).key for session in self.sessions)})


class ExportState(StrEnum):
    """The life of an export."""

    WRITING = "WRITING"
    READY = "READY"
    ENDED = "ENDED"  # downloaded, or expired


@dataclass(frozen=True, slots=True)
class UserExport:
    """An export of a shopper's data. The address for downloading it holds a token, of which only a hash is stored."""

    id: str  # also of its job
    user_id: str
    state: ExportState
    requested_at: datetime
    expires_at: datetime
    requested_by: str | None = None  # None for a command


@dataclass(frozen=True, slots=True)
class Erasure:
    """The receipt of an erasure. It names nobody; `subject` is the shopper's id until the erasure has finished."""

    id: str  # also of its job
    requested_at: datetime
    finished_at: datetime | None = None
    passes: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)  # by place: how much was erased or made nameless
    subject: str | None = None
    sessions: tuple[str, ...] = ()  # the anonymous sessions of the subject that were found so far

    @property
    def total(self) -> int:
        return sum(self.counts.values())
