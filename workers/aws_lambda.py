"""The AWS Lambda edge: handlers over the registry and handle_delivery, as `workers.arq_app` is for arq.

An execution environment has one event loop and one set of resources. Its first call opens them and the next ones use
them again, because clients are bound to their loop. Between two calls the environment is frozen: nothing runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import signal
import threading
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import structlog
from structlog.contextvars import bound_contextvars

from shop.entities.jobs import JobGroup
from shop.errors import BadInputError, UnavailableError
from shop.settings import LlmSettings
from workers.aws_worker import open_worker
from workers.delivery import retry_delay_seconds
from workers.ecs import attempt_training
from workers.llm.chain import sdks
from workers.registry import SCHEDULES
from workers.schedule import Scheduler
from workers.sqs_delivery import attempt, bury

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import FrameType

    from shop.store.sqs_queue import QueuedJob
    from workers.aws_worker import AwsWorker

    # One attempt at a job until a time of the loop; the seconds until the next one, None when SQS may drop it.
    Attempt = Callable[["AwsWorker", QueuedJob, float], Awaitable[float | None]]

T = TypeVar("T")
_log = structlog.get_logger(__name__)
_RESERVE_SECONDS = 3  # of a call's time: for handing back what has not ended
_LEAST_SECONDS = 2  # with less than that no attempt is begun, since each counts


class LambdaContext(Protocol):
    """What of Lambda's context is used."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int: ...


def general(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Takes batches of the queue of general jobs."""
    return _environment.run(partial(handle_batch, event, context, JobGroup.GENERAL, attempt))


def llm(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Takes batches of the queue of jobs that call a language model."""
    return _environment.run(partial(handle_batch, event, context, JobGroup.LLM, attempt))


def training(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Takes trainings: it runs them itself, or has WORKER_TRAINING_TASK run them."""
    return _environment.run(partial(handle_batch, event, context, JobGroup.TRAINING, attempt_training))


def dead_letters(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Takes batches of the dead-letter queues, whose messages no call has ended, and keeps them as failed jobs."""
    return _environment.run(partial(handle_batch, event, context, None, bury))


def schedule(_event: dict[str, Any], context: LambdaContext) -> None:
    """Starts what the registry's schedule has due by now, whichever rule has called."""
    _environment.run(partial(_start_due, context))


class Environment:
    """Lambda's execution environment."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._opened = contextlib.AsyncExitStack()
        self._worker: AwsWorker | None = None
        self._running: asyncio.Task[Any] | None = None

    def run(self, call: Callable[[AwsWorker], Awaitable[T]]) -> T:
        """Raises what the call raises, and SystemExit after SIGTERM."""
        if self._worker is None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._terminated)
        try:
            return self._runner.run(self._call(call))
        except asyncio.CancelledError:
            self.close()
            raise SystemExit(0) from None

    def close(self) -> None:
        """Closes what is open; the next call opens it again."""
        self._runner.run(self._opened.aclose())
        self._worker = None
        self._runner.close()
        self._runner = asyncio.Runner()

    async def _call(self, call: Callable[[AwsWorker], Awaitable[T]]) -> T:
        self._running = asyncio.current_task()
        try:
            if self._worker is None:
                self._worker = await self._opened.enter_async_context(open_worker())
            return await call(self._worker)
        finally:
            self._running = None

    def _terminated(self, _signal: int, _frame: FrameType | None) -> None:
        """In the middle of a call, hands its jobs back; between two, nothing is left to do but to close.

        The runtime client waits for the next call in a thread, which would hold up the interpreter's own end.
        """
        if self._running is not None:
            self._running.get_loop().call_soon_threadsafe(self._running.cancel)
            return
        self.close()
        os._exit(0)


_environment = Environment()

if os.environ.get("_HANDLER", "").endswith(".llm"):
    # While Lambda starts an environment, it has a whole processor; in a call it has what its memory entitles it to.
    for module in sdks(LlmSettings()):
        importlib.import_module(module)


async def _start_due(context: LambdaContext, worker: AwsWorker) -> None:
    with bound_contextvars(aws_request_id=context.aws_request_id):
        await Scheduler(worker.context.resources, SCHEDULES).start_due(datetime.now(UTC))


async def handle_batch(
    event: dict[str, Any], context: LambdaContext, group: JobGroup | None, attempt_at: Attempt, worker: AwsWorker
) -> dict[str, Any]:
    """Lambda's answer names the messages that SQS must keep. `group` is that of the queue, None for dead letters."""
    if not isinstance(event.get("Records"), list):
        raise BadInputError("This function takes batches of messages from SQS.", field="Records")
    seconds = context.get_remaining_time_in_millis() / 1000 - _RESERVE_SECONDS
    deadline = asyncio.get_running_loop().time() + seconds
    with bound_contextvars(aws_request_id=context.aws_request_id):
        dropped = await asyncio.gather(
            *(_deliver(worker, group, record, deadline, attempt_at) for record in event["Records"])
        )
    kept = [record["messageId"] for record, drop in zip(event["Records"], dropped, strict=True) if not drop]
    return {"batchItemFailures": [{"itemIdentifier": id_} for id_ in kept]}


async def _deliver(
    worker: AwsWorker, group: JobGroup | None, record: dict[str, Any], deadline: float, attempt_at: Attempt
) -> bool:
    """Whether SQS may drop the message. One that it must keep is hidden until its next attempt."""
    later: float | None
    try:
        later = retry_delay_seconds(1)
        if deadline - asyncio.get_running_loop().time() >= _LEAST_SECONDS:
            later = await attempt_at(worker, worker.queue.read(record["body"], record["messageId"]), deadline)
    except UnavailableError as error:
        later = retry_delay_seconds(int(record["attributes"]["ApproximateReceiveCount"]))
        _log.warning("message_waits", message_id=record["messageId"], reason=error.message, seconds=later)
    except Exception:  # noqa: BLE001 (a bug in one must not have the whole batch delivered again)
        later = retry_delay_seconds(int(record["attributes"]["ApproximateReceiveCount"]))
        _log.exception("message_failed", message_id=record["messageId"])
    except asyncio.CancelledError:
        await _hide(worker, group, record, 0)
        raise
    if later is None:
        return True
    await _hide(worker, group, record, later)
    return False


async def _hide(worker: AwsWorker, group: JobGroup | None, record: dict[str, Any], seconds: float) -> None:
    """A dead letter needs none: its queue's own time is fine."""
    if group is None:
        return
    try:
        await worker.queue.hide(group, record["receiptHandle"], seconds)
    except Exception as error:  # noqa: BLE001 (a receipt may have expired; the message comes back by itself)
        _log.warning("message_not_hidden", message_id=record["messageId"], reason=str(error))
