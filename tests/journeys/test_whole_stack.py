"""`whybuy up` as a newcomer runs it: from nothing to recommendations, again in seconds, and whatever is killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from devstack.stack.data_dir import DataDir
from devstack.stack.ports import free_port
from graphql_api.relay import encode_id
from tests.devstack.stack.test_up import ROOT, eventually, none_alive, whybuy
from tests.fixtures.queries import TRACK, product_ids
from tests.fixtures.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

USER = "household-250"
BANANAS = encode_id("Product", "1082185")
LIST = """
query ($exclude: [ID!]) {
  recommendations(input: { limit: 10, excludeProductIds: $exclude }) { items { product { id } explanation { status } } }
}
"""
QUERY = "{ recommendations(input: {}) { items { score product { name } } } }"
_PATIENCE_SECONDS = 60


@dataclass
class FirstRun:
    """What a newcomer saw, and the folder that holds what was made for them."""

    data: DataDir
    said: Path
    report: dict[str, Any]
    answer: dict[str, Any]


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> FirstRun:
    """The stack has been started from nothing, asked for a list, and stopped."""
    folder = tmp_path_factory.mktemp("stack")
    data, said = DataDir(folder / "data"), folder / "said"
    stack = start(data, said)
    try:
        eventually(lambda: "Whybuy is up" in said.read_text() or stack.poll() is not None, "the greeting", seconds=100)
        assert stack.poll() is None, said.read_text()
        report = json.loads(whybuy(data.root, "status", "--json").stdout)
        token = whybuy(data.root, "token", "household-250").stdout.strip()
        answer = ask(report["api_url"], {"Authorization": f"Bearer {token}"})
    finally:
        stack.send_signal(signal.SIGINT)
        assert stack.wait(60) == 0
    return FirstRun(data, said, report, answer)


def ask(url: str, headers: dict[str, str]) -> Any:
    request = urllib.request.Request(  # noqa: S310  our own address
        f"{url}/graphql",
        data=json.dumps({"query": QUERY}).encode(),
        headers={"Content-Type": "application/json", **headers},
    )
    with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310
        return json.load(response)


def start(data: DataDir, said: Path) -> subprocess.Popen[bytes]:
    with said.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "devstack", "up", "--sample", "30", "--port", "0"],
            cwd=ROOT,
            env={**os.environ, "WHYBUY_DATA_DIR": str(data.root)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )


@pytest.mark.slow
def test_one_command_gives_recommendations_and_the_next_one_keeps_the_data(first_run: FirstRun) -> None:
    report, items = first_run.report, first_run.answer["data"]["recommendations"]["items"]
    assert {process["process"]: process["health"] for process in report["processes"]} == dict.fromkeys(
        ("mongod", "valkey", "api", "worker"), "ok"
    )
    assert report["counts"]["products"] > 1000
    assert len(items) == 5
    assert all(item["product"]["name"] for item in items)
    assert none_alive([process["pid"] for process in report["processes"]])

    data, said = first_run.data, first_run.said
    again = start(data, said)
    try:
        eventually(lambda: "Whybuy is up" in said.read_text(), "the second greeting", seconds=100)
        later = json.loads(whybuy(data.root, "status", "--json").stdout)
        assert (later["model"], later["counts"]) == (report["model"], report["counts"])
        assert "collaborative" not in said.read_text(), "nothing was trained again"
    finally:
        again.send_signal(signal.SIGINT)
        assert again.wait(60) == 0


@dataclass
class Stack:
    """The running stack, as a client and an operator see it."""

    folder: Path
    environment: dict[str, str]
    url: str
    http: aiohttp.ClientSession
    acknowledged: list[str] = field(default_factory=list)

    async def status(self) -> dict[str, Any]:
        command = (sys.executable, "-m", "devstack", "status", "--json")
        process = await asyncio.create_subprocess_exec(
            *command, env=self.environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        output, _ = await process.communicate()
        return dict(json.loads(output))

    async def ask(self, query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        """The data. Raises aiohttp's errors while the API is away, and RuntimeError for a GraphQL error."""
        body = {"query": query, "variables": variables or {}}
        timeout = aiohttp.ClientTimeout(total=15)
        async with self.http.post(
            f"{self.url}/graphql", json=body, headers={"X-User": USER}, timeout=timeout
        ) as response:
            answer = await response.json()
        if answer.get("errors"):
            raise RuntimeError(str(answer["errors"]))
        return dict(answer["data"])

    async def shop_on(self, stop: asyncio.Event) -> None:
        """Tracks one event after the other; only those that the server acknowledged count."""
        number = 0
        while not stop.is_set():
            number += 1
            key = f"walk-{number}"
            event = {"interaction": {"productId": BANANAS, "type": "VIEW", "key": key}}
            try:
                payload = (await self.ask(TRACK, {"input": event}))["trackInteraction"]
            except (aiohttp.ClientError, TimeoutError, RuntimeError):
                continue
            assert payload["userErrors"] == []
            self.acknowledged.append(key)


