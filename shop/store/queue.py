"""The job queue on arq: the only place outside `workers` that knows it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import orjson
from arq.connections import ArqRedis
from arq.constants import job_key_prefix, retry_key_prefix

from shop.entities.jobs import Backlog, JobGroup
from shop.jobs import Job, group_of, to_json
from shop.logs import current_request_id
from shop.store.redis import pattern, redis_errors
from shop.telemetry.spans import carried

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shop.entities.jobs import JobRecord
    from shop.store.keys import Keys
    from shop.store.redis import Redis

_SCANNED = 1_000  # keys that Redis looks at in one step
_EXPIRY_DAYS = 30  # arq drops a job that nobody has run by then


def serialize(data: dict[str, Any]) -> bytes:
    """arq's default is pickle; JSON cannot run code and other languages can read it. An error becomes its text."""
    return orjson.dumps(data, default=repr)


def deserialize(data: bytes) -> dict[str, Any]:
    loaded: dict[str, Any] = orjson.loads(data)
    return loaded


def _message(value: bytes) -> dict[str, Any]:
    """The message of a queue's entry; empty for what is no job."""
    try:
        match deserialize(value):
            case {"a": [dict(message)]}:
                return message
    except ValueError:
        pass
    return {}


class ArqQueue:
    """JobQueue over arq: a queue for each group; the arq function has the job's name and takes its message.

    The request id and the trace context travel beside the message, because the same message may be ordered by any
    request.
    """

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._keys = keys
        self._arq = ArqRedis(
            redis.connection_pool,
            job_serializer=serialize,
            job_deserializer=deserialize,
            expires_extra_ms=_EXPIRY_DAYS * 86_400_000,
        )

    async def enqueue(self, job: Job, *, job_id: str, delay_seconds: float = 0) -> bool:
        return await self._put(job.name, to_json(job), job_id, current_request_id(), _defer_by=delay_seconds or None)

    async def put(self, record: JobRecord) -> bool:
        return await self._put(record.name, record.message, record.id, record.request_id, recorded=True)

    async def forget(self, is_wanted: Callable[[Mapping[str, Any]], bool]) -> int:
        deleted = 0
        with redis_errors():
            async for key in self._arq.scan_iter(match=pattern(job_key_prefix + self._keys.job("")), count=_SCANNED):
                value = await self._arq.get(key)
                if value is None or not is_wanted(_message(value)):
                    continue
                id_ = key.decode().removeprefix(job_key_prefix)
                for group in JobGroup:
                    await self._arq.zrem(self._keys.queue_of(group), id_)
                deleted += await self._arq.delete(key)
                await self._arq.delete(retry_key_prefix + id_)
        return deleted

    async def backlog(self) -> dict[JobGroup, Backlog]:
        now = time.time() * 1_000
        with redis_errors():
            async with self._arq.pipeline(transaction=False) as pipeline:
                for group in JobGroup:
                    queue = self._keys.queue_of(group)
                    pipeline.zcard(queue)
                    pipeline.zrange(queue, 0, 0, withscores=True)
                answers = await pipeline.execute()
        return {
            group: Backlog(jobs, max(0.0, (now - oldest[0][1]) / 1_000) if oldest else 0.0)
            for group, jobs, oldest in zip(JobGroup, answers[::2], answers[1::2], strict=True)
        }

    async def _put(
        self, name: str, message: dict[str, Any], job_id: str, request_id: str | None, **options: Any
    ) -> bool:
        if request_id is not None:
            options["request_id"] = request_id
        if trace := carried():
            options["trace"] = trace
        with redis_errors():
            put = await self._arq.enqueue_job(
                name,
                message,
                _job_id=self._keys.job(job_id),
                _queue_name=self._keys.queue_of(group_of(name)),
                **options,
            )
        return put is not None
