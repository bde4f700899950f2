"""Typed job messages and the queue that carries them. What runs a job is in `workers`; nothing here knows it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import orjson
from pydantic import ConfigDict, PositiveInt, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from shop.entities.evidence import Evidence
from shop.entities.jobs import Backlog, JobGroup
from shop.entities.models import TrainingKind
from shop.errors import BadInputError
from shop.validation import describe, path_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

    from shop.entities.jobs import JobRecord

# Raised when a message changes so that code of before would misread it. Fields with a default can be added without.
MESSAGE_VERSION = 1
_STRICT = ConfigDict(strict=True, extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class Message:
    """What every job's message has. One that was stored without a version is of version 1."""

    name: ClassVar[str]
    version: PositiveInt = MESSAGE_VERSION

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`. Raises BadInputError that names what is wrong by its path into the message."""
        version = data.get("version", MESSAGE_VERSION)
        if isinstance(version, int) and version > MESSAGE_VERSION:
            raise BadInputError(
                f"version: {version} is newer than {MESSAGE_VERSION}, the newest that this worker reads. "
                "Update the worker, then try the job again.",
                field="version",
            )
        try:
            # As JSON, because strictness has other rules there: a list is a tuple, and a string may be an enum's value.
            return TypeAdapter(cls).validate_json(orjson.dumps(data), extra="forbid")
        except ValidationError as error:
            raise BadInputError(describe(error), field=path_of(error.errors()[0])) from error


@dataclass(frozen=True, slots=True, config=_STRICT)
class ExplainItem:
    """One explanation to write."""

    key: str
    product_id: str
    evidence: tuple[Evidence, ...]
    turn: int = 0  # its place in the list, from 0


@dataclass(frozen=True, slots=True, config=_STRICT)
class ExplainList(Message):
    """Write the explanations of a list's items, all in one call of the provider."""

    name: ClassVar[str] = "explain_list"
    actor_key: str
    language: str
    items: tuple[ExplainItem, ...]


@dataclass(frozen=True, slots=True, config=_STRICT)
class StreamExplanation(Message):
    """Write one explanation, and show it while it is written."""

    name: ClassVar[str] = "stream_explanation"
    actor_key: str
    language: str
    item: ExplainItem


@dataclass(frozen=True, slots=True, config=_STRICT)
class WriteInsight(Message):
    """Write the one sentence on a user's taste in one language, from the profile as it is when the job runs."""

    name: ClassVar[str] = "write_insight"
    user_id: str
    language: str = "en"


@dataclass(frozen=True, slots=True, config=_STRICT)
class TrainModel(Message):
    """Train on everything in the store and activate the snapshot, unless the guard is against it.

    `seed` is None for the setting's.
    """

    name: ClassVar[str] = "train_model"
    kind: TrainingKind = TrainingKind.FULL
    seed: int | None = None


@dataclass(frozen=True, slots=True, config=_STRICT)
class RollUpSession(Message):
    """Fold a user's new events into the profile."""

    name: ClassVar[str] = "roll_up_session"
    user_id: str


@dataclass(frozen=True, slots=True, config=_STRICT)
class RollUpExperiments(Message):
    """Count what was shown, clicked and bought, per day, variant, model version and scenario."""

    name: ClassVar[str] = "roll_up_experiments"


@dataclass(frozen=True, slots=True, config=_STRICT)
class Sweep(Message):
    """Delete old records of jobs, and put those into the queue again that it has lost."""

    name: ClassVar[str] = "sweep"


@dataclass(frozen=True, slots=True, config=_STRICT)
class ExportShopper(Message):
    """Gather everything that is stored of a shopper; the order names whom."""

    name: ClassVar[str] = "export_shopper"
    export_id: str


@dataclass(frozen=True, slots=True, config=_STRICT)
class EraseShopper(Message):
    """Erase everything that is stored of a shopper; the order names whom, until it is done."""

    name: ClassVar[str] = "erase_shopper"
    erasure_id: str


# Have a record from the start; those of ONE_AT_A_TIME run one at a time.
RecordedJob = TrainModel | RollUpExperiments | Sweep | ExportShopper | EraseShopper
Job = ExplainList | StreamExplanation | WriteInsight | RollUpSession | RecordedJob

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
    """Where jobs are put, each with the id of the request that ordered it and the trace of whoever puts it. A job whose
    id is already waiting or running is not put twice."""

    async def enqueue(self, job: Job, *, job_id: str, delay_seconds: float = 0) -> bool:
        """True if it was put, False if one with this id is already there. Raises UnavailableError."""
        ...

    async def put(self, record: JobRecord) -> bool:
        """The same for a job that has a record, under the record's id."""
        ...

    async def forget(self, is_wanted: Callable[[Mapping[str, Any]], bool]) -> int:
        """Deletes jobs by their messages, as far as the queue can find them; how many. Raises UnavailableError."""
        ...

    async def backlog(self) -> dict[JobGroup, Backlog]:
        """What waits in each group. Raises UnavailableError."""
        ...
