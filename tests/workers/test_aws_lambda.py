"""Messages of SQS in a function: what is delivered twice, in vain, too early or too late, and what becomes of it."""

from __future__ import annotations

import asyncio
import os
import re
import stat
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson
import pytest

from scoring.types import ReasonKind
from shop.entities.evidence import Evidence
from shop.entities.jobs import JobGroup
from shop.errors import BadInputError, UnavailableError
from shop.jobs import ExplainItem, ExplainList, Sweep
from shop.resources.texts import open_texts
from shop.store.aws import AwsClient
from shop.store.job_claims import Begun, Held
from shop.store.sqs_queue import SqsQueue
from tests.fixtures.aws import ANNA, Call, deliver_all, receive
from tests.fixtures.redis import redis_settings
from tests.fixtures.waiting import until
from workers import aws_lambda
from workers.aws_lambda import handle_batch
from workers.aws_metrics import with_metrics
from workers.aws_parameters import load_parameters
from workers.aws_worker import AwsWorker
from workers.sqs_delivery import attempt, bury

if TYPE_CHECKING:
    from shop.store.sqs_queue import QueuedJob
    from tests.fixtures.aws import Function
    from tests.fixtures.job_bodies import Body


async def test_a_message_that_comes_twice_at_once_runs_once(function: Function, body: Body) -> None:
    await function.put()
    (message,) = await function.receive()
    body.gate.clear()
    first = asyncio.create_task(function.call(message))

    async def runs() -> bool:
        return bool(body.seen)

    await until(runs, "the job to run")
    assert await function.call(message) == [message["messageId"]], "the other one is running it"
    body.gate.set()

    assert await first == []
    assert await function.call(message) == [], "it has ended"
    assert len(body.seen) == 1


async def test_of_two_who_have_begun_the_later_one_has_the_job(function: Function) -> None:
    """The lock of the first one was over; whatever it does now changes nothing."""
    await function.put()
    (message,) = await function.receive()
    queue = function.worker.queue
    job = queue.read(message["body"], message["messageId"])
    first = await queue.begin(job, seconds=0)
    second = await queue.begin(job, seconds=60)
    assert isinstance(first, Begun)
    assert isinstance(second, Begun)

    await queue.release(job, first, 0, counts=False)
    assert not await queue.keep(job, first, 60)
    assert not await queue.end(job, first)

    assert isinstance(await queue.begin(job, seconds=0), Held)
    assert await queue.keep(job, second, 60)
    assert await queue.end(job, second)
    assert not await queue.keep(job, second, 60)


LARGE = ExplainList(
    "u:anna", "en", (ExplainItem("key", "1", (Evidence(ReasonKind.POPULAR, label="large " * 60_000),)),)
)


async def test_a_large_message_that_comes_again_after_its_end_is_dropped(function: Function, body: Body) -> None:
    await function.worker.queue.enqueue(LARGE, job_id="large")
    messages = await receive(function.sqs, function.resources.settings.queue.urls[JobGroup.LLM])

    assert await function.call(*messages) == []
    assert await function.call(*messages) == []

    assert body.seen == [LARGE]
    assert await function.failed() == []


async def test_a_large_message_that_has_expired_is_a_failed_job(function: Function, body: Body) -> None:
    await function.worker.queue.enqueue(LARGE, job_id="large")
    messages = await receive(function.sqs, function.resources.settings.queue.urls[JobGroup.LLM])
    await function.resources.stores.database["large_messages"].delete_many({})

    assert await function.call(*messages) == []

    (record,) = await function.failed()
    assert (record.id, record.name, record.error_code) == ("large", "explain_list", "BAD_USER_INPUT")
    assert body.seen == []


@pytest.mark.parametrize("arrives", [True, False], ids=["SQS has it", "SQS has it not"])
async def test_a_job_whose_order_was_interrupted_can_be_put_again(
    function: Function, body: Body, monkeypatch: pytest.MonkeyPatch, arrives: bool
) -> None:
    """By a shopper who left."""
    call = AwsClient.call

    async def interrupted(self: AwsClient, operation: str, **parameters: Any) -> dict[str, Any]:
        if arrives:
            await call(self, operation, **parameters)
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(AwsClient, "call", interrupted)
        with pytest.raises(asyncio.CancelledError):
            await function.worker.queue.enqueue(ANNA, job_id="anna")
    assert not any(backlog.jobs for backlog in (await function.worker.queue.backlog()).values())

    await function.put()
    await deliver_all(function.resources, function.sqs)

    assert len(body.seen) == 1
    assert await function.receive() == []


@pytest.mark.parametrize("due_at", ["1e300", "-1.0", "1e999", "4000000000"])
async def test_a_message_of_an_impossible_time_is_refused(function: Function, body: Body, due_at: str) -> None:
    await function.put()
    (message,) = await function.receive()
    odd = re.sub(r'"due_at":[0-9.e+]+', f'"due_at":{due_at}', message["body"])

    assert await function.call({**message, "body": odd}) == []

    (record,) = await function.failed()
    assert (record.name, record.error_code) == ("unreadable", "BAD_USER_INPUT")
    assert body.seen == []


