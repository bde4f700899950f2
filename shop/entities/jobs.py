"""Jobs that have a record: what was ordered, how far it is, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime


class JobGroup(StrEnum):
    """Jobs that share a limit. A worker runs so many of each group at once, and no group waits for another."""

    GENERAL = "general"
    LLM = "llm"  # calls a provider
    TRAINING = "training"


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
class JobFilter:
    """Which records are wanted; None for all."""

    state: JobState | None = None
    name: str | None = None


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
    max_attempts: int | None = None  # known from the first attempt on
    requested_by: str | None = None  # user id, None for the schedule
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error_code: str | None = None
    error_message: str | None = None
    result: str | None = None
    request_id: str | None = None  # of the request that ordered it; None for the schedule
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def duration_ms(self) -> int | None:
        """From the first beginning to the end, None until then."""
        if self.started_at is None or self.finished_at is None:
            return None
        return round((self.finished_at - self.started_at).total_seconds() * 1000)


@dataclass(frozen=True, slots=True)
class Backlog:
    """The jobs of a group that wait: how many, and for how many seconds the oldest has been due."""

    jobs: int
    oldest_seconds: float
