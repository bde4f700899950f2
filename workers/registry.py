"""The one list of jobs. Every edge (arq, a function in the cloud, a test) runs exactly these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shop.entities.models import TrainingKind
from shop.jobs import ExplainList, RollUpSession, StreamExplanation, TrainModel, WriteInsight
from workers.tasks.explain import explain_list
from workers.tasks.insight import roll_up_session, write_insight
from workers.tasks.stream import stream_explanation
from workers.tasks.train import LONGEST_SECONDS, train_model

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from shop.jobs import FollowedJob, Job
    from workers.context import WorkerContext


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A job's message, body and limits. Retryable errors are tried again, others are not."""

    message: type[Job]
    body: Callable[[WorkerContext, Any], Awaitable[object]]
    timeout_seconds: int
    tries: int = 5

    @property
    def name(self) -> str:
        return self.message.name


@dataclass(frozen=True, slots=True)
class Schedule:
    """Starts a job at these hours, UTC; on one day of the week (0 is Monday) or on all."""

    name: str
    job: FollowedJob
    hours: frozenset[int]
    minute: int = 0
    weekday: int | None = None


JOBS: dict[str, JobSpec] = {
    spec.name: spec
    for spec in (
        JobSpec(ExplainList, explain_list, timeout_seconds=60),
        JobSpec(StreamExplanation, stream_explanation, timeout_seconds=60),
        JobSpec(WriteInsight, write_insight, timeout_seconds=60),
        JobSpec(RollUpSession, roll_up_session, timeout_seconds=60),
        # Ended by itself, so that its record says so; the queue's own limit is there for what cannot end itself.
        JobSpec(TrainModel, train_model, timeout_seconds=LONGEST_SECONDS + 60),
    )
}

# None at the same minute as another: one training at a time, and one that runs is not started again.
SCHEDULES: tuple[Schedule, ...] = (
    Schedule("train_full", TrainModel(TrainingKind.FULL), frozenset({3})),
    Schedule("refresh_embeddings", TrainModel(TrainingKind.EMBEDDINGS), frozenset({0, 6, 12, 18})),
    Schedule("refresh_content", TrainModel(TrainingKind.CONTENT), frozenset({4}), minute=30, weekday=6),
)
