"""Trains a model, and reports its progress to the job's record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shop.resources.training import training_resources
from workers.training.pipeline import DataMark, data_mark, train_and_activate

if TYPE_CHECKING:
    from shop.jobs import TrainModel
    from shop.resources.training import TrainingResources
    from workers.context import WorkerContext


async def train_model(context: WorkerContext, job: TrainModel) -> str:
    """Returns the version of the snapshot; the current one's when there is nothing new to learn from."""
    own = context.resources
    resources = training_resources(own.settings, own.stores, own.hub)
    mark = await _mark(context, resources)
    snapshot = await train_and_activate(resources, job.seed, context.advance, kind=job.kind, mark=mark)
    ending = f"kept inactive: {snapshot.rejection}" if snapshot.rejection else "done"
    await context.advance(ending, 1.0)
    return snapshot.version


async def _mark(context: WorkerContext, resources: TrainingResources) -> DataMark:
    """That of the first attempt: with a newer one, a job that was interrupted would begin again. That is wanted when
    a shopper was erased since."""
    noted = context.run.record.notes.get("mark") if context.run else None
    if noted is not None and noted.get("erasures_ordered") == await resources.stores.erasures.newest_order():
        return DataMark(**noted)
    mark = await data_mark(resources)
    if context.run is not None:
        await context.run.note({"mark": {name: getattr(mark, name) for name in DataMark.__slots__}})
    return mark
