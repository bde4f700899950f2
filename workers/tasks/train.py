"""Trains a model, and tells those who follow the job."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from workers.training import Mark, TrainingError, data_mark, train_and_activate

if TYPE_CHECKING:
    from shop.jobs import TrainModel
    from shop.resources import Resources
    from shop.services.jobs import Run
    from workers.context import WorkerContext


LONGEST_SECONDS = 3_600


async def train_model(context: WorkerContext, job: TrainModel) -> str | None:
    """Returns the new version; None when the job had ended before."""
    resources = context.resources
    async with resources.jobs.running(job.record, last_try=context.last_try) as run:
        if run is None:
            return None
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                mark = await _mark(resources, run)
                snapshot = await train_and_activate(resources, job.seed, run.advance, kind=job.kind, mark=mark)
        except TimeoutError as error:
            raise TrainingError(f"Training took longer than {LONGEST_SECONDS} s and was ended.") from error
        ending = f"kept inactive: {snapshot.rejection}" if snapshot.rejection else "done"
        await run.succeed(ending, snapshot.version)
        return snapshot.version


async def _mark(resources: Resources, run: Run) -> Mark:
    """That of the first attempt: new events must not make a job that was interrupted begin again."""
    noted = run.record.notes.get("mark")
    if noted is not None:
        return Mark(**noted)
    mark = await data_mark(resources)
    await run.note({"mark": {name: getattr(mark, name) for name in Mark.__slots__}})
    return mark
