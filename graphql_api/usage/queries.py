"""Reading what language models cost (staff)."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import strawberry

from graphql_api.context import Info
from graphql_api.limits.prices import costs
from graphql_api.limits.sizes import sizes
from graphql_api.usage.types import LlmUsage
from shop.entities.usage import UsageDimension

From = Annotated[
    date | None,
    strawberry.argument(name="from", description="The first day, in UTC; 29 days before `to` if left out."),
]
To = Annotated[
    date | None, strawberry.argument(description="The last day, included; today if left out. 366 days at most.")
]
GroupBy = Annotated[
    list[UsageDimension] | None,
    strawberry.argument(
        description="What a row is about; all four if left out.", metadata=sizes(entries=len(UsageDimension))
    ),
]


@strawberry.type
class UsageQuery:
    @strawberry.field(
        description="What language models were asked, what it cost, and what may still be spent (staff).",
        directives=costs(50),
    )
    async def llm_usage(
        self, info: Info, from_: From = None, to: To = None, group_by: GroupBy = None
    ) -> LlmUsage | None:
        by = set(UsageDimension) if group_by is None else set(group_by)
        return LlmUsage.of(await info.context.resources.usage.report(from_, to, by))
