"""The snippets of docs/clients.md, run by the official clients themselves against a real server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fixtures.cable import cable
from tests.fixtures.queries import TRACK, new_user, products_in_stock
from tests.fixtures.waiting import until

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

    from tests.fixtures.shop import Shop

HERE = Path(__file__).parent
DOCUMENT = HERE.parent.parent / "docs" / "clients.md"
NODE = shutil.which("node")
PATIENCE_SECONDS = 60
with_node = pytest.mark.skipif(
    NODE is None or not (HERE / "node_modules").is_dir(),
    reason="Node is not there, or `make test` has not installed it",
)
DOCUMENTED = "household-250"


@pytest.fixture
async def user(shop: Shop) -> AsyncIterator[str]:
    """A shopper whom no other test sees; the shop goes on when it has noticed that the clients have left."""
    before = shop.resources.hub.subscribers
    yield await new_user(shop)

    async def left() -> bool:
        return shop.resources.hub.subscribers <= before

    await until(left, "the end of the clients' subscriptions")


def snippet(heading: str, shop_url: str, user: str = "") -> str:
    """The only block of code under this heading, for another server and another shopper."""
    text = DOCUMENT.read_text(encoding="utf-8")
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    (code,) = re.findall(r"```(?:js|python|ts)\n(.*?)```", section, re.DOTALL)
    return str(code).replace("http://127.0.0.1:8000", shop_url).replace(DOCUMENTED, user)


@contextlib.asynccontextmanager
async def running(folder: Path, *command: str) -> AsyncIterator[Process]:
    """A program whose output is read line by line; it is ended with the block."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def next_line(process: Process) -> str:
    assert process.stdout
    return (await asyncio.wait_for(process.stdout.readline(), PATIENCE_SECONDS)).decode().strip()


async def lines_until(process: Process, *wanted: str) -> list[str]:
    """Lines up to the one that completes the wanted ones, each as often as it is named."""
    seen: list[str] = []
    while any(seen.count(line) < wanted.count(line) for line in wanted):
        line = await next_line(process)
        assert line, f"The program ended after {seen}"
        seen.append(line)
    return seen


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose programs find the installed clients."""
    (tmp_path / "node_modules").symlink_to(HERE / "node_modules")
    shutil.copy(HERE / "browser.mjs", tmp_path)
    return tmp_path


def node(folder: Path, code: str) -> tuple[str, ...]:
    (folder / "snippet.mjs").write_text(code, encoding="utf-8")
    return (NODE or "node", "--import", "./browser.mjs", "snippet.mjs")


@with_node
@pytest.mark.parametrize("heading", ["urql", "Apollo Client"])
async def test_lists_clicks_and_live_updates(shop: Shop, folder: Path, user: str, heading: str) -> None:
    async with running(folder, *node(folder, snippet(heading, shop.url, user))) as program:
        await lines_until(program, "list 5", "tracked 0", "live 5")
        # The first live list may know of the click already; the next event makes another one in any case.
        (product,) = await products_in_stock(shop)
        await shop.data(TRACK, {"input": {"interaction": {"productId": product, "type": "VIEW"}}}, user)
        await lines_until(program, "live 5")


@with_node
async def test_persisted_queries(shop: Shop, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The hash alone is not known at first, then the document comes with it, then the hash alone is enough."""
    async with running(folder, *node(folder, snippet("Persisted queries", shop.url))) as program:
        assert await lines_until(program, "list 5", "list 5") == ["list 5", "list 5"]

    assert capsys.readouterr().out.count("PersistedQueryNotFound") == 1


@with_node
async def test_graphql_request(shop: Shop, folder: Path, user: str) -> None:
    async with running(folder, *node(folder, snippet("graphql-request", shop.url, user))) as program:
        assert await lines_until(program, "list 5", "refused FORBIDDEN") == ["list 5", "refused FORBIDDEN"]


@with_node
async def test_graphql_sse(shop: Shop, folder: Path, user: str) -> None:
    async with running(folder, *node(folder, snippet("graphql-sse", shop.url, user))) as program:
        assert await lines_until(program, "list 5", "live 5") == ["list 5", "live 5"]


@with_node
@pytest.mark.usefixtures("user")
async def test_an_event_source_goes_on_after_a_lost_connection(shop: Shop, folder: Path) -> None:
    (product,) = await products_in_stock(shop)
    async with cable(shop.settings.api.port) as wire:
        code = snippet("EventSource", f"http://127.0.0.1:{wire.port}").replace("visitor-1", "visitor-resumed")
        async with running(folder, *node(folder, code)) as program:
            before = await next_line(program)
            wire.cut()
            event = {"productId": product, "type": "VIEW"}
            await shop.data(TRACK, {"input": {"sessionId": "visitor-resumed", "interaction": event}})
            wire.mend()
            after = await next_line(program)

    (_, first, size), (_, second, size_after) = before.split(), after.split()
    assert (size, size_after) == ("5", "5")
    assert [int(part) for part in first.split("-")] < [int(part) for part in second.split("-")]


async def test_python_gql(shop: Shop, tmp_path: Path, user: str) -> None:
    (tmp_path / "snippet.py").write_text(snippet("Python: gql", shop.url, user), encoding="utf-8")
    async with running(tmp_path, sys.executable, "snippet.py") as program:
        assert await lines_until(program, "list 5", "live 5") == ["list 5", "live 5"]


USE = """
import type { PageQuery } from "./generated";

const product = {} as NonNullable<PageQuery["product"]>;
export const amount: string | undefined = product.price?.amount;
export const refused: number = product.price!.amount;
"""


@with_node
async def test_generated_types_know_the_scalars(shop: Shop, folder: Path) -> None:
    source = folder / "src"
    source.mkdir()
    (folder / "codegen.ts").write_text(snippet("Types from the schema", shop.url), encoding="utf-8")
    (source / "page.graphql").write_text(
        'query Page { product(sku: "x") { price { amount } } jobs { nodes { message } } }'
    )
    (source / "use.ts").write_text(USE, encoding="utf-8")

    async with running(folder, "node_modules/.bin/graphql-codegen", "--config", "codegen.ts") as program:
        assert await asyncio.wait_for(program.wait(), PATIENCE_SECONDS) == 0
    async with running(
        folder, "node_modules/.bin/tsc", "--noEmit", "--strict", "--skipLibCheck", "src/use.ts"
    ) as program:
        said, _ = await asyncio.wait_for(program.communicate(), PATIENCE_SECONDS)

    complaints = said.decode().strip().splitlines()
    assert len(complaints) == 1
    assert "Type 'string' is not assignable to type 'number'" in complaints[0]
    assert re.findall(r"\b(?:any|unknown);", (source / "generated.ts").read_text(encoding="utf-8")) == []


@with_node
async def test_the_specifications_own_audits(shop: Shop, folder: Path) -> None:
    shutil.copy(HERE / "audits.mjs", folder)
    async with running(folder, NODE or "node", "audits.mjs", f"{shop.url}/graphql") as program:
        said, _ = await asyncio.wait_for(program.communicate(), PATIENCE_SECONDS)
    audits = [json.loads(line) for line in said.decode().splitlines()]

    assert len(audits) == 61
    assert [audit for audit in audits if audit["status"] != "ok"] == []
