"""`whybuy up`: databases, data, model, API and worker, until it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from devstack.errors import StackError
from devstack.stack.data_dir import FREE_SPACE_NEEDED, MEGABYTE, DataDir, StackState
from devstack.stack.databases import find_databases
from devstack.stack.environment import child_environment, connected
from devstack.stack.logs import print_line
from devstack.stack.ports import free_port, require_free
from devstack.stack.process import spawn, stop
from devstack.stack.programs import api_program, command_program, worker_program
from devstack.stack.supervisor import Supervisor
from devstack.stack.text_writer import text_writer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devstack.stack.process import Program
    from shop.settings import Settings

SAMPLE_SPACE_NEEDED = 300 * MEGABYTE


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """Whether empty databases get the demo shop, how many of its households (None for all), with its own dates, and
    also beside a shop of the user's own."""

    wanted: bool = True
    sample: int | None = None
    keep_dates: bool = False
    mix: bool = False

    @property
    def is_small(self) -> bool:
        return self.sample is not None or not self.wanted

    @property
    def arguments(self) -> list[str]:
        """As `whybuy seed` takes them."""
        sample = [] if self.sample is None else ["--sample", str(self.sample)]
        return [*sample, *(["--keep-dates"] if self.keep_dates else []), *(["--mix"] if self.mix else [])]


@dataclass(frozen=True, slots=True)
class UpOptions:
    """`programs` run beside the databases; `prepare` is whether to seed and train what is missing; `llm` is the writer
    of texts, None for the one of the settings."""

    demo: DemoOptions = DemoOptions()
    port: int | None = None
    programs: tuple[str, ...] = ("api", "worker")
    prepare: bool = True
    llm: str | None = None


async def up(settings: Settings, options: UpOptions) -> None:
    """Runs the stack until SIGINT, SIGTERM or SIGHUP. Raises StackError when it cannot run, or not any longer."""
    data = DataDir(settings.stack.data_dir)
    data.prepare(SAMPLE_SPACE_NEEDED if options.demo.is_small else FREE_SPACE_NEEDED)
    with data.locked():
        await Stack(settings, options, data).run()


def api_port(settings: Settings, named: int | None, last: Mapping[str, int] | None = None) -> int:
    """The port that the user has named, else the default, else the last one or any that is free.

    Raises StackError when a named port is taken.
    """
    api = settings.api
    if named is not None or "port" in api.model_fields_set:
        return require_free(api.port if named is None else named, api.host)
    port = free_port(api.port, (last or {}).get("api", 0))
    if port != api.port:
        print_line("whybuy", f"port {api.port} is taken by another program, so the API gets {port} (--port names one)")
    return port


class Stack:
    """One run of the local stack, in a data folder that this process has locked."""

    def __init__(self, settings: Settings, options: UpOptions, data: DataDir) -> None:
        self._settings = settings
        self._options = options
        self._data = data
        self._supervisor = Supervisor(data, on_change=self._write_state, on_failure=self._fail)
        self._failure: StackError | None = None
        self._stop_requests = 0
        self.api_url = ""
        self._task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        self._task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(name, self._on_stop_request)
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await self._bring_up()
                await asyncio.Event().wait()
        finally:
            await self._supervisor.stop()
            print_line("whybuy", "stopped; the data is kept")
        if self._failure is not None:
            raise self._failure

    def _on_stop_request(self) -> None:
        self._stop_requests += 1
        if self._stop_requests > 1:
            print_line("whybuy", "stopping at once")
            self._supervisor.kill()
        elif self._task is not None:
            print_line("whybuy", "stopping (Ctrl-C again to stop at once)")
            self._task.cancel()

    def _fail(self, error: StackError) -> None:
        if self._failure is None and not self._stop_requests and self._task is not None:
            self._failure = error
            self._task.cancel()

    async def _bring_up(self) -> None:
        began = time.monotonic()
        with_api = "api" in self._options.programs
        port = api_port(self._settings, self._options.port, self._data.ports()) if with_api else 0
        writer = text_writer(self._options.llm, self._settings)
        databases = find_databases(self._settings, self._data)
        self._settings = connected(self._settings, self._data, databases.mongo_uri, databases.redis_url)
        if databases.programs:
            print_line("whybuy", f"starting {' and '.join(program.name for program in databases.programs)}")
        await self._supervisor.start(*databases.programs)
        environment = child_environment(self._settings, self._data) | writer.environment
        if self._options.prepare:
            await self._prepare(environment)
        await self._supervisor.start(*writer.programs, *self.programs(environment, port))
        self._write_state()
        await self._greet(time.monotonic() - began)

    def programs(self, environment: dict[str, str], port: int) -> list[Program]:
        """What runs beside the databases."""
        programs = []
        if "api" in self._options.programs:
            api = api_program(environment, self._settings.api.host, port)
            self.api_url = api.url
            self._data.write_ports(self._data.ports() | {"api": port})
            programs.append(api)
        if "worker" in self._options.programs:
            programs.append(worker_program(environment))
        return programs

    async def _prepare(self, environment: dict[str, str]) -> None:
        """Migrates, seeds an empty database, trains when there is no model."""
        from devstack.stack.content import content, prepare_for_demo_data

        demo = self._options.demo
        # A sample that the user names may be larger than what is there.
        named = demo.sample is not None or demo.mix
        needed = await prepare_for_demo_data(self._settings, named=named, mix=demo.mix)
        before = await content(self._settings)
        if named or (needed and demo.wanted):
            await self._run_command("seed", environment, *demo.arguments)
        after = await content(self._settings)
        if after.counts["products"] and (after.counts != before.counts or after.model is None):
            # The data have changed since the model was trained, so the guard has nothing to compare by.
            await self._run_command("train", environment, "--no-guard")

    async def _run_command(self, name: str, environment: dict[str, str], *arguments: str) -> None:
        """A `whybuy` command in a process of its own: its memory is given back, and it can be stopped at any time."""
        process = await spawn(command_program(name, environment, sys.executable, "-m", "devstack", name, *arguments))
        try:
            code = await process.wait()
        finally:
            await stop(process)
        if code != 0:
            raise StackError(
                f"`whybuy {name}` did not finish (see above). Run `whybuy up` again: it goes on where this stopped."
            )

    def _write_state(self) -> None:
        self._data.write_state(
            StackState(
                pid=os.getpid(),
                mongo_uri=self._settings.mongo.uri or "",
                redis_url=self._settings.redis.url or "",
                api_url=self.api_url,
                processes=self._supervisor.processes,
            )
        )

    async def _greet(self, seconds: float) -> None:
        from devstack.stack.greeting import greet

        await greet(self._settings, self._data, self.api_url, seconds)