async def test_an_old_message_of_a_job_that_was_put_again_is_dropped(function: Function, body: Body) -> None:
    await function.put()
    (old,) = await function.receive()
    await function.call(old)
    await function.put()

    assert await function.call(old) == []
    assert len(body.seen) == 1
    await deliver_all(function.resources, function.sqs)
    assert len(body.seen) == 2


async def test_a_job_whose_function_was_killed_is_run_by_the_next_and_that_counts(
    function: Function, body: Body
) -> None:
    await function.put()
    (message,) = await function.receive()
    job = function.worker.queue.read(message["body"], message["messageId"])
    assert await function.begin(job, seconds=0.2) == 1

    async def taken_over() -> bool:
        return await function.call(message) == []

    await until(taken_over, "the end of the lock")
    assert body.last_tries == [False]
    assert await function.worker.queue.begin(job, seconds=1) is None


async def test_a_job_that_kills_its_function_each_time_is_on_record(function: Function, body: Body) -> None:
    await function.put()
    (message,) = await function.receive()
    job = function.worker.queue.read(message["body"], message["messageId"])
    for number in (1, 2, 3):  # tries
        assert await function.begin(job, seconds=0) == number

    assert await function.call(message) == []

    (record,) = await function.failed()
    assert (record.id, record.error_code, record.attempt) == ("anna", "WORKER_LOST", 3)
    assert body.seen == []


async def test_what_cannot_be_done_in_a_calls_time_is_handed_back_and_ends_on_record(
    function: Function, body: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws_lambda, "_LEAST_SECONDS", 0)
    body.gate.clear()
    await function.put()

    async def is_failed() -> bool:
        for message in await function.receive():
            kept = await function.call(message, seconds=4)
            assert kept == ([message["messageId"]] if not await function.failed() else [])
        return bool(await function.failed())

    await until(is_failed, "the last try")
    (record,) = await function.failed()
    assert (record.error_code, len(body.seen)) == ("WORKER_LOST", 3)


async def test_a_call_that_has_no_time_left_begins_nothing(function: Function, body: Body) -> None:
    await function.put()
    (message,) = await function.receive()

    assert await function.call(message, seconds=4.5) == [message["messageId"]]
    assert body.seen == []
    job = function.worker.queue.read(message["body"], message["messageId"])
    assert await function.begin(job, seconds=0) == 1, "that was no attempt"


async def test_a_function_that_is_stopped_hands_its_jobs_back_at_once_and_that_does_not_count(
    function: Function, body: Body
) -> None:
    body.gate.clear()
    await function.put()
    (message,) = await function.receive()
    call = asyncio.create_task(function.call(message))

    async def runs() -> bool:
        return bool(body.seen)

    await until(runs, "the job to run")
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    body.gate.set()

    (again,) = await function.receive()
    assert again["messageId"] == message["messageId"]
    job = function.worker.queue.read(again["body"], again["messageId"])
    assert await function.begin(job, seconds=0) == 1


async def test_only_what_failed_comes_again_of_a_batch(function: Function, body: Body) -> None:
    body.errors = [UnavailableError("MongoDB")]
    for name in ("a", "b", "c"):
        await function.put(name)
    messages = await function.receive()

    kept = await function.call(*messages)

    assert len(kept) == 1
    assert len(body.seen) == 3
    assert await function.call(*messages) == [], "those that have ended are dropped, the other one runs"
    assert len(body.seen) == 4


async def test_a_redis_that_has_lost_its_data_loses_no_job(function: Function, body: Body) -> None:
    await function.put()
    stores = function.resources.stores
    await stores.redis.delete(stores.keys.job_claim("anna"), stores.keys.jobs_waiting(JobGroup.GENERAL))

    (message,) = await function.receive()

    assert await function.call(message) == []
    assert len(body.seen) == 1


async def test_without_redis_a_message_waits(function: Function, body: Body) -> None:
    await function.put()
    (message,) = await function.receive()
    away = redis_settings("redis://127.0.0.1:1/0", "away")
    async with open_texts(function.resources.settings.model_copy(update={"redis": away})) as cut_off:
        assert isinstance(cut_off.stores.queue, SqsQueue)
        worker = AwsWorker(replace(function.worker.context, resources=cut_off), cut_off.stores.queue)
        answer = await handle_batch({"Records": [message]}, Call(), JobGroup.GENERAL, attempt, worker)

    assert answer == {"batchItemFailures": [{"itemIdentifier": message["messageId"]}]}
    assert body.seen == []
    await deliver_all(function.resources, function.sqs)
    assert len(body.seen) == 1


