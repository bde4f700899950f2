"""Trainings in a task of ECS, which the function starts and looks after."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from aiohttp import web
from click.testing import CliRunner

from shop.entities.jobs import JobGroup, JobState
from shop.jobs import Sweep
from shop.settings import TrainingTask, WorkerSettings
from shop.store.job_claims import Begun
from tests.fixtures.aws import ANNA, Call
from workers.aws_lambda import handle_batch
from workers.aws_task import main
from workers.aws_worker import AwsWorker
from workers.ecs import attempt_training
from workers.sqs_delivery import carry_out

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.fixtures.aws import Function
    from tests.fixtures.job_bodies import Body


class Ecs:
    """What ECS is asked; it starts no task if there is a `failure`."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.failure = ""

    async def run_task(self, request: web.Request) -> web.Response:
        self.asked.append(orjson.loads(await request.read()))
        failures = [{"reason": self.failure}] if self.failure else []
        return web.json_response({"tasks": [], "failures": failures}, content_type="application/x-amz-json-1.1")

    @property
    def variables(self) -> dict[str, str]:
        """Those of the task that was ordered last."""
        (override,) = self.asked[-1]["overrides"]["containerOverrides"]
        return {one["name"]: one["value"] for one in override["environment"]}


@pytest.fixture
async def ecs(aws: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ecs]:
    assert aws
    service, app = Ecs(), web.Application()
    app.router.add_post("/", service.run_task)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_ECS", f"http://127.0.0.1:{runner.addresses[0][1]}")
    yield service
    await runner.cleanup()


TASK = TrainingTask(
    cluster="whybuy", task_definition="training:1", container="training", subnets=["s"], security_groups=["g"]
)


async def test_a_training_can_be_run_by_a_task_that_outlives_the_function(
    function: Function, body: Body, ecs: Ecs
) -> None:
    """The function starts it once, looks after it, and drops the message when the task has ended the job."""
    settings = function.resources.settings.model_copy(update={"worker": WorkerSettings(training_task=TASK)})
    resources = replace(function.resources, settings=settings)
    worker = AwsWorker(replace(function.worker.context, resources=resources), function.worker.queue)
    await function.put()
    (message,) = await function.receive()
    event = {"Records": [message]}

    async def call() -> bool:
        """Whether SQS keeps the message."""
        answer = await handle_batch(event, Call(), JobGroup.GENERAL, attempt_training, worker)
        return bool(answer["batchItemFailures"])

    ecs.failure = "RESOURCE:MEMORY"
    assert await call()
    ecs.failure = ""
    assert await call()
    assert await call(), "it is being started"
    assert len(ecs.asked) == 2
    assert ecs.asked[1]["cluster"] == "whybuy"
    begun = Begun(**orjson.loads(ecs.variables["WHYBUY_JOB_BEGUN"]))
    assert (begun.attempt, body.seen) == (1, []), "an order that failed is no attempt"

    job = function.worker.queue.read(ecs.variables["WHYBUY_JOB"], "task")
    assert await carry_out(function.worker, job, begun) is None

    assert not await call()
    assert body.seen == [ANNA]


async def run_task(function: Function, aws: str, body: str, begun: Begun) -> int:
    """The task's process; its exit status."""
    settings = function.resources.settings
    assert settings.mongo.uri
    assert settings.redis.url
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": aws,
        "MONGODB_URI": settings.mongo.uri,
        "MONGODB_DATABASE": settings.mongo.database,
        "REDIS_URL": settings.redis.url,
        "REDIS_PREFIX": settings.redis.prefix,
        "QUEUE_BACKEND": "sqs",
        **{f"QUEUE_URL_{group.upper()}": "none" for group in JobGroup},
        "WHYBUY_JOB": body,
        "WHYBUY_JOB_BEGUN": orjson.dumps(begun).decode(),
    }
    task = await asyncio.create_subprocess_exec(sys.executable, "-m", "workers.aws_task", env=environment)
    return await task.wait()


async def test_the_task_runs_its_job_and_not_one_that_another_has_begun(function: Function, aws: str) -> None:
    """With the body that the registry has."""
    started = await function.resources.jobs.start(Sweep())
    (message,) = await function.receive()
    job = function.worker.queue.read(message["body"], message["messageId"])
    late = await function.worker.queue.begin(job, seconds=0)
    begun = await function.worker.queue.begin(job, seconds=60)
    assert isinstance(late, Begun)
    assert isinstance(begun, Begun)

    assert await run_task(function, aws, message["body"], late) == 0
    record = await function.resources.jobs.get(started.id)
    assert record is not None
    assert (record.state, record.attempt) == (JobState.QUEUED, 0)

    assert await run_task(function, aws, message["body"], begun) == 0
    record = await function.resources.jobs.get(started.id)
    assert record is not None
    assert record.state is JobState.SUCCEEDED
    assert await function.call(message) == []


def test_a_task_without_a_job_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WHYBUY_JOB", raising=False)

    ran = CliRunner().invoke(main, [])

    assert ran.exit_code == 1
    assert "WHYBUY_JOB_BEGUN must hold the job" in ran.output
