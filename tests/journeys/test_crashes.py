"""A shopper goes on while every part of the stack is killed in turn; nothing that was acknowledged is missing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from devstack.stack.ports import free_port
from graphql_api.relay import encode_id
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
_PATIENCE_SECONDS = 60


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
async def whole_stack(folder: Path) -> AsyncIterator[Stack]:
    port = free_port()
    patient = {"RATE_COST_PER_MINUTE": "1000000000", "RATE_WRITES_PER_MINUTE": "1000000000"}  # it asks without a pause
    environment = os.environ | patient | {"WHYBUY_DATA_DIR": str(folder / "data"), "PYTHONUNBUFFERED": "1"}
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
async def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    async with whole_stack(tmp_path) as stack:
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
