"""`make bench-jobs`: a worker process writes many explanations from templates, on databases of its own.

It prints the rate, the growth of the worker's memory, and whether every text was written, and written once.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from devstack.bench.databases import announced_texts, own_databases
from devstack.bench.machine import machine, memory_kb
from devstack.progress import progress
from devstack.stack.data_dir import DataDir
from devstack.stack.environment import child_environment
from devstack.stack.process import running
from devstack.stack.programs import worker_program
from mongo_seed.migrate import migrate
from scoring.types import ReasonKind
from shop.entities.catalog import Product
from shop.entities.evidence import Evidence
from shop.entities.jobs import JobFilter, JobGroup, JobState
from shop.jobs import ExplainItem, ExplainList
from shop.resources.stores import Stores, open_stores
from shop.settings import LlmSettings, Settings, WorkerSettings
from shop.store.admin import count_documents

_PRODUCTS = 200
_TENTHS = 10
_AT_ONCE = 50
_LOOK_SECONDS = 0.1
_LOOKS_AT_QUEUES = 100
_TIMEOUT_SECONDS = 120  # without any text


@dataclass(frozen=True, slots=True)
class Sample:
    """After so many jobs: seconds since the first one, and the worker's resident memory in kilobytes."""

    jobs: int
    seconds: float
    memory_kb: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the jobs; `twice` are texts that were announced more than once."""

    ordered: int
    stored: int
    announced: int
    twice: int
    failed: int
    waiting: int

    @property
    def complete(self) -> bool:
        return self.stored == self.announced == self.ordered and not (self.twice or self.failed or self.waiting)


async def enqueue(stores: Stores, jobs: int) -> None:
    """Puts the jobs into the queue: one text each, for a shopper of its own."""
    await migrate(stores.database)
    await stores.catalog.upsert([Product(f"p{number}", f"p{number}", f"Tea {number}") for number in range(_PRODUCTS)])
    with progress() as show:
        for start in range(0, jobs, _AT_ONCE):
            numbers = range(start, min(start + _AT_ONCE, jobs))
            await asyncio.gather(*(stores.queue.enqueue(_job(one), job_id=f"explain:{one}") for one in numbers))
            show("putting jobs into the queue", numbers.stop, jobs)


def _job(number: int) -> ExplainList:
    evidence = (Evidence(ReasonKind.POPULAR, count=number % 100 + 2),)
    item = ExplainItem(f"text-{number}", f"p{number % _PRODUCTS}", evidence)
    return ExplainList(f"s:visitor-{number}", "en", (item,))


async def wait_for_texts(stores: Stores, pid: int, jobs: int) -> list[Sample]:
    """Waits until all texts are stored; a sample at every tenth. Raises ClickException when nothing happens."""
    samples: list[Sample] = []
    began = last = time.monotonic()
    before = 0
    with progress() as show:
        while before < jobs:
            await asyncio.sleep(_LOOK_SECONDS)
            done = await count_documents(stores.database, "explanations")
            now = time.monotonic()
            if done != before:
                last = now
            elif now - last > _TIMEOUT_SECONDS:
                raise click.ClickException(f"No text for {_TIMEOUT_SECONDS} s; {done:,} of {jobs:,} are written.")
            if done == 0:
                began = now
            if done * _TENTHS // jobs > before * _TENTHS // jobs:
                samples.append(Sample(done, now - began, await memory_kb(pid)))
            before = done
            show("writing texts", done, jobs)
    return samples


async def count(stores: Stores, jobs: int) -> Counts:
    """Counts what is there once the queues are empty."""
    queues = [stores.keys.queue_of(group) for group in JobGroup]
    for _ in range(_LOOKS_AT_QUEUES):
        if (waiting := sum([await stores.redis.zcard(queue) for queue in queues])) == 0:
            break
        await asyncio.sleep(_LOOK_SECONDS)
    announced = await announced_texts(stores.event_log)
    return Counts(
        ordered=jobs,
        stored=await count_documents(stores.database, "explanations"),
        announced=len(announced),
        twice=sum(times > 1 for times in announced.values()),
        failed=await stores.jobs.count(JobFilter(JobState.FAILED)),
        waiting=waiting,
    )


async def measure(settings: Settings, jobs: int, folder: Path) -> bool:
    """Prints what was measured; whether nothing was lost or done twice."""
    data = DataDir(folder)
    plain = settings.model_copy(update={"llm": LlmSettings(provider="template"), "worker": WorkerSettings()})
    async with own_databases(plain, data) as own, open_stores(own) as stores:
        await enqueue(stores, jobs)
        environment = child_environment(own, data) | {"LLM_PROVIDER": "template"}
        environment |= {"MONGODB_DATABASE": own.mongo.database, "REDIS_PREFIX": own.redis.prefix}
        async with running(worker_program(environment), data.logs / "worker.log") as worker:
            samples = await wait_for_texts(stores, worker.pid, jobs)
            counted = await count(stores, jobs)
    _report(samples, counted)
    return counted.complete


def _report(samples: list[Sample], counted: Counts) -> None:
    click.echo(f"\n{machine()}; one worker, texts from templates, databases on the same machine")
    click.echo(f"{'jobs':>8}{'seconds':>10}{'jobs/s':>9}{'memory MB':>12}")
    previous = Sample(0, 0.0, 0)
    for sample in samples:
        rate = (sample.jobs - previous.jobs) / max(sample.seconds - previous.seconds, 1e-9)
        click.echo(f"{sample.jobs:>8,}{sample.seconds:>10.1f}{rate:>9.0f}{sample.memory_kb / 1024:>12.1f}")
        previous = sample
    settled = samples[len(samples) // 2 :]
    slope = np.polyfit([one.jobs for one in settled], [one.memory_kb for one in settled], 1)[0]
    click.echo(f"memory over the second half: {slope * 1000:+.0f} kB for each 1,000 jobs")
    click.echo(f"all in all: {samples[-1].jobs / samples[-1].seconds:.0f} jobs/s")
    click.echo(
        f"ordered {counted.ordered:,}, stored {counted.stored:,}, announced {counted.announced:,}, announced twice "
        f"{counted.twice:,}, failed {counted.failed:,}, still waiting {counted.waiting:,}"
    )


@click.command(help=__doc__)
@click.option("--jobs", default=10_000, show_default=True, type=click.IntRange(100, 50_000), help="Texts to write.")
def main(jobs: int) -> None:
    with tempfile.TemporaryDirectory(prefix="whybuy-bench-") as folder:
        complete = asyncio.run(measure(Settings(), jobs, Path(folder)))
    sys.exit(0 if complete else 1)


if __name__ == "__main__":
    main()
