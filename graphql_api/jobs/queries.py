"""What the workers do and did."""

from __future__ import annotations

import strawberry

from graphql_api.arguments import After, First, NodeId
from graphql_api.context import Info
from graphql_api.jobs.types import Job, JobConnection
from graphql_api.relay import decode_id, page_request


@strawberry.type
class JobQuery:
    @strawberry.field(description="A job, null if unknown (staff).")
    async def job(self, info: Info, id: NodeId) -> Job | None:
        info.context.require_staff()
        record = await info.context.resources.jobs.get(decode_id("Job", id))
        return Job.of(record) if record else None

    @strawberry.field(description="Jobs that can be followed, newest first (staff).")
    async def jobs(self, info: Info, first: First = None, after: After = None) -> JobConnection:
        info.context.require_staff()
        page = await info.context.resources.jobs.page(page_request("NEWEST", first, after, None, None))
        return JobConnection.of(page)
