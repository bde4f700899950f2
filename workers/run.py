"""Runs one job, whatever edge it came through."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import structlog

from shop.errors import BadInputError
from workers.registry import JOBS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workers.context import WorkerContext

_log = structlog.get_logger(__name__)


async def run_job(context: WorkerContext, name: str, message: Mapping[str, Any]) -> object:
    """Decodes the message and runs the body. Raises what the body raises; BadInputError for what is not a job."""
    spec = JOBS.get(name)
    if spec is None:
        raise BadInputError(f"There is no job {name!r}; known are {', '.join(JOBS)}.")
    try:
        job = spec.message.from_json(dict(message))
    except (KeyError, TypeError, ValueError) as error:
        raise BadInputError(f"This is not a message of the job {name!r}: {error!r}") from error
    started = time.monotonic()
    result = await spec.body(context, job)
    _log.info("job_done", job=name, result=result, ms=round((time.monotonic() - started) * 1000))
    return result


def retry_delay_seconds(attempt: int) -> float:
    """Doubles from one second, at most five minutes. `attempt` counts from 1."""
    return float(min(300, 2 ** (attempt - 1)))
