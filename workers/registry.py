"""The one list of jobs. Every edge (arq, a function in the cloud, a test) runs exactly these."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from shop.entities.models import TrainingKind
from shop.jobs import (
    EraseShopper,
    ExplainList,
    ExportShopper,
    RollUpExperiments,
    RollUpSession,
    StreamExplanation,
    Sweep,
    TrainModel,
    WriteInsight,
    group_of,
)
from workers.schedule import JobSchedule

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from shop.entities.jobs import JobGroup
    from shop.jobs import Job
    from workers.context import WorkerContext

    Body = Callable[[WorkerContext, Any], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A job's message, body and limits. Retryable errors are tried again, others and time-outs are not."""

    message: type[Job]
    load: Callable[[], Body]  # imports the body; called by the first job that needs it
    timeout_seconds: int
    tries: int = 5

    @property
    def name(self) -> str:
        return self.message.name

    @property
    def group(self) -> JobGroup:
        """The group whose limit counts it while it runs."""
        return group_of(self.name)


def _body(path: str) -> Callable[[], Body]:
    """Finds `module:function`. Without an import statement here, a process that runs no training needs no numpy."""
    return partial(resolve_name, path)


JOBS: dict[str, JobSpec] = {
    spec.name: spec
    for spec in (
        JobSpec(ExplainList, _body("workers.tasks.explanations:explain_list"), timeout_seconds=60),
        JobSpec(StreamExplanation, _body("workers.tasks.explanation_stream:stream_explanation"), timeout_seconds=60),
        JobSpec(WriteInsight, _body("workers.tasks.insights:write_insight"), timeout_seconds=60),
        JobSpec(RollUpSession, _body("workers.tasks.insights:roll_up_session"), timeout_seconds=60),
        JobSpec(TrainModel, _body("workers.tasks.train:train_model"), timeout_seconds=3_600),
        JobSpec(RollUpExperiments, _body("workers.tasks.roll_up:roll_up_experiments"), timeout_seconds=600),
        JobSpec(Sweep, _body("workers.tasks.sweep:sweep"), timeout_seconds=600),
        JobSpec(ExportShopper, _body("workers.tasks.privacy:export_shopper"), timeout_seconds=3_600),
        # A worker that dies in the middle of it leaves it to the next one, as often as need be.
        JobSpec(EraseShopper, _body("workers.tasks.privacy:erase_shopper"), timeout_seconds=3_600, tries=50),
    )
}

# Only one training can be active, and a start while one is active adds none: so no two may be due at the same minute.
SCHEDULES: tuple[JobSchedule, ...] = (
    JobSchedule("train_full", TrainModel(TrainingKind.FULL), cron="0 3 * * *"),
    JobSchedule("refresh_embeddings", TrainModel(TrainingKind.EMBEDDINGS), cron="0 0,6,12,18 * * *"),
    JobSchedule("refresh_content", TrainModel(TrainingKind.CONTENT), cron="30 4 * * SUN"),
    JobSchedule("roll_up_experiments", RollUpExperiments(), cron="*/5 * * * *"),
    JobSchedule("sweep", Sweep(), cron="17 * * * *"),
)
