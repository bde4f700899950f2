"""Which model answers, and which others there are."""

from __future__ import annotations

import strawberry

from graphql_api.arguments import First
from graphql_api.context import Info
from graphql_api.limits.prices import costs
from graphql_api.models.types import Model
from graphql_api.relay import page_request


@strawberry.type
class ModelQuery:
    @strawberry.field(description="The model in use, null before the first training.")
    def model(self, info: Info) -> Model | None:
        active = info.context.resources.models.active
        return Model.of(active.snapshot) if active else None

    @strawberry.field(
        description="Stored models, newest first, to go back to one with `activateModel` (staff).",
        directives=costs(5, size=20, sized_by=("first",)),
    )
    async def models(self, info: Info, first: First = None) -> list[Model] | None:
        size = page_request(first).size
        return [Model.of(snapshot) for snapshot in await info.context.resources.models.recent(size)]
