"""The job queue on AWS SQS: a queue for each group. SQS delivers a message at least once and knows no ids of jobs; what
a job may rely on beyond that is in `shop.store.job_claims`."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import orjson
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from shop.errors import UnavailableError
from shop.jobs import Job, group_of, to_json
from shop.logs import current_request_id
from shop.store.job_claims import KEPT_DAYS, Claim
from shop.telemetry.spans import carried

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shop.entities.jobs import Backlog, JobGroup, JobRecord
    from shop.store.aws import AwsClient
    from shop.store.job_claims import Begun, Held, JobClaims
    from shop.store.large_messages import LargeMessages

_LARGEST_BYTES = 256 * 1024
_LONGEST_DELAY_SECONDS = 900  # of SQS; a job that is due later is hidden again when it arrives
_LONGEST_HIDING_SECONDS = 43_000  # twelve hours since it was received, of SQS as well
_UNREADABLE = "unreadable"
_SHOWN_CHARACTERS = 1_000
_Seconds = Annotated[float, Field(ge=0, le=1e10)]


@dataclass(frozen=True, slots=True, kw_only=True, config=ConfigDict(strict=True, extra="forbid"))
class QueuedJob:
    """The body of a message. `message` is None for one that `large_messages` has under `token`; times are unix
    seconds. The request id and the trace travel beside the message, because the same may be ordered by any request."""

    id: str
    token: str
    name: str
    message: dict[str, Any] | None
    put_at: _Seconds
    due_at: _Seconds
    recorded: bool = False
    request_id: str | None = None
    trace: dict[str, str] | None = None

    @property
    def claim(self) -> Claim:
        return Claim(self.id, self.token, group_of(self.name))


_QUEUED = TypeAdapter(QueuedJob)


class SqsQueue:
    """JobQueue over SQS, and what a function needs that takes its messages."""

    def __init__(self, urls: Mapping[JobGroup, str], claims: JobClaims, large: LargeMessages, sqs: AwsClient) -> None:
        self._urls = urls
        self._claims = claims
        self._large = large
        self._sqs = sqs

    async def enqueue(self, job: Job, *, job_id: str, delay_seconds: float = 0) -> bool:
        return await self._put(job.name, to_json(job), job_id, current_request_id(), delay_seconds=delay_seconds)

    async def put(self, record: JobRecord) -> bool:
        return await self._put(record.name, record.message, record.id, record.request_id, recorded=True)

    async def forget(self, is_wanted: Callable[[Mapping[str, Any]], bool]) -> int:  # noqa: ARG002 (as the protocol)
        """None: SQS cannot be searched. Whoever takes such a job drops it."""
        return 0

    async def backlog(self) -> dict[JobGroup, Backlog]:
        return await self._claims.backlog()

    def read(self, body: str, message_id: str) -> QueuedJob:
        """The job of a message. What is none comes as a job that no worker knows, to be refused and kept there."""
        try:
            job = _QUEUED.validate_json(body)
        except ValidationError:
            return _unreadable(message_id, body)
        return job if job.due_at < time.time() + KEPT_DAYS * 86_400 else _unreadable(message_id, body)

    async def whole(self, job: QueuedJob) -> QueuedJob:
        """With its message, once the job has begun. One that has expired is replaced by what no job is.

        Raises UnavailableError.
        """
        if job.message is not None:
            return job
        message = await self._large.get(job.token)
        return replace(job, message=message if message is not None else {"text": "The large message has expired."})

    async def begin(self, job: QueuedJob, seconds: float) -> Begun | Held | None:
        """See `JobClaims.begin`."""
        return await self._claims.begin(job.claim, seconds)

    async def keep(self, job: QueuedJob, begun: Begun, seconds: float) -> bool:
        """See `JobClaims.keep`."""
        return await self._claims.keep(job.claim, begun, seconds)

    async def release(self, job: QueuedJob, begun: Begun, delay_seconds: float, *, counts: bool) -> None:
        """See `JobClaims.release`."""
        await self._claims.release(job.claim, begun, delay_seconds, counts=counts)

    async def end(self, job: QueuedJob, begun: Begun) -> bool:
        """Whether SQS may drop the message, see `JobClaims.end`. Raises UnavailableError."""
        ended = await self._claims.end(job.claim, begun)
        if ended:
            with contextlib.suppress(UnavailableError):  # it expires
                await self._large.delete(job.token)
        return ended

    async def hide(self, group: JobGroup, receipt: str, seconds: float) -> None:
        """SQS delivers the message again after so many seconds, rounded up. Raises UnavailableError."""
        seconds = min(_LONGEST_HIDING_SECONDS, math.ceil(seconds))
        await self._sqs.call(
            "change_message_visibility", QueueUrl=self._urls[group], ReceiptHandle=receipt, VisibilityTimeout=seconds
        )

    async def aclose(self) -> None:
        await self._sqs.aclose()

    async def _put(
        self,
        name: str,
        message: dict[str, Any],
        job_id: str,
        request_id: str | None,
        *,
        recorded: bool = False,
        delay_seconds: float = 0,
    ) -> bool:
        now = time.time()
        job = QueuedJob(
            id=job_id,
            token=uuid4().hex,
            name=name,
            message=message,
            put_at=now,
            due_at=now + delay_seconds,
            recorded=recorded,
            request_id=request_id,
            trace=carried() or None,
        )
        if not await self._claims.claim(job.claim):
            return False
        try:
            await self._send(job, delay_seconds)
        except BaseException:  # whoever ordered it may also have left
            with contextlib.suppress(UnavailableError):  # it expires within a minute
                await asyncio.shield(self._claims.withdraw(job.claim))
            raise
        with contextlib.suppress(UnavailableError):  # the message is there: its delivery claims the job anew
            await self._claims.confirm(job.claim, delay_seconds)
        return True

    async def _send(self, job: QueuedJob, delay_seconds: float) -> None:
        body = orjson.dumps(asdict(job))
        if len(body) > _LARGEST_BYTES and job.message is not None:
            await self._large.put(job.token, job.message)
            body = orjson.dumps(asdict(replace(job, message=None)))
        await self._sqs.call(
            "send_message",
            QueueUrl=self._urls[group_of(job.name)],
            MessageBody=_allowed(body.decode()),
            DelaySeconds=min(_LONGEST_DELAY_SECONDS, math.ceil(delay_seconds)),
        )


def _allowed(body: str) -> str:
    """SQS refuses two characters, which JSON can also escape."""
    return body.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")


def _unreadable(message_id: str, body: str) -> QueuedJob:
    now = time.time()
    text = body[:_SHOWN_CHARACTERS]
    return QueuedJob(id=message_id, token=message_id, name=_UNREADABLE, message={"text": text}, put_at=now, due_at=now)
