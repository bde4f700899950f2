"""Having one's data gathered, or erased."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from graphql_api.context import Info
from graphql_api.jobs.types import Job
from graphql_api.limits.prices import costs
from graphql_api.payloads import INPUT, UserError
from graphql_api.relay import decode_id, encode_id
from shop.entities.users import Role
from shop.errors import BadInputError


@strawberry.input(description="Whose data to gather.")
class ExportUserDataInput:
    user_id: strawberry.ID = strawberry.field(description="Oneself, or for staff anybody.")


@strawberry.type(description="What became of it.")
class ExportUserDataPayload:
    job: Job | None = strawberry.field(
        description="The job that gathers the data; follow it by `jobProgress`. Null if it was refused."
    )
    download_url: str | None = strawberry.field(
        description="Where the JSON document can be downloaded once, by whoever has this address, when the job has "
        "succeeded. It is told here alone."
    )
    expires_at: datetime | None = strawberry.field(description="Until when; then the data are deleted.")
    user_errors: list[UserError] = strawberry.field(description="Why it was refused.")


@strawberry.input(description="Whose data to erase.")
class EraseUserDataInput:
    user_id: strawberry.ID = strawberry.field(description="Oneself, or for admins anybody who is a shopper.")
    confirm_user_id: strawberry.ID = strawberry.field(
        description="The same once more: what is erased does not come back."
    )


@strawberry.type(description="What became of it.")
class EraseUserDataPayload:
    job: Job | None = strawberry.field(
        description="The job that erases, the one that runs already if there is one; follow it by `jobProgress`. Null "
        "if it was refused."
    )
    receipt_id: strawberry.ID | None = strawberry.field(
        description="For `erasure(id)`, which tells also when the account is gone. Keep it."
    )
    user_errors: list[UserError] = strawberry.field(description="Why it was refused; then nothing is erased.")


@strawberry.type
class PrivacyMutation:
    @strawberry.mutation(
        description="Gathers everything that is stored of a shopper into one JSON document: one's own, or for staff "
        "anybody's.",
        directives=costs(100),
    )
    async def export_user_data(self, info: Info, input: Annotated[ExportUserDataInput, INPUT]) -> ExportUserDataPayload:
        user_id = decode_id("User", input.user_id, "userId")
        await info.context.require_rights(info, user_id)
        try:
            ordered = await info.context.resources.user_exports.order(user_id, info.context.require_viewer().user_id)
        except BadInputError as error:
            problem = UserError(field="userId", code="LIMIT", message=error.message)
            return ExportUserDataPayload(job=None, download_url=None, expires_at=None, user_errors=[problem])
        export, token, job = ordered
        address = f"{info.context.base_url}exports/{token}"
        return ExportUserDataPayload(
            job=Job.of(job), download_url=address, expires_at=export.expires_at, user_errors=[]
        )

    @strawberry.mutation(
        description="Erases everything that is stored of a shopper, and the account: one's own, or for "
        "admins anybody's. It goes on in the background, and cannot be taken back.",
        directives=costs(100),
    )
    async def erase_user_data(self, info: Info, input: Annotated[EraseUserDataInput, INPUT]) -> EraseUserDataPayload:
        user_id = decode_id("User", input.user_id, "userId")
        await info.context.require_rights(info, user_id)
        if problem := await _refusal(info, user_id, input.confirm_user_id):
            return EraseUserDataPayload(job=None, receipt_id=None, user_errors=[problem])
        viewer = info.context.require_viewer()
        erasure, job = await info.context.resources.erasures.order(user_id, viewer.user_id)
        return EraseUserDataPayload(job=Job.of(job), receipt_id=encode_id("Erasure", erasure.id), user_errors=[])


async def _refusal(info: Info, user_id: str, confirmed: strawberry.ID) -> UserError | None:
    if decode_id("User", confirmed, "confirmUserId") != user_id:
        return UserError(field="confirmUserId", code="INVALID", message="This is not the same as userId.")
    user = await info.context.user(user_id)
    if user is not None and user.role is not Role.SHOPPER:
        message = "Only shoppers are erased. Take the role away first, so that no shop loses its last staff by mistake."
        return UserError(field="userId", code="ROLE", message=message)
    return None
