"""Trains and activates a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.training import train_and_activate

if TYPE_CHECKING:
    from shop.jobs import TrainModel
    from workers.context import WorkerContext


async def train_model(context: WorkerContext, job: TrainModel) -> str:
    """Returns the new version."""
    snapshot = await train_and_activate(context.resources, job.seed)
    return snapshot.version
