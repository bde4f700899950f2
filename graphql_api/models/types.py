"""The model behind the lists."""

from __future__ import annotations

from datetime import datetime

import strawberry

from graphql_api import enums  # noqa: F401 (registers them)
from shop.entities.models import ModelSnapshot, SnapshotStatus, TrainingKind


@strawberry.type(description="A component's weight.")
class ComponentWeight:
    component: str = strawberry.field(description="collaborative, content, neural or contextual.")
    weight: float = strawberry.field(description="Its weight in the score.")


@strawberry.type(description="A measurement on held-out data.")
class Metric:
    name: str = strawberry.field(description="Such as `ensemble.ndcg@10`.")
    value: float = strawberry.field(description="Higher is better.")


@strawberry.type(description="A trained model.")
class Model:
    version: str = strawberry.field(description="Hash of its content: equal data and seed give an equal version.")
    trained_at: datetime = strawberry.field(description="When training ended.")
    products: int = strawberry.field(description="Products it can rank.")
    users: int = strawberry.field(description="Shoppers it learned from.")
    interactions: int = strawberry.field(description="Interactions it learned from.")
    weights: list[ComponentWeight] = strawberry.field(description="The components' weights.")
    metrics: list[Metric] = strawberry.field(description="How well it did on held-out data.")
    training_seconds: float = strawberry.field(description="How long training took.")
    kind: TrainingKind = strawberry.field(description="How much of it was made anew.")
    parent: str | None = strawberry.field(description="The version that a refresh was made from.")
    status: SnapshotStatus = strawberry.field(description="Whether it answers.")
    notes: list[str] = strawberry.field(
        description="What training chose for each kind of list and shopper, and why; components left out."
    )
    rejection: str | None = strawberry.field(description="Why the guard kept it from being activated.")

    @classmethod
    def of(cls, snapshot: ModelSnapshot) -> Model:
        return cls(
            version=snapshot.version,
            trained_at=snapshot.trained_at,
            products=snapshot.products,
            users=snapshot.users,
            interactions=snapshot.interactions,
            weights=[ComponentWeight(component=name, weight=weight) for name, weight in snapshot.weights.items()],
            metrics=[Metric(name=name, value=value) for name, value in sorted(snapshot.metrics.items())],
            training_seconds=snapshot.training_seconds,
            kind=snapshot.kind,
            parent=snapshot.parent,
            status=snapshot.status,
            notes=list(snapshot.notes),
            rejection=snapshot.rejection,
        )
