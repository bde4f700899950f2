"""From an empty MongoDB to an explained list and a job, by processes that reach both databases over TLS with passwords
from files."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from devstack.stack.ports import HOST, free_port
from shop.store import database as mongo
from tests.fixtures.secure import secure_databases
from tests.fixtures.small_shop import stock
from tests.fixtures.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.fixtures.secure import SecureDatabases

SHOPPER = "shopper-7"
LIST = "{ recommendations(input: { limit: 3 }) { items { product { sku } explanation { status text } } } }"
REFRESH = "mutation { refreshInsight(input: {}) { insight { status } userErrors { code } } }"
INSIGHT = "{ insight { status text } }"


@dataclass
class Processes:
    """Whybuy's own, with the environment of compose.yaml; `said` is all that they have written."""

    environment: dict[str, str]
    folder: Path
    arguments: list[str] = field(default_factory=list)

    @property
    def said(self) -> str:
        return "".join(path.read_text() for path in sorted(self.folder.glob("*.log")))

    async def start(self, module: str, *arguments: str, **changes: str) -> asyncio.subprocess.Process:
        with (self.folder / f"{'-'.join((module, *arguments[:1]))}.log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", module, *arguments),
                env={**os.environ, **self.environment, **changes},
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
            )

    async def run(self, module: str, *arguments: str, **changes: str) -> int:
        return await (await self.start(module, *arguments, **changes)).wait()

    @contextlib.asynccontextmanager
    async def running(self, module: str) -> AsyncIterator[None]:
        process = await self.start(module)
        try:
            yield
            self.arguments.append(Path(f"/proc/{process.pid}/cmdline").read_text())
            process.terminate()
            await asyncio.wait_for(process.wait(), 60)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


@pytest.fixture(scope="module")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SecureDatabases]:
    async with secure_databases(tmp_path_factory.mktemp("secure")) as found:
        yield found


@pytest.fixture
def processes(servers: SecureDatabases, tmp_path: Path) -> Processes:
    folder = tmp_path / "said"
    folder.mkdir()
    others = {
        "MODEL_CACHE_DIR": str(tmp_path / "models"),
        "WHYBUY_DATA_DIR": str(tmp_path / "data"),
        "WHYBUY_LOG_LEVEL": "DEBUG",
        "API_PORT": str(free_port()),
    }
    return Processes(servers.environment() | others, folder)


@pytest.mark.slow
async def test_a_shop_runs_over_tls_as_a_user_with_few_rights(servers: SecureDatabases, processes: Processes) -> None:
    assert await processes.run("mongo_seed", "migrate") == 0, processes.said
    client, database = mongo.connect(servers.mongo())
    await stock(database)
    client.close()
    for command in (("users", "create", SHOPPER), ("train", "--no-guard")):
        assert await processes.run("devstack", *command) == 0, processes.said

    async with processes.running("graphql_api"), processes.running("workers"), aiohttp.ClientSession() as http:
        url = f"http://{HOST}:{processes.environment['API_PORT']}"

        async def ask(query: str) -> dict[str, Any]:
            async with http.post(f"{url}/graphql", json={"query": query}, headers={"X-User": SHOPPER}) as response:
                answer = await response.json()
            assert "errors" not in answer, answer
            return dict(answer["data"])

        async def is_ready() -> bool:
            with contextlib.suppress(aiohttp.ClientConnectionError):
                async with http.get(f"{url}/health/ready") as response:
                    return response.status == 200
            return False

        async def is_written() -> bool:
            insight = (await ask(INSIGHT))["insight"]
            return bool(insight and insight["status"] == "READY" and insight["text"])

        await until(is_ready, "the API")
        items = (await ask(LIST))["recommendations"]["items"]
        await ask(REFRESH)
        await until(is_written, "the insight that the worker writes")
        await processes.run("devstack", "status", "--json")

    assert len(items) == 3
    assert all(item["explanation"]["text"] for item in items)
    status = json.loads((processes.folder / "devstack-status.log").read_text())
    assert status["problems"] == []
    assert status["counts"]["products"] > 0
    assert "too few rights" not in processes.said
    for secret in servers.secrets:
        assert secret not in processes.said
        assert not [arguments for arguments in processes.arguments if secret in arguments]


async def test_commands_say_what_is_wrong_and_no_more(servers: SecureDatabases, processes: Processes) -> None:
    secret = servers.password_file("valkey").read_text()
    wrong = {
        "MONGODB_TLS_CA_FILE": "",  # the system's authorities have not signed it
        "REDIS_URL": f"redis://whybuy:{secret}@{HOST}:{servers.redis_port}/0",
        "REDIS_TLS_CA_FILE": "",
        "MONGODB_TIMEOUT_MS": "500",
    }

    migrated = await processes.run("mongo_seed", "migrate", **wrong)
    shown = await processes.run("devstack", "status", **wrong)

    assert (migrated, shown) == (1, 1), processes.said
    sentence = (
        "MongoDB has a certificate of an authority that is not trusted here. Name the file of its authority in "
        "MONGODB_TLS_CA_FILE."
    )
    said = " ".join(processes.said.split())
    assert said.count(sentence) == 2
    assert "Redis wants TLS. Let REDIS_URL begin with rediss://." in said
    assert "Traceback" not in said
    assert secret not in said


@pytest.mark.parametrize("module", ["graphql_api", "workers", "mongo_seed"])
async def test_a_file_that_is_missing_stops_a_process_with_one_sentence(processes: Processes, module: str) -> None:
    arguments = ("migrate",) if module == "mongo_seed" else ()

    code = await processes.run(module, *arguments, MONGODB_PASSWORD_FILE="/nowhere/password")

    assert code == 1
    assert "MONGODB_PASSWORD_FILE names /nowhere/password, which cannot be read: No such file" in processes.said
    assert "Traceback" not in processes.said
