"""Changing the shop's rules (staff)."""

from __future__ import annotations

from typing import Annotated

import strawberry

from graphql_api.context import Info
from graphql_api.limits.prices import costs
from graphql_api.merchandising.types import MerchandisingRule, SaveMerchandisingRuleInput
from graphql_api.payloads import INPUT, WARNINGS, InputWarning, UserError
from graphql_api.relay import decode_id


@strawberry.type(description="What became of it.")
class SaveMerchandisingRulePayload:
    rule: MerchandisingRule | None = strawberry.field(description="As it is stored, null if it was refused.")
    user_errors: list[UserError] = strawberry.field(description="Why it was refused.")
    warnings: list[InputWarning] = strawberry.field(description=WARNINGS)


@strawberry.input(description="Which rule to delete.")
class DeleteMerchandisingRuleInput:
    id: strawberry.ID = strawberry.field(description="The rule's id.")


@strawberry.type(description="What became of it.")
class DeleteMerchandisingRulePayload:
    deleted_id: strawberry.ID | None = strawberry.field(description="The rule that is gone, null if there was none.")
    user_errors: list[UserError] = strawberry.field(description="Why nothing was deleted.")


@strawberry.type
class MerchandisingMutation:
    @strawberry.mutation(
        description="Makes or replaces a rule; it holds from the next list on (staff).", directives=costs(50)
    )
    async def save_merchandising_rule(
        self, info: Info, input: Annotated[SaveMerchandisingRuleInput, INPUT]
    ) -> SaveMerchandisingRulePayload:
        viewer = info.context.require_viewer()
        rule_id = decode_id("MerchandisingRule", input.id) if input.id is not None else ""
        saved = await info.context.resources.merchandising.save(input.to_entity(rule_id), viewer.user_id)
        if isinstance(saved, list):
            errors = [UserError.of(problem) for problem in saved]
            return SaveMerchandisingRulePayload(rule=None, user_errors=errors, warnings=[])
        warnings = [InputWarning.of(problem) for problem in saved.warnings]
        return SaveMerchandisingRulePayload(rule=MerchandisingRule.of(saved.stored), user_errors=[], warnings=warnings)

    @strawberry.mutation(description="Deletes a rule; the next list is made without it (staff).")
    async def delete_merchandising_rule(
        self, info: Info, input: Annotated[DeleteMerchandisingRuleInput, INPUT]
    ) -> DeleteMerchandisingRulePayload:
        viewer = info.context.require_viewer()
        rule_id = decode_id("MerchandisingRule", input.id)
        if await info.context.resources.merchandising.delete(rule_id, viewer.user_id):
            return DeleteMerchandisingRulePayload(deleted_id=input.id, user_errors=[])
        missing = UserError(field="id", code="NOT_FOUND", message=f"There is no rule {rule_id!r}.")
        return DeleteMerchandisingRulePayload(deleted_id=None, user_errors=[missing])
