"""API keys and roles (admins)."""

from __future__ import annotations

from typing import Annotated

import strawberry

from graphql_api.accounts.types import ApiKey
from graphql_api.context import Info
from graphql_api.limits.prices import costs
from graphql_api.limits.sizes import sizes
from graphql_api.payloads import INPUT, UserError
from graphql_api.relay import decode_id
from graphql_api.users.types import User
from shop.entities.access import Scope
from shop.entities.users import Role
from shop.errors import BadInputError, NotFoundError
from shop.services.api_keys import LONGEST_LIFE_DAYS, LONGEST_NAME, lifetime_of


@strawberry.input(description="A new API key.")
class CreateApiKeyInput:
    name: str = strawberry.field(
        description="What it is for, such as `shop server`.", metadata=sizes(length=LONGEST_NAME, told=True)
    )
    scopes: list[Scope] = strawberry.field(
        description="What it may do: no more than its program needs.", metadata=sizes(entries=len(Scope))
    )
    expires_in_days: int | None = strawberry.field(
        default=365, description=f"1 to {LONGEST_LIFE_DAYS:,}; null: it lives until it is revoked."
    )


@strawberry.type(description="What became of it.")
class CreateApiKeyPayload:
    api_key: ApiKey | None = strawberry.field(description="The key, null if it was refused.")
    secret: str | None = strawberry.field(
        description="What the program sends as `Authorization: Bearer …`. It is shown this once."
    )
    user_errors: list[UserError] = strawberry.field(description="What to correct.")


@strawberry.input(description="Which key opens nothing from now on.")
class RevokeApiKeyInput:
    id: strawberry.ID = strawberry.field(description="The `id` of the key.")


@strawberry.type(description="What became of it.")
class RevokeApiKeyPayload:
    api_key: ApiKey | None = strawberry.field(description="The key, null if there is none.")
    user_errors: list[UserError] = strawberry.field(description="What to correct.")


@strawberry.input(description="Who may do what.")
class SetUserRoleInput:
    user_id: strawberry.ID = strawberry.field(description="Whose role changes; one's own does not.")
    role: Role = strawberry.field(description="The new role. SERVICE is that of programs: make an API key.")


@strawberry.type(description="What became of it.")
class SetUserRolePayload:
    user: User | None = strawberry.field(description="The user with the new role, null if it was refused.")
    user_errors: list[UserError] = strawberry.field(description="What to correct.")


@strawberry.type
class AdminMutation:
    @strawberry.mutation(description="Makes a program's key (admins).", directives=costs(20))
    async def create_api_key(self, info: Info, input: Annotated[CreateApiKeyInput, INPUT]) -> CreateApiKeyPayload:
        lifetime = lifetime_of(input.expires_in_days)
        try:
            key, secret = await info.context.resources.api_keys.create(
                input.name, input.scopes, lifetime, info.context.require_viewer().user_id
            )
        except BadInputError as error:
            problem = UserError(field=error.field, code=error.code, message=error.message)
            return CreateApiKeyPayload(api_key=None, secret=None, user_errors=[problem])
        return CreateApiKeyPayload(api_key=ApiKey.of(key), secret=secret, user_errors=[])

    @strawberry.mutation(
        description="Shuts a program out, within seconds and for good (admins). Twice is as once.", directives=costs(20)
    )
    async def revoke_api_key(self, info: Info, input: Annotated[RevokeApiKeyInput, INPUT]) -> RevokeApiKeyPayload:
        try:
            key_id = decode_id("ApiKey", input.id)
            key = await info.context.resources.api_keys.revoke(key_id, info.context.require_viewer().user_id)
        except (NotFoundError, BadInputError) as error:
            problem = UserError(field="id", code=error.code, message=error.message)
            return RevokeApiKeyPayload(api_key=None, user_errors=[problem])
        return RevokeApiKeyPayload(api_key=ApiKey.of(key), user_errors=[])

    @strawberry.mutation(
        description="Makes a user a shopper, staff or an admin (admins). What the user has open with the role of "
        "before is closed within seconds.",
        directives=costs(20),
    )
    async def set_user_role(self, info: Info, input: Annotated[SetUserRoleInput, INPUT]) -> SetUserRolePayload:
        viewer = info.context.require_viewer()
        try:
            user_id = decode_id("User", input.user_id, "userId")
            user = await info.context.resources.users.set_role(user_id, input.role, viewer.user_id)
        except (NotFoundError, BadInputError) as error:
            problem = UserError(field=error.field or "userId", code=error.code, message=error.message)
            return SetUserRolePayload(user=None, user_errors=[problem])
        return SetUserRolePayload(user=User.of(user), user_errors=[])
