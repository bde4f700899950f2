"""Who sees which job."""

from __future__ import annotations

from graphql_api.context import Info
from graphql_api.permissions.guard import allows
from graphql_api.permissions.rules import May
from shop.entities.jobs import JobRecord
from shop.errors import ForbiddenError


async def visible_job(info: Info, job_id: str) -> JobRecord | None:
    """A job for whoever has ordered it, and for staff. Raises ForbiddenError for others, whether it is there or not."""
    viewer = info.context.require_viewer()
    record = await info.context.resources.jobs.get(job_id)
    if allows(viewer, "Query", "jobs") is May.YES or (record is not None and record.requested_by == viewer.user_id):
        return record
    raise ForbiddenError("Only staff see jobs that others have ordered.")
