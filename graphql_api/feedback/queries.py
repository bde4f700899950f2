"""Reports on explanations (staff)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from graphql_api.arguments import in_utc
from graphql_api.context import Info
from graphql_api.feedback.types import ExplanationReport
from graphql_api.limits.prices import costs
from shop.entities.feedback import ReportGroup

From = Annotated[
    datetime | None,
    strawberry.argument(name="from", description="From this moment on; 30 days before `to` if left out."),
]
To = Annotated[datetime | None, strawberry.argument(description="Up to this moment; now if left out.")]
GroupBy = Annotated[ReportGroup, strawberry.argument(description="What the rows are for.")]


@strawberry.type
class FeedbackQuery:
    @strawberry.field(
        description="How shoppers rate explanations, and whether they click what is explained (staff).",
        directives=costs(200),
    )
    async def explanation_report(
        self, info: Info, from_: From = None, to: To = None, group_by: GroupBy = ReportGroup.SOURCE
    ) -> ExplanationReport | None:
        start = in_utc(from_, "from") if from_ else None
        end = in_utc(to, "to") if to else None
        return ExplanationReport.of(await info.context.resources.feedback.report(start, end, group_by))
