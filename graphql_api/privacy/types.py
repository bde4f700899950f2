"""Receipts of erasures."""

from __future__ import annotations

from datetime import datetime

import strawberry

from graphql_api.limits.prices import costs
from graphql_api.relay import encode_id
from shop.entities import privacy as entities


@strawberry.type(description="How much was erased in one place.")
class ErasedPlace:
    place: str = strawberry.field(description="The collection, or `redis`; docs/privacy.md says what is there.")
    count: int = strawberry.field(description="Documents or keys that were erased, or made nameless.")


@strawberry.type(description="The receipt of an erasure. It names nobody.")
class Erasure:
    id: strawberry.ID = strawberry.field(description="Opaque and stable, and not to be guessed.")
    requested_at: datetime = strawberry.field(description="When it was ordered.")
    finished_at: datetime | None = strawberry.field(description="When nothing was left; null until then.")
    passes: int = strawberry.field(description="How often all places were looked at.")
    total: int = strawberry.field(description="The sum of the counts.")
    counts: list[ErasedPlace] = strawberry.field(description="How much was erased where.", directives=costs(size=25))

    @classmethod
    def of(cls, erasure: entities.Erasure) -> Erasure:
        counts = sorted(erasure.counts.items())
        return cls(
            id=encode_id("Erasure", erasure.id),
            requested_at=erasure.requested_at,
            finished_at=erasure.finished_at,
            passes=erasure.passes,
            total=erasure.total,
            counts=[ErasedPlace(place=place, count=count) for place, count in counts if count],
        )
