"""Typed job messages and the queue that carries them. What runs a job is in `workers`; nothing here knows it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol

from scoring.types import ReasonKind
from shop.entities.evidence import Evidence
from shop.entities.jobs import JobGroup, JobRecord
from shop.entities.models import TrainingKind


@dataclass(frozen=True, slots=True)
class ExplainItem:
    """One explanation to write."""

    key: str
    product_id: str
    evidence: tuple[Evidence, ...]

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ExplainItem:
        reasons = (Evidence(**{**reason, "kind": ReasonKind(reason["kind"])}) for reason in data["evidence"])
        return cls(data["key"], data["product_id"], tuple(reasons))


@dataclass(frozen=True, slots=True)
class ExplainList:
    """Write the explanations of a list's items, all in one call of the provider."""

    name: ClassVar[str] = "explain_list"
    actor_key: str
    language: str
    items: tuple[ExplainItem, ...]

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ExplainList:
        return cls(data["actor_key"], data["language"], tuple(ExplainItem.from_json(item) for item in data["items"]))


@dataclass(frozen=True, slots=True)
class StreamExplanation:
    """Write one explanation, and show it while it is written."""

    name: ClassVar[str] = "stream_explanation"
    actor_key: str
    language: str
    item: ExplainItem

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> StreamExplanation:
        return cls(data["actor_key"], data["language"], ExplainItem.from_json(data["item"]))


@dataclass(frozen=True, slots=True)
class WriteInsight:
    """Write the one sentence on a user's taste from the profile and in the language as they are when the job runs."""

    name: ClassVar[str] = "write_insight"
    user_id: str

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> WriteInsight:
        return cls(data["user_id"])


@dataclass(frozen=True, slots=True)
class TrainModel:
    """Train on everything in the store and activate the snapshot, unless the guard is against it.

    `seed` is None for the setting's.
    """

    name: ClassVar[str] = "train_model"
    kind: TrainingKind = TrainingKind.FULL
    seed: int | None = None

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> TrainModel:
        return cls(TrainingKind(data["kind"]), data["seed"])


@dataclass(frozen=True, slots=True)
class RollUpSession:
    """Fold a user's new events into the profile."""

    name: ClassVar[str] = "roll_up_session"
    user_id: str

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> RollUpSession:
        return cls(**data)


@dataclass(frozen=True, slots=True)
class RollUpExperiments:
    """Count what was shown, clicked and bought, per day, variant, model version and scenario."""

    name: ClassVar[str] = "roll_up_experiments"

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> RollUpExperiments:
        return cls(**data)


@dataclass(frozen=True, slots=True)
class Sweep:
    """Forget old records of jobs, and put those again that the queue has lost."""

    name: ClassVar[str] = "sweep"

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Sweep:
        return cls(**data)


FollowedJob = TrainModel | RollUpExperiments | Sweep  # have a record from the start, and run one at a time
Job = ExplainList | StreamExplanation | WriteInsight | RollUpSession | FollowedJob

ONE_AT_A_TIME = frozenset({TrainModel.name, RollUpExperiments.name, Sweep.name})
_GROUPS = {
    ExplainList.name: JobGroup.LLM,
    StreamExplanation.name: JobGroup.LLM,
    WriteInsight.name: JobGroup.LLM,
    TrainModel.name: JobGroup.TRAINING,
}


def group_of(name: str) -> JobGroup:
    """The group of the jobs of this name."""
    return _GROUPS.get(name, JobGroup.GENERAL)


def to_json(job: Job) -> dict[str, Any]:
    """The message as JSON-ready data; `type(job).from_json` is the inverse."""
    return asdict(job)


class JobQueue(Protocol):
    """Where jobs are put. A job whose id is already waiting or running is not put twice."""

    async def enqueue(self, job: Job, *, job_id: str, delay_seconds: float = 0) -> bool:
        """True if it was put, False if one with this id is already there. Raises UnavailableError."""
        ...

    async def put(self, record: JobRecord) -> bool:
        """The same for a job that has a record, under the record's id."""
        ...
