"""`make bench`: how fast recommendations are served, beside the same query over constant data as the floor.

Both are one API process each, asked over the same number of keep-alive connections from this process. The ratio is
what counts: it is what ranking, looking up and logging cost on top of GraphQL itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from devstack.bench.client import Connection, graphql_request
from devstack.bench.databases import shopper_ids
from devstack.bench.machine import machine
from devstack.stack.data_dir import DataDir
from devstack.stack.databases import open_databases
from devstack.stack.environment import child_environment
from devstack.stack.ports import HOST, free_port
from devstack.stack.process import Program, accepts, running
from devstack.stack.programs import api_program, worker_program
from shop.settings import Settings
from shop.store.database import connect

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROUNDS = 5
_WARM_SECONDS = 120
QUERY = """
query ($input: RecommendationInput) {
  recommendations(input: $input) {
    items {
      score
      confidence
      product { id name }
      breakdown { collaborative { share } contentBased { share } neural { share } contextual { share } }
      reasons { kind count value }
      explanation { status text }
    }
  }
}
"""


@dataclass(frozen=True, slots=True)
class Result:
    """Requests per second, and latencies in milliseconds, sorted."""

    rate: float
    latencies: list[float]

    def percentile(self, share: float) -> float:
        return self.latencies[min(len(self.latencies) - 1, int(share * len(self.latencies)))]


def request(user: str, limit: int) -> bytes:
    return graphql_request(QUERY, {"input": {"limit": limit}}, {"X-User": user})


async def load(port: int, requests: Sequence[bytes], connections: int, seconds: float) -> Result:
    """Every connection asks one request after the other until the time is over."""
    latencies: list[float] = []
    begin = time.perf_counter()

    async def work(offset: int) -> None:
        connection = await Connection.open(port)
        turn = offset
        while time.perf_counter() - begin < seconds:
            started = time.perf_counter()
            await connection.post(requests[turn % len(requests)])
            latencies.append((time.perf_counter() - started) * 1000)
            turn += connections
        await connection.close()

    await asyncio.gather(*(work(offset) for offset in range(connections)))
    return Result(len(latencies) / (time.perf_counter() - begin), sorted(latencies))


async def warm(port: int, requests: Sequence[bytes]) -> None:
    """Asks for every list until all explanations are written."""
    connection = await Connection.open(port)
    deadline = time.monotonic() + _WARM_SECONDS
    waiting = list(requests)
    while waiting:
        answers = {entry: await connection.post(entry) for entry in waiting}
        waiting = [entry for entry, text in answers.items() if b'"PENDING"' in text]
        click.echo(f"warming: {len(requests) - len(waiting)} of {len(requests)} lists are ready")
        if time.monotonic() > deadline:
            raise click.ClickException("The worker did not write all explanations in two minutes.")
        await asyncio.sleep(0.5 if waiting else 0)
    await connection.close()


async def measure(settings: Settings, users: int, connections: int, seconds: float, limit: int) -> None:
    data = DataDir(settings.stack.data_dir)
    async with open_databases(settings) as found, contextlib.AsyncExitStack() as stack:
        requests = [request(user, limit) for user in await shoppers_of(found, users)]
        environment = child_environment(found, data) | {"WHYBUY_LOG_LEVEL": "WARNING"}
        api = api_program(environment, HOST, free_port())
        await stack.enter_async_context(running(api, data.logs / "bench-api.log"))
        async with running(worker_program(environment), data.logs / "bench-worker.log"):
            await warm(api.port or 0, requests)
        floor = _floor_program(limit)
        await stack.enter_async_context(running(floor, data.logs / "bench-floor.log"))
        results: dict[str, list[Result]] = {"floor": [], "recommendations": []}
        for _ in range(_ROUNDS):  # in turns, so that other load on the machine affects both
            for name, port in (("floor", floor.port or 0), ("recommendations", api.port or 0)):
                await load(port, requests, connections, 1)
                results[name].append(await load(port, requests, connections, seconds))
            click.echo(f"measured {_ROUNDS} rounds of {seconds:g} s")
    _report(results, len(requests), connections, limit)


async def shoppers_of(settings: Settings, count: int) -> list[str]:
    """At most so many shoppers, always the same ones. Raises ClickException when there are none."""
    client, database = connect(settings.mongo)
    try:
        shoppers = await shopper_ids(database)
    finally:
        client.close()
    if not shoppers:
        raise click.ClickException("There are no shoppers in the database. Run `whybuy seed` and `whybuy train` first.")
    return shoppers[:count]


def _floor_program(limit: int) -> Program:
    port = free_port()

    async def ready() -> bool:
        return await accepts(HOST, port)

    command = (sys.executable, "-m", "devstack.bench.floor", str(port), str(limit))
    return Program("floor", command, {}, ready, port)


def _report(results: dict[str, list[Result]], users: int, connections: int, limit: int) -> None:
    middle = {name: sorted(rounds, key=lambda result: result.rate)[_ROUNDS // 2] for name, rounds in results.items()}
    click.echo(
        f"\n{machine()}; recommendations(limit: {limit}), {users} shoppers, {connections} connections, "
        "one API process, load from the same machine"
    )
    click.echo(f"{'':<16}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}")
    for name, result in middle.items():
        columns = (result.percentile(0.5), result.percentile(0.99), result.latencies[-1])
        click.echo(f"{name:<16}{result.rate:>12.0f}" + "".join(f"{value:>9.1f}" for value in columns))
    pairs = zip(results["recommendations"], results["floor"], strict=True)
    ratios = sorted(shop.rate / floor.rate for shop, floor in pairs)
    click.echo(f"ratio to the floor: {ratios[_ROUNDS // 2]:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")


@click.command(help=__doc__)
@click.option("--users", default=200, show_default=True, help="Shoppers to ask for, in turn.")
@click.option("--connections", default=8, show_default=True, help="Connections that ask at the same time.")
@click.option("--seconds", default=5.0, show_default=True, help="Length of each of the rounds.")
@click.option("--limit", default=10, show_default=True, help="Items of each list.")
def main(users: int, connections: int, seconds: float, limit: int) -> None:
    asyncio.run(measure(Settings(), users, connections, seconds, limit))


if __name__ == "__main__":
    main()
