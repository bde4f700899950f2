"""Trainings that outlive a cloud function: the function has a task of ECS run the attempt, and looks after it.

The message of the job stays in its queue. While the task holds the claim, each delivery of the message is handed back;
when the task has ended the job, the next one drops the message; when the task was lost, it starts another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import structlog

from shop.errors import UnavailableError
from shop.store.aws import AwsClient
from shop.store.job_claims import Begun
from workers.sqs_delivery import attempt, begin

if TYPE_CHECKING:
    from shop.settings import TrainingTask
    from shop.store.sqs_queue import QueuedJob
    from workers.aws_worker import AwsWorker

_log = structlog.get_logger(__name__)
JOB_VARIABLE, BEGUN_VARIABLE = "WHYBUY_JOB", "WHYBUY_JOB_BEGUN"
_STARTING_SECONDS = 600  # a task that has not begun by then is lost: to pull an image takes minutes
_LOOK_SECONDS = 120


async def attempt_training(worker: AwsWorker, job: QueuedJob, deadline: float) -> float | None:
    """As `workers.sqs_delivery.attempt`; by a task that runs `workers.aws_task` if WORKER_TRAINING_TASK names one."""
    task = worker.context.resources.settings.worker.training_task
    if task is None:
        return await attempt(worker, job, deadline)
    begun = await begin(worker, job, _STARTING_SECONDS)
    if not isinstance(begun, Begun):
        return min(begun, _LOOK_SECONDS) if begun is not None else None
    try:
        await _run_task(task, job, begun)
    except BaseException:  # nothing has begun
        await worker.queue.release(job, begun, 0, counts=False)
        raise
    _log.info("task_started", job=job.name, job_id=job.id, attempt=begun.attempt)
    return _LOOK_SECONDS


async def _run_task(task: TrainingTask, job: QueuedJob, begun: Begun) -> None:
    """Raises UnavailableError when ECS does not take it."""
    client = AwsClient("ecs", timeout_seconds=10)
    variables = {JOB_VARIABLE: job, BEGUN_VARIABLE: begun}
    environment = [{"name": name, "value": orjson.dumps(value).decode()} for name, value in variables.items()]
    network = {"subnets": task.subnets, "securityGroups": task.security_groups, "assignPublicIp": "DISABLED"}
    try:
        answer = await client.call(
            "run_task",
            cluster=task.cluster,
            taskDefinition=task.task_definition,
            launchType="FARGATE",
            count=1,
            clientToken=begun.holder,  # an order that is repeated starts no second task
            networkConfiguration={"awsvpcConfiguration": network},
            overrides={"containerOverrides": [{"name": task.container, "environment": environment}]},
        )
    finally:
        await client.aclose()
    if failures := answer.get("failures"):
        raise UnavailableError("ECS", problem=f"starts no task: {failures[0].get('reason', 'unknown')}.")
