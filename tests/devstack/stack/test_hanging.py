"""What hangs is started again, and what does not want to stop is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import aiohttp
import pytest

from devstack.stack.data_dir import DataDir
from devstack.stack.ports import HOST, free_port
from devstack.stack.process import spawn, stop
from devstack.stack.programs import api_program, command_program, worker_program
from devstack.stack.supervisor import Supervisor
from mongo_seed.migrate import migrate
from shop.entities.jobs import JobState
from shop.jobs import Sweep, TrainModel
from shop.resources.serving import open_serving
from tests.fixtures.small_shop import stock
from tests.fixtures.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from devstack.errors import StackError
    from devstack.stack.process import Program
    from shop.settings import Settings
    from shop.store.database import Database

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"


@pytest.fixture
def environment(settings: Settings, tmp_path: Path) -> dict[str, str]:
    return {
        "MONGODB_URI": settings.mongo.uri or "",
        "MONGODB_DATABASE": settings.mongo.database,
        "REDIS_URL": settings.redis.url or "",
        "REDIS_PREFIX": settings.redis.prefix,
        "MODEL_CACHE_DIR": str(tmp_path / "models"),
        "WHYBUY_WATCHDOG_SECONDS": "3",
        "WORKER_SCHEDULE": "false",
    }


@pytest.fixture
async def data(tmp_path: Path, database: Database) -> DataDir:
    await migrate(database)
    data = DataDir(tmp_path / "data")
    data.prepare(bytes_needed=0)
    return data


def hanging(program: Program) -> Program:
    """The same program with something in it that blocks."""
    return replace(program, command=(sys.executable, "-m", "tests.devstack.stack.hanging", program.name))


@contextlib.asynccontextmanager
async def supervised(program: Program, data: DataDir) -> AsyncIterator[Supervisor]:
    """The program under a supervisor."""

    def fail(error: StackError) -> None:
        raise error

    supervisor = Supervisor(data, on_change=lambda: None, on_failure=fail)
    try:
        await supervisor.start(program)
        yield supervisor
    finally:
        await supervisor.stop()


async def started_again(supervisor: Supervisor, name: str) -> None:
    async def restarted() -> bool:
        return supervisor.processes[name].restarts > 0

    await until(restarted, f"{name} to be started again")


@pytest.mark.slow
async def test_an_api_that_hangs_is_started_again_and_its_log_says_where_it_hung(
    environment: dict[str, str], data: DataDir
) -> None:
    program = api_program(environment, HOST, free_port())
    async with supervised(hanging(program), data) as supervisor, aiohttp.ClientSession() as http:

        async def answers() -> bool:
            with contextlib.suppress(aiohttp.ClientError):
                async with http.get(f"{program.url}/health/live") as response:
                    return response.status == 200
            return False

        await until(answers, "the API")
        with pytest.raises(aiohttp.ClientError):
            await http.get(f"{program.url}/hang")
        await started_again(supervisor, "api")
        await until(answers, "the API again")

    log = (data.logs / "api.log").read_text()
    assert "Timeout (0:00:03)!" in log
    assert "in block_for_ever" in log


@pytest.mark.slow
async def test_a_worker_that_hangs_in_a_job_is_started_again(
    environment: dict[str, str], data: DataDir, settings: Settings
) -> None:
    async with supervised(hanging(worker_program(environment)), data) as supervisor:
        async with open_serving(settings, start=False) as resources:
            await resources.jobs.start(Sweep())
        await started_again(supervisor, "worker")

    assert "in block_for_ever" in (data.logs / "worker.log").read_text()


@pytest.mark.slow
async def test_a_worker_that_trains_for_longer_than_its_watchdog_waits_is_left_alone(
    environment: dict[str, str], data: DataDir, settings: Settings, database: Database
) -> None:
    await stock(database)
    async with (
        supervised(worker_program(environment), data) as supervisor,
        open_serving(settings, start=False) as resources,
    ):
        started = await resources.jobs.start(TrainModel())

        async def ended() -> bool:
            record = await resources.jobs.get(started.id)
            return record is not None and record.state.is_final

        await until(ended, "the training", 300)
        record = await resources.jobs.get(started.id)

        assert record is not None
        assert (record.state, record.attempt) == (JobState.SUCCEEDED, 1)
        assert supervisor.processes["worker"].restarts == 0


async def test_a_program_that_ignores_sigterm_is_killed() -> None:
    process = await spawn(command_program("deaf", {}, sys.executable, "-c", DEAF), stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"deaf\n"

    await stop(process, seconds=0.1)

    assert process.returncode == -signal.SIGKILL
