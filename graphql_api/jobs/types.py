"""Jobs that staff can follow, and those that have failed."""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry.scalars import JSON

from graphql_api import enums  # noqa: F401 (registers them)
from graphql_api.limits.sizes import LONGEST_SHORT, sizes
from graphql_api.relay import encode_id
from shop.entities.jobs import JobFilter as Wanted
from shop.entities.jobs import JobRecord, JobState
from shop.jobs import TrainModel


@strawberry.type(description="Something that a worker does in the background.")
class Job:
    id: strawberry.ID = strawberry.field(description="Opaque and stable; `job(id)` finds it again.")
    name: str = strawberry.field(description="What it does, such as `train_model`.")
    message: JSON = strawberry.field(description="What it was asked to do; its form depends on `name`.")
    state: JobState = strawberry.field(description="Where it is in its life.")
    progress: float = strawberry.field(description="How much is done, 0 to 1; it never falls.")
    stage: str = strawberry.field(description="What it is at, or how it ended, for people.")
    attempt: int = strawberry.field(description="How often it was begun.")
    max_attempts: int | None = strawberry.field(
        description="Failing that often with an error that may pass, it has failed for good; null before it begins."
    )
    created_at: datetime = strawberry.field(description="When it was asked for.")
    started_at: datetime | None = strawberry.field(description="When it was first begun.")
    finished_at: datetime | None = strawberry.field(description="When it ended.")
    duration_ms: float | None = strawberry.field(
        description="Milliseconds from its first beginning to its end, null until then."
    )
    error_code: str | None = strawberry.field(description="What went wrong last, for programs, such as UNAVAILABLE.")
    error_message: str | None = strawberry.field(description="What went wrong last, for people.")
    result: str | None = strawberry.field(description="What came of it, for people; null until it has succeeded.")
    result_version: str | None = strawberry.field(description="The model version that a training has made.")

    @classmethod
    def of(cls, record: JobRecord) -> Job:
        return cls(
            id=encode_id("Job", record.id),
            name=record.name,
            message=JSON(record.message),
            state=record.state,
            progress=record.progress,
            stage=record.stage,
            attempt=record.attempt,
            max_attempts=record.max_attempts,
            created_at=record.created_at,
            started_at=record.started_at,
            finished_at=record.finished_at,
            duration_ms=record.duration_ms,
            error_code=record.error_code,
            error_message=record.error_message,
            result=record.result,
            result_version=record.result if record.name == TrainModel.name else None,
        )


@strawberry.input(description="Which jobs are wanted; those that fit all of it.")
class JobFilter:
    state: JobState | None = strawberry.field(
        default=None, description="Where they are in their life, such as FAILED: those that wait for somebody to look."
    )
    name: str | None = strawberry.field(
        default=None, description="What they do, such as `train_model`.", metadata=sizes(length=LONGEST_SHORT)
    )

    def to_entity(self) -> Wanted:
        return Wanted(self.state, self.name)
