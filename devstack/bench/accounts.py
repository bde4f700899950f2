"""`make bench-accounts`: what it costs to know who asks, and whether sign-ins slow others down.

First the benchmark's query with `X-User`, with an access token and with an API key, in turns. Then so many lists a
second, alone and beside sign-ins at a steady rate. One API process, asked from this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import click
import orjson

from devstack.bench.client import Connection, graphql_request
from devstack.bench.machine import machine
from devstack.bench.serving import QUERY, Result, load, shoppers_of, warm
from devstack.stack.data_dir import DataDir
from devstack.stack.databases import open_databases
from devstack.stack.environment import child_environment
from devstack.stack.ports import HOST, free_port
from devstack.stack.process import running
from devstack.stack.programs import api_program, worker_program
from graphql_api.relay import encode_id
from shop.entities.access import Scope, SignUpDraft
from shop.resources.accounts import open_accounts
from shop.services.sign_ins import Door
from shop.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

_ROUNDS = 21  # short ones, each in another order: the machine's speed changes within seconds
_PAIRS = 5
_POOL = 64  # connections
_PASSWORD = "three words in a row"  # noqa: S105 (of accounts that this makes)
_ACCOUNTS = 20
_LIMITS = (
    "ATTEMPTS_PER_ADDRESS",
    "ATTEMPTS_PER_ACCOUNT",
    "SIGN_INS_PER_ACCOUNT",
    "COST_PER_MINUTE",
    "WRITES_PER_MINUTE",
)
_NO_LIMITS = {f"RATE_{name}": "1e9" for name in _LIMITS} | {"API_TRUSTED_PROXIES": f'["{HOST}"]'}
Pool = asyncio.Queue[Connection]
SIGN_IN = """
mutation ($email: String!, $password: String!) {
  signIn(input: { email: $email, password: $password }) { tokens { accessToken } userErrors { code } }
}
"""


async def measure(settings: Settings, users: int, seconds: float, rate: float, sign_ins: float) -> None:
    data = DataDir(settings.stack.data_dir)
    async with open_databases(settings) as found, contextlib.AsyncExitStack() as stack:
        ways, emails = await _ways(found, users)
        environment = child_environment(found, data) | _NO_LIMITS | {"WHYBUY_LOG_LEVEL": "WARNING"}
        api = api_program(environment, HOST, free_port())
        await stack.enter_async_context(running(api, data.logs / "bench-api.log"))
        port = api.port or 0
        async with running(worker_program(environment), data.logs / "bench-worker.log"):
            for requests in ways.values():
                await warm(port, requests)
        _report_ways(await _compared(port, ways, seconds / 3))
        lists, attempts = ways["access token"], [_sign_in(email, at) for at, email in enumerate(emails)]
        results = [await _pair(port, lists, attempts, (rate, sign_ins), seconds) for _ in range(_PAIRS)]
    _report_sign_ins(results, rate, sign_ins)


async def _ways(settings: Settings, users: int) -> tuple[dict[str, list[bytes]], list[str]]:
    """The same lists asked for in different ways, and the addresses of accounts that can sign in."""
    shoppers = await shoppers_of(settings, users)
    async with open_accounts(settings) as entrance:
        tokens = [await entrance.sign_ins.development_token(id_, 1) for id_ in shoppers]
        _, key = await entrance.api_keys.create("bench", [Scope.RECOMMENDATIONS_READ], timedelta(days=1), None)
        emails = [f"bench-{uuid4().hex}@example.org" for _ in range(_ACCOUNTS)]
        await asyncio.gather(
            *(entrance.accounts.sign_up(SignUpDraft(email, _PASSWORD), Door(email)) for email in emails)
        )
    wanted = {"input": {"limit": 10}}
    return {
        "X-User": [graphql_request(QUERY, wanted, {"X-User": id_}) for id_ in shoppers],
        "access token": [_with_token(token, wanted) for token in tokens],
        "API key": [_with_token(key, {"input": {"limit": 10, "userId": encode_id("User", id_)}}) for id_ in shoppers],
    }, emails


def _with_token(token: str, wanted: Mapping[str, Any]) -> bytes:
    return graphql_request(QUERY, wanted, {"Authorization": f"Bearer {token}"})


def _sign_in(email: str, number: int) -> bytes:
    forwarded = {"X-Forwarded-For": f"192.0.2.{number}"}
    return graphql_request(SIGN_IN, {"email": email, "password": _PASSWORD}, forwarded)


async def _compared(port: int, ways: dict[str, list[bytes]], seconds: float) -> dict[str, list[Result]]:
    results: dict[str, list[Result]] = {name: [] for name in ways}
    for turn in range(_ROUNDS):
        names = list(ways)
        for name in (*names[turn % len(names) :], *names[: turn % len(names)]):
            results[name].append(await load(port, ways[name], 8, seconds))
    return results


async def _pair(
    port: int, lists: Sequence[bytes], attempts: Sequence[bytes], rates: tuple[float, float], seconds: float
) -> tuple[Result, Result, Result]:
    """Lists alone, and then beside sign-ins. Connections are opened before: that takes the asking process a while."""
    async with _opened(port) as shoppers:
        alone = await _at_rate(shoppers, lists, rates[0], seconds)
    async with _opened(port) as shoppers, _opened(port) as newcomers:
        beside, signed_in = await asyncio.gather(
            _at_rate(shoppers, lists, rates[0], seconds), _at_rate(newcomers, attempts, rates[1], seconds)
        )
    return alone, beside, signed_in


@contextlib.asynccontextmanager
async def _opened(port: int) -> AsyncIterator[Pool]:
    pool: Pool = asyncio.Queue()
    for _ in range(_POOL):
        pool.put_nowait(await Connection.open(port))
    yield pool
    while not pool.empty():
        await pool.get_nowait().close()


async def _at_rate(idle: Pool, requests: Sequence[bytes], rate: float, seconds: float) -> Result:
    """Requests at moments that do not wait for answers; a latency counts from the moment at which it was due."""
    latencies: list[float] = []
    started = time.perf_counter()

    async def one(number: int) -> None:
        due = started + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        connection = await idle.get()
        body = orjson.loads(await connection.post(requests[number % len(requests)]))
        idle.put_nowait(connection)
        if (body["data"].get("signIn") or {}).get("userErrors"):
            raise click.ClickException("A sign-in was refused.")
        latencies.append((time.perf_counter() - due) * 1000)

    await asyncio.gather(*(one(number) for number in range(int(rate * seconds))))
    return Result(len(latencies) / (time.perf_counter() - started), sorted(latencies))


def _report_ways(results: dict[str, list[Result]]) -> None:
    click.echo(f"\n{machine()}; recommendations(limit: 10), 8 connections, {_ROUNDS} rounds in turns")
    click.echo(f"{'':<16}{'requests/s':>12}{'of X-User':>12}")
    for name, rounds in results.items():
        click.echo(f"{name:<16}{_middle(rounds):>12.0f}{_middle(rounds) / _middle(results['X-User']):>12.3f}")


def _middle(rounds: Sequence[Result]) -> float:
    return sorted(one.rate for one in rounds)[len(rounds) // 2]


def _report_sign_ins(results: list[tuple[Result, Result, Result]], rate: float, sign_ins: float) -> None:
    click.echo(f"\n{rate:g} lists a second, alone and beside {sign_ins:g} sign-ins a second; {len(results)} rounds")
    click.echo(f"{'ms':<28}{'p50':>8}{'p99':>8}{'max':>8}{'per second':>12}")
    for index, name in enumerate(("lists alone", "lists beside sign-ins", "sign-ins")):
        middle = sorted((round_[index] for round_ in results), key=lambda one: one.percentile(0.99))[len(results) // 2]
        columns = (middle.percentile(0.5), middle.percentile(0.99), middle.latencies[-1])
        click.echo(f"{name:<28}" + "".join(f"{value:>8.1f}" for value in columns) + f"{middle.rate:>12.1f}")


@click.command(help=__doc__)
@click.option("--users", default=50, show_default=True, help="Shoppers to ask for, in turn.")
@click.option("--seconds", default=5.0, show_default=True, help="Length of each of the rounds.")
@click.option("--rate", default=50.0, show_default=True, help="Lists a second.")
@click.option("--sign-ins", default=50.0, show_default=True, help="Sign-ins a second.")
def main(users: int, seconds: float, rate: float, sign_ins: float) -> None:
    asyncio.run(measure(Settings(), users, seconds, rate, sign_ins))


if __name__ == "__main__":
    main()
