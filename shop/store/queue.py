"""The job queue on arq: the only place outside `workers` that knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from arq.connections import ArqRedis

from shop.jobs import Job, to_json
from shop.store.redis import redis_errors

if TYPE_CHECKING:
    from shop.store.keys import Keys
    from shop.store.redis import Redis


def serialize(data: dict[str, Any]) -> bytes:
    """arq's default is pickle; JSON cannot run code and other languages can read it. An error becomes its text."""
    return orjson.dumps(data, default=repr)


def deserialize(data: bytes) -> dict[str, Any]:
    loaded: dict[str, Any] = orjson.loads(data)
    return loaded


class ArqQueue:
    """JobQueue over arq: the arq function has the job's name and takes its message."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._prefix = keys.prefix  # arq's own keys have none: two shops on one server would share their jobs
        self._arq = ArqRedis(
            redis.connection_pool,
            job_serializer=serialize,
            job_deserializer=deserialize,
            default_queue_name=keys.queue,
        )

    async def enqueue(self, job: Job, *, job_id: str, delay_seconds: float = 0) -> bool:
        with redis_errors():
            put = await self._arq.enqueue_job(
                job.name, to_json(job), _job_id=f"{self._prefix}:{job_id}", _defer_by=delay_seconds or None
            )
        return put is not None
