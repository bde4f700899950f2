"""`make bench-lambda`: the cloud functions in Lambda's own runtime client, on databases of their own.

It prints for each how long it takes to start and to answer its first call, the calls of a warm one, and its memory.
Texts are the template's: what is measured is ours, not a language model's.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import click
import orjson

from devstack.bench.databases import own_databases
from devstack.bench.machine import machine, memory_kb
from devstack.serverless.package import OUTPUT
from devstack.serverless.runtime_api import function
from devstack.stack.data_dir import DataDir
from mongo_seed.migrate import migrate
from scoring.types import ReasonKind
from shop.entities.catalog import Product
from shop.entities.evidence import Evidence
from shop.jobs import ExplainItem, ExplainList, Job, RollUpExperiments, Sweep, to_json
from shop.resources.stores import open_stores
from shop.settings import LlmSettings, Settings
from shop.store.sqs_queue import QueuedJob

if TYPE_CHECKING:
    from collections.abc import Callable

_NOWHERE = "http://127.0.0.1:1"  # what succeeds calls no queue
_PRODUCT = "tea"


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds, calls per second, and resident memory in megabytes."""

    name: str
    start: float
    first: float
    warm: float
    warm_p95: float
    memory: float

    @property
    def row(self) -> str:
        return (
            f"{self.name:<13}{self.start * 1000:>10.0f}{self.first * 1000:>12.0f}{self.warm * 1000:>11.1f}"
            f"{self.warm_p95 * 1000:>11.1f}{1 / self.warm:>10.0f}{self.memory:>12.0f}"
        )


_HEAD = (
    f"{'function':<13}{'start ms':>10}{'1st call ms':>12}{'warm ms':>11}{'p95 ms':>11}{'calls/s':>10}{'memory MB':>12}"
)


def batch(*jobs: Job) -> dict[str, object]:
    """The event of a batch of messages."""
    return {"Records": [_record(job) for job in jobs]}


def _record(job: Job) -> dict[str, object]:
    id_, now = uuid4().hex, time.time()
    body = QueuedJob(id=id_, token=id_, name=job.name, message=to_json(job), put_at=now, due_at=now)
    return {
        "messageId": id_,
        "receiptHandle": id_,
        "body": orjson.dumps(asdict(body)).decode(),
        "attributes": {"ApproximateReceiveCount": "1"},
    }


def _texts(count: int) -> ExplainList:
    reasons = (Evidence(ReasonKind.POPULAR, count=12),)
    items = tuple(ExplainItem(uuid4().hex, _PRODUCT, reasons, turn) for turn in range(count))
    return ExplainList(f"s:{uuid4().hex}", "en", items)


EVENTS: dict[str, Callable[[], object]] = {
    "general": lambda: batch(RollUpExperiments()),
    "llm": lambda: batch(_texts(1)),
    "training": batch,  # what a training takes is told by `make bench-scoring`
    "schedule": dict,
    "dead_letters": lambda: batch(Sweep()),
}


# AWS's list prices in US dollars, November 2026, arm64: a GB-second, a call, a request to SQS.
_GB_SECOND, _CALL, _SQS_REQUEST = 0.0000133334, 0.20e-6, 0.40e-6
_MEMORY_GB = 1.0  # of `llm` in serverless.yml
_BATCH, _LIST = 4, 10  # lists in a call of `llm`, texts in a list


def dollars_per_1000_texts(seconds: float) -> float:
    """What AWS costs for 1,000 texts when a call of `llm` takes so long for a whole batch of lists."""
    lists = 1000 / _LIST
    requests = 3 * lists  # a message is sent, received and deleted
    return lists / _BATCH * (seconds * _MEMORY_GB * _GB_SECOND + _CALL) + requests * _SQS_REQUEST


async def measure(settings: Settings, folder: Path, calls: int) -> tuple[list[Measured], float]:
    """Each function, and the seconds of a warm call of `llm` for a batch of lists."""
    data = DataDir(folder)
    packages = {name: _unpacked(name, folder) for name in ("texts", "training")}
    async with own_databases(settings, data) as own:
        async with open_stores(own) as stores:
            await migrate(stores.database)
            await stores.catalog.upsert([Product(_PRODUCT, _PRODUCT, "Tea")])
        environment = {
            "MONGODB_URI": own.mongo.uri or "",
            "REDIS_URL": own.redis.url or "",
            "WHYBUY_LOG_JSON": "true",
            "LLM_PROVIDER": "anthropic",  # its SDK is imported, the largest one; without a key the template writes
            "QUEUE_BACKEND": "sqs",
            "AWS_ENDPOINT_URL": _NOWHERE,
            "AWS_REGION": "eu-central-1",
            **{f"QUEUE_URL_{group}": f"{_NOWHERE}/{group}" for group in ("GENERAL", "LLM", "TRAINING")},
        }
        measured = [
            await _one(name, packages["training" if name == "training" else "texts"], environment, folder, calls)
            for name in EVENTS
        ]
        async with function("workers.aws_lambda.llm", packages["texts"], environment, folder / "batch.log") as one:
            batches = [await one.invoke(batch(*(_texts(_LIST) for _ in range(_BATCH)))) for _ in range(calls // 10 + 1)]
        return measured, statistics.fmean(answer.seconds for answer in batches[1:])


async def _one(name: str, package: Path, environment: dict[str, str], folder: Path, calls: int) -> Measured:
    began = time.perf_counter()
    async with function(f"workers.aws_lambda.{name}", package, environment, folder / f"{name}.log") as one:
        start = time.perf_counter() - began
        answers = [await one.invoke(EVENTS[name]()) for _ in range(calls + 1)]
        if bad := [one.body for one in answers if one.failed or (one.body or {}).get("batchItemFailures")]:
            raise click.ClickException(f"{name} failed: {bad[0]}; its log: {(folder / f'{name}.log').read_text()}")
        warm = sorted(answer.seconds for answer in answers[1:])
        return Measured(
            name,
            start,
            answers[0].seconds,
            statistics.fmean(warm),
            warm[int(len(warm) * 0.95)],
            await memory_kb(one.process.pid) / 1024,
        )


def _unpacked(package: str, folder: Path) -> Path:
    """Raises ClickException when the package was not built."""
    file = OUTPUT / "local" / f"{package}.zip"
    if not file.exists():
        raise click.ClickException("The packages are not built; `make package-lambda ARGS=--local` builds them.")
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder / package)
    return folder / package


@click.command(help=__doc__)
@click.option("--calls", default=200, show_default=True, type=click.IntRange(20), help="Calls of a warm function.")
def main(calls: int) -> None:
    with tempfile.TemporaryDirectory(prefix="whybuy-bench-") as folder:
        plain = Settings().model_copy(update={"llm": LlmSettings(provider="template")})
        measured, seconds = asyncio.run(measure(plain, Path(folder), calls))
    click.echo(f"\n{machine()}; one call at a time, databases on the same machine\n{_HEAD}")
    for one in measured:
        click.echo(one.row)
    click.echo(f"a call of llm for {_BATCH} lists of {_LIST} texts, without the model's time: {seconds * 1000:.0f} ms")
    for model_seconds in (0, 2, 5, 10):
        price = dollars_per_1000_texts(seconds + model_seconds)
        click.echo(f"1,000 texts, the model taking {model_seconds:>2} s for a list: {price * 100:.3f} US cents of AWS")


if __name__ == "__main__":
    main()
