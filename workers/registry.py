"""The one list of jobs. Every edge (arq, a function in the cloud, a test) runs exactly these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shop.jobs import ExplainList, RollUpSession, TrainModel, WriteInsight
from workers.tasks.explain import explain_list
from workers.tasks.insight import roll_up_session, write_insight
from workers.tasks.train import train_model

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from shop.jobs import Job
    from workers.context import WorkerContext


@dataclass(frozen=True, slots=True)
class DailyAt:
    """Once a day, UTC."""

    hour: int
    minute: int = 0


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A job's message, body and limits. Retryable errors are tried again, others are not."""

    message: type[Job]
    body: Callable[[WorkerContext, Any], Awaitable[object]]
    timeout_seconds: int
    tries: int = 5
    schedule: DailyAt | None = None

    @property
    def name(self) -> str:
        return self.message.name


JOBS: dict[str, JobSpec] = {
    spec.name: spec
    for spec in (
        JobSpec(ExplainList, explain_list, timeout_seconds=60),
        JobSpec(WriteInsight, write_insight, timeout_seconds=60),
        JobSpec(RollUpSession, roll_up_session, timeout_seconds=60),
        JobSpec(TrainModel, train_model, timeout_seconds=3600, tries=2, schedule=DailyAt(hour=3)),
    )
}
