"""Jobs that somebody follows: what was asked for, how far it is, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime


class JobState(StrEnum):
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_final(self) -> bool:
        return self not in {JobState.QUEUED, JobState.RUNNING}


@dataclass(frozen=True, slots=True)
class JobRecord:
    """`message` is the job as JSON-ready data; `notes` are what a later attempt needs of an earlier one."""

    id: str
    name: str
    message: dict[str, Any]
    created_at: datetime
    state: JobState = JobState.QUEUED
    progress: float = 0.0  # 0 to 1, never falls
    stage: str = ""
    attempt: int = 0
    requested_by: str | None = None  # user id, None for the schedule
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error_code: str | None = None
    error_message: str | None = None
    result: str | None = None
    notes: dict[str, Any] = field(default_factory=dict)
