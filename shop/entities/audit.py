"""Who changed what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change. `subject` is the shop's id of what was changed; `details` is JSON, as the action needs it."""

    id: str
    at: datetime
    action: str  # the mutation's name
    actor_id: str | None  # the user who did it, None for the shop itself
    subject: str
    details: dict[str, Any]
