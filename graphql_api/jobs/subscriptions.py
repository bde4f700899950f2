"""Jobs as they go on."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import strawberry

from graphql_api.arguments import EVENT_ID, AfterEvent, NodeId
from graphql_api.context import Info
from graphql_api.event_streams import subscription
from graphql_api.jobs.access import visible_job
from graphql_api.jobs.types import Job
from graphql_api.relay import decode_id
from shop.entities.events import Topic
from shop.errors import NotFoundError


@strawberry.type(description="A job, as it is now.")
class JobProgress:
    event_id: str = strawberry.field(description=EVENT_ID)
    job: Job = strawberry.field(description="The job.")


@strawberry.type
class JobSubscription:
    @subscription(
        description="The job now, and again whenever it gets further; completes when the job has ended. For whoever "
        "has ordered it, and for staff."
    )
    async def job_progress(self, info: Info, id: NodeId, after: AfterEvent = None) -> AsyncGenerator[JobProgress, None]:
        job_id = decode_id("Job", id)
        await visible_job(info, job_id)
        hub = info.context.resources.hub
        start = after or hub.newest_id
        yield (progress := await _progress(info, job_id, start))
        if progress.job.state.is_final:
            return
        async with aclosing(hub.subscribe([(Topic.JOB_CHANGED, job_id)], start, newest_only=True)) as events:
            async for event in events:
                yield (progress := await _progress(info, job_id, event.id))
                if progress.job.state.is_final:
                    return


async def _progress(info: Info, job_id: str, event_id: str) -> JobProgress:
    record = await info.context.resources.jobs.get(job_id)
    if record is None:
        raise NotFoundError("job", job_id)
    return JobProgress(event_id=event_id, job=Job.of(record))