async def test_a_dead_letter_is_a_failed_job_that_can_be_tried_again(function: Function, body: Body) -> None:
    started = await function.resources.jobs.start(Sweep())
    await function.put()
    letters = await function.receive()
    event = {"Records": letters}

    for _ in range(2):  # SQS may deliver them twice
        assert await handle_batch(event, Call(), None, bury, function.worker) == {"batchItemFailures": []}

    records = {record.id: record for record in await function.failed()}
    assert records.keys() == {"anna", started.id}
    assert {record.error_code for record in records.values()} == {"WORKER_LOST"}
    await function.resources.jobs.retry("anna")
    await function.resources.jobs.retry(started.id)
    await deliver_all(function.resources, function.sqs)
    assert await function.failed() == []
    assert sorted(type(job).__name__ for job in body.seen) == ["RollUpSession", "Sweep"]


async def test_a_job_that_is_due_later_than_sqs_can_delay_waits(function: Function, body: Body) -> None:
    await function.put()
    (message,) = await function.receive()
    job = function.worker.queue.read(message["body"], message["messageId"])
    later = orjson.dumps(asdict(replace(job, due_at=time.time() + 3_600))).decode()

    assert await function.call({**message, "body": later}) == [message["messageId"]]
    assert body.seen == []
    assert await function.begin(job, seconds=0) == 1, "that was no attempt"


async def test_a_bug_of_ours_in_one_message_does_not_take_the_batch_with_it(
    function: Function, body: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    await function.put("broken")
    await function.put("whole")
    messages = await function.receive()
    begin = SqsQueue.begin

    async def breaks(self: SqsQueue, job: QueuedJob, seconds: float) -> object:
        if job.id == "broken":
            raise RuntimeError("a bug")
        return await begin(self, job, seconds)

    monkeypatch.setattr(SqsQueue, "begin", breaks)

    kept = await function.call(*messages)

    assert kept == [message["messageId"] for message in messages if '"broken"' in message["body"]]
    assert len(body.seen) == 1


async def test_what_is_no_batch_of_messages_is_refused(function: Function) -> None:
    with pytest.raises(BadInputError, match="batches of messages from SQS"):
        await handle_batch({"hello": "test"}, Call(), JobGroup.GENERAL, attempt, function.worker)


async def test_secrets_come_from_the_parameter_store_and_what_is_set_stays(
    aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert aws
    ssm, path = AwsClient("ssm", timeout_seconds=10), f"/whybuy/{uuid4().hex[:8]}/secrets"
    names = [f"LLM_TEST_{number}" for number in range(12)]  # more than a page
    for name in names:
        await ssm.call("put_parameter", Name=f"{path}/{name}", Value=f"secret of {name}", Type="SecureString")
    await ssm.aclose()
    for name in names:
        monkeypatch.setenv(name, "to be taken back")
        monkeypatch.delenv(name)
    monkeypatch.setenv(names[0], "own")
    monkeypatch.setenv("WHYBUY_PARAMETERS", path)

    assert await load_parameters() == sorted(names)

    assert [os.environ[name] for name in names[:2]] == ["own", "secret of LLM_TEST_1"]


async def test_a_parameter_of_a_file_is_written_into_one_that_nobody_else_may_read(
    aws: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert aws
    ssm, path, name = AwsClient("ssm", timeout_seconds=10), f"/whybuy/{uuid4().hex[:8]}/secrets", "LLM_TEST_CA_FILE"
    await ssm.call("put_parameter", Name=f"{path}/{name}", Value="-----BEGIN CERTIFICATE-----", Type="SecureString")
    await ssm.aclose()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv(name, "to be taken back")
    monkeypatch.delenv(name)
    monkeypatch.setenv("WHYBUY_PARAMETERS", path)

    await load_parameters()

    written = Path(os.environ[name])
    assert written.read_text() == "-----BEGIN CERTIFICATE-----"
    assert stat.S_IMODE(written.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ({"event": "job_done", "job": "sweep", "ms": 12}, "JobMilliseconds", 12),
        ({"event": "job_failed", "job": "sweep", "code": "UNAVAILABLE"}, "JobFailures", 1),
        ({"event": "job_given_up", "job": "sweep", "code": "TIMEOUT"}, "JobsGivenUp", 1),
    ],
)
def test_log_lines_of_jobs_are_metrics(line: dict[str, Any], name: str, value: int) -> None:
    logged = with_metrics(None, "info", dict(line))

    (metric,) = logged["_aws"]["CloudWatchMetrics"]
    assert metric["Namespace"] == "Whybuy"
    assert metric["Dimensions"] == [["job"]]
    assert metric["Metrics"][0]["Name"] == name
    assert logged[name] == value
    assert line.items() <= logged.items()


def test_other_log_lines_are_none() -> None:
    assert with_metrics(None, "info", {"event": "worker_started"}) == {"event": "worker_started"}