@contextlib.asynccontextmanager
async def whole_stack(data: DataDir, folder: Path) -> AsyncIterator[Stack]:
    port = free_port()
    patient = {"RATE_COST_PER_MINUTE": "1000000000", "RATE_WRITES_PER_MINUTE": "1000000000"}  # it asks without a pause
    environment = os.environ | patient | {"WHYBUY_DATA_DIR": str(data.root), "PYTHONUNBUFFERED": "1"}
    command = (sys.executable, "-m", "devstack", "up", "--sample", "30", "--port", str(port))
    with (folder / "up.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=log, stderr=log)
    try:
        async with aiohttp.ClientSession() as http:
            stack = Stack(folder, environment, f"http://127.0.0.1:{port}", http)
            await until(lambda: healthy(stack), f"the stack to serve; see {folder}/up.log", 180)
            yield stack
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), _PATIENCE_SECONDS)


async def healthy(stack: Stack) -> bool:
    try:
        async with stack.http.get(f"{stack.url}/health/ready", timeout=aiohttp.ClientTimeout(total=5)) as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


async def explained(stack: Stack, exclude: list[str]) -> bool:
    items = (await stack.ask(LIST, {"exclude": exclude}))["recommendations"]["items"]
    return all(item["explanation"]["status"] == "READY" for item in items)


@pytest.mark.slow
async def test_nothing_acknowledged_is_lost(first_run: FirstRun, tmp_path: Path) -> None:
    """A shopper goes on while every part of the stack is killed in turn."""
    async with whole_stack(first_run.data, tmp_path) as stack:
        stop = asyncio.Event()
        walking = asyncio.create_task(stack.shop_on(stop))
        for victim in ("mongod", "valkey", "worker", "api"):
            await _kill(stack, victim)
        stop.set()
        await walking

        stored = await _stored_keys(stack)

    assert len(stack.acknowledged) > 160
    missing = [key for key in stack.acknowledged if key not in stored]
    assert missing == []
    assert len(stored) == len(set(stored)), "and nothing is there twice"


async def _kill(stack: Stack, victim: str) -> None:
    """Kills a part in the middle of the walk, and waits until all goes on without help."""
    before = len(stack.acknowledged)
    await until(lambda: _grown(stack, before + 20), "events before the kill")
    (pid,) = [row["pid"] for row in (await stack.status())["processes"] if row["process"] == victim]

    os.kill(pid, signal.SIGKILL)

    await until(lambda: _restarted(stack, victim, pid), f"{victim} to come back")
    await until(lambda: healthy(stack), f"the API to be ready after {victim} was killed")
    after = len(stack.acknowledged)
    await until(lambda: _grown(stack, after + 20), f"events after {victim} was killed")
    shown = (await stack.ask(LIST))["recommendations"]["items"]
    assert len(shown) == 10, f"lists come after {victim} was killed"
    # Products that no text was written for yet: the worker and the queue are back too.
    exclude = product_ids(shown)
    await until(lambda: explained(stack, exclude), f"texts after {victim} was killed", 120)


async def _grown(stack: Stack, size: int) -> bool:
    return len(stack.acknowledged) >= size


async def _restarted(stack: Stack, name: str, old_pid: int) -> bool:
    rows = [row for row in (await stack.status())["processes"] if row["process"] == name]
    return bool(rows) and rows[0]["pid"] != old_pid and rows[0]["health"] == "ok"


async def _stored_keys(stack: Stack) -> list[str]:
    """Through the API: the viewer's own interactions, page by page."""
    query = """query ($after: String) { viewer { interactions(first: 100, after: $after) {
      nodes { id type } pageInfo { hasNextPage endCursor } } } }"""
    mine = {encode_id("Interaction", f"u:{USER}:{key}"): key for key in stack.acknowledged}
    found: list[str] = []
    cursor = None
    while True:
        page = (await stack.ask(query, {"after": cursor}))["viewer"]["interactions"]
        found += [mine[node["id"]] for node in page["nodes"] if node["id"] in mine]
        if not page["pageInfo"]["hasNextPage"]:
            return found
        cursor = page["pageInfo"]["endCursor"]
