"""Trying again what has failed (staff)."""

from __future__ import annotations

from typing import Annotated

import strawberry

from graphql_api.context import Info
from graphql_api.jobs.types import Job
from graphql_api.payloads import INPUT, UserError
from graphql_api.relay import decode_id
from shop.errors import BadInputError, NotFoundError


@strawberry.input(description="Which job to try again.")
class RetryJobInput:
    id: strawberry.ID = strawberry.field(description="The job's id, as `jobs(filter: { state: FAILED })` lists it.")


@strawberry.type(description="What became of it.")
class RetryJobPayload:
    job: Job | None = strawberry.field(
        description="The job, in the queue again; follow it by `jobProgress`. Null if it was refused."
    )
    user_errors: list[UserError] = strawberry.field(description="Why it was refused.")


@strawberry.type
class JobMutation:
    @strawberry.mutation(
        description="Puts a failed job into the queue again, once, however many ask for it at the same time (staff)."
    )
    async def retry_job(self, info: Info, input: Annotated[RetryJobInput, INPUT]) -> RetryJobPayload:
        viewer = info.context.require_viewer()
        try:
            record = await info.context.resources.jobs.retry(decode_id("Job", input.id), viewer.user_id)
        except (NotFoundError, BadInputError) as error:
            problem = UserError(field="id", code=error.code, message=error.message)
            return RetryJobPayload(job=None, user_errors=[problem])
        await info.context.resources.audit.note_change("retryJob", viewer, {record.id: {"name": record.name}})
        return RetryJobPayload(job=Job.of(record), user_errors=[])
