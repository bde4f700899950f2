"""`make fuzz`: attacks an API process of its own, over a small shop, and says what came of it.

Ends with status 1 if there was an answer 500, an INTERNAL error, an answer after more than five seconds, something that
only another viewer may read, or a bystander who waited for longer than 250 ms.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import click

from devstack.bench.databases import own_databases
from devstack.bench.machine import machine, memory_kb
from devstack.fuzz.run import Fuzzer, Report, Target, bystander, host_and_port, waits_of
from devstack.fuzz.shop import target_of
from devstack.fuzz.slow import slow_connections
from devstack.progress import progress
from devstack.stack.data_dir import DataDir
from devstack.stack.environment import child_environment
from devstack.stack.ports import HOST, free_port
from devstack.stack.process import running
from devstack.stack.programs import api_program
from mongo_seed.seed import seed
from shop.resources.serving import open_serving
from shop.settings import AuthSettings, ModelSettings, Settings
from workers.training.pipeline import train_and_activate

_WARMING = 0.2  # of the cases: caches fill up before memory is first measured
_LONGEST_WAIT_MS = 250
_GROWTH = 1.2
_SLOW = 30
_LAST_WORDS = 5_000  # characters of the server's log
_MORE_NICE = 10  # the attacker must not take the processor from those whom it measures


async def attack(cases: int, connections: int, seed_: int) -> bool:
    """Whether the server withstood."""
    with tempfile.TemporaryDirectory(prefix="whybuy-fuzz-") as folder:
        data = DataDir(Path(folder))
        settings = Settings(
            auth=AuthSettings(signing_keys=data.signing_keys()),
            model=ModelSettings(cache_dir=Path(folder) / "models"),
        )
        async with own_databases(settings, data) as found:
            async with open_serving(found) as resources:
                click.echo("seeding and training a small shop")
                await seed(resources.stores.database, sample=60)
                await train_and_activate(resources.training)
                target = await target_of("", resources)
            environment = child_environment(found, data) | {
                "WHYBUY_LOG_LEVEL": "WARNING",
                "API_TRUSTED_PROXIES": '["127.0.0.1"]',  # so that each case comes from an address of its own
            }
            api = api_program(environment, HOST, free_port())
            async with running(api, data.logs / "api.log") as process:
                target = replace(target, url=api.url)
                try:
                    withstood = await _attack(target, process.pid, cases, connections, seed_)
                finally:
                    said = (data.logs / "api.log").read_text()
            if not withstood:
                click.echo(said[-_LAST_WORDS:])
            return withstood


async def _attack(target: Target, pid: int, cases: int, connections: int, seed_: int) -> bool:
    fuzzer = Fuzzer(target, seed_)
    warming = int(cases * _WARMING)
    memory: list[int] = []
    watching = await bystander(target.url)
    os.nice(_MORE_NICE)
    async with slow_connections(*host_and_port(target.url), _SLOW):
        with progress() as show:
            for part in (warming, cases - warming):
                await fuzzer.run(part, connections, lambda done: show("attacking", done, cases))
                memory.append(await memory_kb(pid))
    waits = await waits_of(watching)
    click.echo(f"the server's event loop was late by more than 0.1 s {await _stalls(target.url)} times")
    return _print(fuzzer.report, waits, memory, cases)


async def _stalls(url: str) -> int:
    """As the server counts them, ten looks a second."""
    async with aiohttp.ClientSession() as http, http.get(f"{url}/metrics") as response:
        lines = (await response.text()).splitlines()
    counts = {line.split(" ")[0]: float(line.split(" ")[1]) for line in lines if "stall_seconds_bucket" in line}
    name = 'whybuy_event_loop_stall_seconds_bucket{le="%s"}'
    return int(counts[name % "+Inf"] - counts[name % "0.1"])


def _print(report: Report, waits: dict[str, Any], memory: list[int], cases: int) -> bool:
    click.echo(f"\n{machine()}; {report.total:,} cases")
    for title, counted in (("cases", report.cases), ("statuses", report.statuses), ("codes", report.codes)):
        click.echo(f"{title}: " + ", ".join(f"{name} {number:,}" for name, number in counted.most_common()))
    faults = report.faults
    for name, number in (
        ("answers 500", sum(number for kind, number in faults.items() if kind.startswith("status"))),
        ("INTERNAL", faults["INTERNAL"]),
        ("over 5 s or never", faults["longer than 5 s"] + faults["no answer in 30 s"]),
        ("read across viewers", faults["read across viewers"]),
        ("abnormal closes and lost connections", faults["abnormal close"] + faults["connection lost"]),
    ):
        click.echo(f"{name}: {number}")
    click.echo(f"longest answer: {report.longest_seconds:.2f} s")
    longest = waits["longest"]
    click.echo(
        f"a bystander asked {waits['asked']:,} times, {waits['failed']} without an answer; longest waits in ms: "
        + ", ".join(f"{wait:.0f} (second {second:.0f})" for wait, second in longest[:10])
    )
    grown = memory[1] / memory[0]
    click.echo(
        f"memory: {memory[0] / 1024:.0f} MB after a fifth, {memory[1] / 1024:.0f} MB at the end ({grown - 1:+.0%})"
    )
    for kind, examples in report.examples.items():
        for example in examples:
            click.echo(f"{kind}: {example}")
    stood = not faults and not waits["failed"] and longest[0][0] <= _LONGEST_WAIT_MS and grown <= _GROWTH
    return stood and report.total == cases


@click.command(help=__doc__)
@click.option("--cases", default=20_000, show_default=True, help="How many.")
@click.option("--connections", default=4, show_default=True, help="How many clients attack at the same time.")
@click.option("--seed", "seed_", default=0, show_default=True, help="Another one makes other cases.")
def main(cases: int, connections: int, seed_: int) -> None:
    sys.exit(0 if asyncio.run(attack(cases, connections, seed_)) else 1)


if __name__ == "__main__":
    main()
