"""Jobs that staff can follow."""

from __future__ import annotations

from datetime import datetime

import strawberry

from graphql_api import enums  # noqa: F401 (registers them)
from graphql_api.context import Info
from graphql_api.relay import PageInfo, encode_cursor, encode_id, page_info
from shop.entities.jobs import JobRecord, JobState
from shop.entities.paging import Page


@strawberry.type(description="Something that a worker does in the background.")
class Job:
    id: strawberry.ID = strawberry.field(description="Opaque and stable; `job(id)` finds it again.")
    name: str = strawberry.field(description="What it does, such as `train_model`.")
    state: JobState = strawberry.field(description="Where it is in its life.")
    progress: float = strawberry.field(description="How much is done, 0 to 1; it never falls.")
    stage: str = strawberry.field(description="What it is at, or how it ended, for people.")
    attempt: int = strawberry.field(description="How often it was begun.")
    created_at: datetime = strawberry.field(description="When it was asked for.")
    started_at: datetime | None = strawberry.field(description="When it was first begun.")
    finished_at: datetime | None = strawberry.field(description="When it ended.")
    error_code: str | None = strawberry.field(description="What went wrong last, for programs, such as UNAVAILABLE.")
    error_message: str | None = strawberry.field(description="What went wrong last, for people.")
    result_version: str | None = strawberry.field(description="The model version that a training has made.")

    @classmethod
    def of(cls, record: JobRecord) -> Job:
        return cls(
            id=encode_id("Job", record.id),
            name=record.name,
            state=record.state,
            progress=record.progress,
            stage=record.stage,
            attempt=record.attempt,
            created_at=record.created_at,
            started_at=record.started_at,
            finished_at=record.finished_at,
            error_code=record.error_code,
            error_message=record.error_message,
            result_version=record.result,
        )


@strawberry.type(description="A job and its cursor.")
class JobEdge:
    cursor: str = strawberry.field(description="Its place.")
    node: Job = strawberry.field(description="The job.")


@strawberry.type(description="A page of jobs, newest first.")
class JobConnection:
    edges: list[JobEdge] = strawberry.field(description="Jobs with their cursors.")
    nodes: list[Job] = strawberry.field(description="Just the jobs.")
    page_info: PageInfo = strawberry.field(description="How to go on.")

    @classmethod
    def of(cls, page: Page[JobRecord]) -> JobConnection:
        nodes = [Job.of(record) for record, _ in page.rows]
        edges = [
            JobEdge(cursor=encode_cursor(cursor), node=node) for node, (_, cursor) in zip(nodes, page.rows, strict=True)
        ]
        return cls(edges=edges, nodes=nodes, page_info=page_info(page))

    @strawberry.field(description="All jobs, over all pages.")
    async def total_count(self, info: Info) -> int:
        return await info.context.resources.jobs.count()
