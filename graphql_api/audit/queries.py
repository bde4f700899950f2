"""Reading the audit log (staff)."""

from __future__ import annotations

from typing import Annotated

import strawberry

from graphql_api.arguments import After, Before, First, Last
from graphql_api.audit.types import AuditEntry
from graphql_api.connections import Connection
from graphql_api.context import Info
from graphql_api.limits.prices import page_costs
from graphql_api.limits.sizes import LONGEST_GLOBAL_ID, LONGEST_SHORT, sizes
from graphql_api.relay import page_request

Action = Annotated[
    str | None,
    strawberry.argument(description="Only this action, such as `editInsight`.", metadata=sizes(length=LONGEST_SHORT)),
]
Subject = Annotated[
    str | None,
    strawberry.argument(
        description="Only what was done to this: the shop's own id, as `subject` has it.",
        metadata=sizes(length=LONGEST_GLOBAL_ID),
    ),
]


@strawberry.type
class AuditQuery:
    @strawberry.field(
        description="Who changed and who read what, newest first (staff).",
        directives=page_costs(),
    )
    async def audit_log(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        action: Action = None,
        subject: Subject = None,
    ) -> Connection[AuditEntry] | None:
        audit = info.context.resources.audit
        page = await audit.page(page_request(first, after, last, before), action, subject)
        return Connection.of(page, AuditEntry.of, lambda: audit.count(action, subject))
