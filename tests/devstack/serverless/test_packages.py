"""The packages of functions: what is in them and how large they are; each handler runs in Lambda's own runtime client,
with a bare Python and nothing but its package."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from devstack.bench.functions import batch
from devstack.errors import StackError
from devstack.serverless import package as packaging
from devstack.serverless.package import LIMIT, OUTPUT, Target, contents, here, install, libraries, write_zip
from devstack.serverless.runtime_api import function
from shop.entities.jobs import JobFilter, JobGroup, JobState
from shop.entities.paging import PageRequest
from shop.jobs import RollUpSession, TrainModel
from shop.resources.stores import open_stores
from shop.store.aws import AwsClient
from tests.fixtures import import_all
from tests.fixtures.aws import new_queues, receive
from tests.fixtures.small_shop import stock
from tests.scoring.synthetic import Shape

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.resources.stores import Stores
    from shop.settings import Settings
    from shop.store.database import Database

pytestmark = pytest.mark.slow

NUMERICS = {"numpy", "scipy", "sklearn", "joblib"}
WEB = {"strawberry", "starlette", "uvicorn", "graphql", "arq"}
# 94 MB with bytecode when this was written; each megabyte more is a slower start.
LARGEST_TEXTS = 105_000_000
# What each package is without, and of which no function imports a module that needs it.
ABSENT = {
    "texts": {"argon2", "arq", "click", "cryptography", "numpy", "opentelemetry.exporter", "rapidfuzz"},
    "training": {"argon2", "arq", "cryptography", "opentelemetry.exporter", "rapidfuzz"},
}


def package(name: str) -> Path:
    file = OUTPUT / "local" / f"{name}.zip"
    assert file.exists(), "`make test` builds the packages; `make package-lambda ARGS=--local` does it alone"
    return file


def listed(name: str) -> list[zipfile.ZipInfo]:
    with zipfile.ZipFile(package(name)) as archive:
        return archive.infolist()


def top_level(name: str) -> set[str]:
    return {entry.filename.split("/")[0] for entry in listed(name)}


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpacked("training", tmp_path_factory.mktemp("training"))


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpacked("texts", tmp_path_factory.mktemp("texts"))


def unpacked(name: str, folder: Path) -> Path:
    with zipfile.ZipFile(package(name)) as archive:
        archive.extractall(folder)
    return folder


@dataclass(frozen=True)
class SmallShop:
    settings: Settings
    stores: Stores


@pytest.fixture
async def small(settings: Settings, database: Database, aws: str) -> AsyncIterator[SmallShop]:
    """A shop whose jobs go to SQS."""
    assert aws
    await stock(database, Shape(users=30, items=40, orders_per_user=4))
    sqs = AwsClient("sqs", timeout_seconds=10)
    own = settings.model_copy(update={"queue": await new_queues(sqs)})
    async with open_stores(own) as opened:
        yield SmallShop(own, opened)
    await sqs.aclose()


def environment(small: SmallShop, folder: Path) -> dict[str, str]:
    settings = small.settings
    return {
        "MONGODB_URI": settings.mongo.uri or "",
        "MONGODB_DATABASE": settings.mongo.database,
        "REDIS_URL": settings.redis.url or "",
        "REDIS_PREFIX": settings.redis.prefix,
        "MODEL_CACHE_DIR": str(folder / "models"),
        "OPENBLAS_NUM_THREADS": "1",
        "WHYBUY_LOG_JSON": "true",
        "QUEUE_BACKEND": "sqs",
        **{f"QUEUE_URL_{group.upper()}": url for group, url in settings.queue.urls.items()},
    }


def test_the_package_of_texts_has_no_numerics_and_stays_small() -> None:
    assert top_level("texts").isdisjoint(NUMERICS | WEB)
    assert {"bootstrap", "workers", "shop", "anthropic", "openai", "awslambdaric"} <= top_level("texts")
    assert sum(entry.file_size for entry in listed("texts")) < LARGEST_TEXTS


def test_the_package_of_trainings_is_below_lambdas_limit() -> None:
    assert {"numpy", "scipy", "sklearn"} <= top_level("training")
    assert sum(entry.file_size for entry in listed("training")) < LIMIT


def test_no_package_has_tests_or_secrets_or_what_others_need() -> None:
    for name in ("texts", "training"):
        names = [entry.filename for entry in listed(name)]
        assert not [one for one in names if "/tests/" in one or one.endswith((".pyi", ".env")) or "graphql_api/" in one]
        assert all(entry.external_attr >> 16 & 0o444 == 0o444 for entry in listed(name)), "Lambda's user can read it"


def test_a_package_above_the_limit_is_not_written(tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(LIMIT + 1)

    with pytest.raises(StackError, match="262,144,000"):
        write_zip({"large.so": large}, tmp_path / "x.zip")
    assert not (tmp_path / "x.zip").exists()


def test_libraries_are_made_anew_for_another_lock_or_target(tmp_path: Path) -> None:
    one, other = libraries("texts", Target("arm64", "3.13")), libraries("texts", Target("x86_64", "3.13"))

    assert one != other
    assert contents(tmp_path).keys() >= {"bootstrap", "workers/llm/grammar.py", "shop/jobs.py"}


def test_libraries_that_cannot_be_fetched_are_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packaging, "OUTPUT", tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))

    with pytest.raises(StackError, match="make package-lambda"):
        install("texts", here())
    assert not list((tmp_path / "libraries").iterdir())


def test_zips_go_where_they_are_wanted_and_are_the_same_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    libraries = tmp_path / "libraries"
    libraries.mkdir()
    monkeypatch.setattr(packaging, "install", lambda _package, _target: libraries)

    made = []
    for name in ("one", "other"):
        arguments = ["--local", "--only", "texts", "--output", str(tmp_path / name)]
        result = CliRunner().invoke(packaging.main, arguments, catch_exceptions=False)
        assert "local/texts.zip" in result.stdout
        assert [file.name for file in (tmp_path / name / "local").iterdir()] == ["texts.zip"], "nothing half-made"
        made.append((tmp_path / name / "local" / "texts.zip").read_bytes())

    assert made[0] == made[1]


def imported(folder: Path, *names: str) -> tuple[set[str], dict[str, str]]:
    """The modules that import in a clean interpreter, and of the others what they miss."""
    python = str(Path(sys.base_prefix) / "bin" / "python3")
    command = (python, "-I", "-S", "-B", import_all.__file__, str(folder), *names)
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={})
    assert done.returncode == 0, done.stderr
    found, missing = json.loads(done.stdout)
    return set(found), missing


def test_the_package_of_texts_has_all_that_its_modules_import(texts: Path) -> None:
    found, missing = imported(texts, "shop", "workers")

    assert set(missing.values()) == ABSENT["texts"]
    assert found >= {"workers.aws_lambda", "workers.llm.chain", "workers.tasks.explanations", "shop.store.sqs_queue"}


def test_the_package_of_trainings_has_all_that_its_modules_import(training: Path) -> None:
    found, missing = imported(training, "scoring", "shop", "workers")

    assert set(missing.values()) == ABSENT["training"]
    assert found >= {"workers.aws_lambda", "workers.aws_task", "workers.training.pipeline", "workers.tasks.train"}
    assert not [name for name in missing if name.startswith("scoring.")]


async def lines_of(log: Path, event: str) -> list[dict[str, Any]]:
    lines = (line for line in log.read_text().splitlines() if line.startswith("{"))
    return [found for line in lines if (found := json.loads(line))["event"] == event]


async def test_a_function_keeps_what_is_open_and_closes_it_when_it_is_stopped(
    texts: Path, small: SmallShop, tmp_path: Path
) -> None:
    log = tmp_path / "general.log"
    async with function("workers.aws_lambda.general", texts, environment(small, tmp_path), log) as one:
        answers = [await one.invoke(batch(RollUpSession("shopper-1"))) for _ in range(3)]
        answers.append(await one.invoke({"not": "a batch"}))
        answers.append(await one.invoke(batch(RollUpSession("shopper-2"))))
        one.process.terminate()
        assert await asyncio.wait_for(one.process.wait(), 30) == 0

    assert [answer.failed for answer in answers] == [False, False, False, True, False]
    assert answers[3].body["errorMessage"] == "This function takes batches of messages from SQS."
    assert [answer.body for answer in answers if not answer.failed] == [{"batchItemFailures": []}] * 4
    assert len(await lines_of(log, "worker_started")) == 1, "the next calls use what the first one has opened"
    done = await lines_of(log, "job_done")
    assert len(done) == 4
    assert all(line["_aws"]["CloudWatchMetrics"] and line["aws_request_id"] for line in done)
    assert len(await lines_of(log, "worker_stopped")) == 1


async def test_the_schedule_function_puts_what_is_due_once(texts: Path, small: SmallShop, tmp_path: Path) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    for name in ("sweep", "roll_up_experiments"):
        await small.stores.schedules.last(name, yesterday)  # the first look notes the time

    handler, variables = "workers.aws_lambda.schedule", environment(small, tmp_path)
    async with function(handler, texts, variables, tmp_path / "schedule.log") as one:
        answers = [await one.invoke({"schedule": "sweep"}) for _ in range(2)]

    assert not any(answer.failed for answer in answers)
    page = await small.stores.jobs.page(PageRequest(), JobFilter(JobState.QUEUED))
    assert {record.name for record, _ in page.rows} >= {"sweep", "roll_up_experiments"}
    sqs = AwsClient("sqs", timeout_seconds=10)
    messages = await receive(sqs, small.settings.queue.urls[JobGroup.GENERAL])
    await sqs.aclose()
    names = [json.loads(message["body"])["name"] for message in messages]
    assert names, "they are in the queue"
    assert sorted(set(names)) == sorted(names), "one message for each"


async def test_the_training_function_trains(training: Path, small: SmallShop, tmp_path: Path) -> None:
    variables = environment(small, tmp_path)
    async with function("workers.aws_lambda.training", training, variables, tmp_path / "training.log") as one:
        answer = await one.invoke(batch(TrainModel(seed=3)), seconds=600)

    assert answer.body == {"batchItemFailures": []}
    (snapshot,) = await small.stores.snapshots.recent(5)
    assert snapshot.version
