"""Reading the shop's rules (staff)."""

from __future__ import annotations

from typing import Annotated

import strawberry

from graphql_api.arguments import After, First
from graphql_api.connections import Connection
from graphql_api.context import Info
from graphql_api.limits.prices import page_costs
from graphql_api.merchandising.types import MerchandisingRule
from graphql_api.relay import page_request

Active = Annotated[
    bool | None, strawberry.argument(description="True: those that hold right now. False: the others. All if left out.")
]


@strawberry.type
class MerchandisingQuery:
    @strawberry.field(
        description="The shop's rules, the one made last first (staff).",
        directives=page_costs(),
    )
    async def merchandising_rules(
        self, info: Info, first: First = None, after: After = None, active: Active = None
    ) -> Connection[MerchandisingRule] | None:
        merchandising = info.context.resources.merchandising
        page = await merchandising.page(page_request(first, after), active)
        return Connection.of(page, MerchandisingRule.of, lambda: merchandising.count(active))
