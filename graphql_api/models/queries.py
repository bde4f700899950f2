"""Which model answers."""

from __future__ import annotations

import strawberry

from graphql_api.context import Info
from graphql_api.models.types import Model


@strawberry.type
class ModelQuery:
    @strawberry.field(description="The model in use, null before the first training.")
    def model(self, info: Info) -> Model | None:
        active = info.context.resources.model.active
        return Model.of(active.snapshot) if active else None
