"""What the workers do and did."""

from __future__ import annotations

from typing import Annotated

import strawberry

from graphql_api.arguments import After, First, NodeId
from graphql_api.connections import Connection
from graphql_api.context import Info
from graphql_api.jobs.access import visible_job
from graphql_api.jobs.types import Job, JobFilter
from graphql_api.limits.prices import costs, page_costs
from graphql_api.relay import decode_id, page_request
from shop.entities.jobs import JobFilter as Wanted

Filter = Annotated[JobFilter | None, strawberry.argument(description="Only these; all if left out.")]


@strawberry.type
class JobQuery:
    @strawberry.field(
        description="A job, null if unknown: one that oneself has ordered, or for staff any.", directives=costs(2)
    )
    async def job(self, info: Info, id: NodeId) -> Job | None:
        record = await visible_job(info, decode_id("Job", id))
        return Job.of(record) if record else None

    @strawberry.field(
        description="Jobs that can be followed, and every job of any kind that has failed; newest first (staff).",
        directives=page_costs(),
    )
    async def jobs(
        self, info: Info, first: First = None, after: After = None, filter: Filter = None
    ) -> Connection[Job] | None:
        wanted = filter.to_entity() if filter else Wanted()
        jobs = info.context.resources.jobs
        page = await jobs.page(page_request(first, after), wanted)
        return Connection.of(page, Job.of, lambda: jobs.count(wanted))
