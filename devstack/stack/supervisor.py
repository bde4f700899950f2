"""Keeps programs running: restarts what crashes, gives up on what cannot stay up, stops all in order."""

from __future__ import annotations

import asyncio
import codecs
import signal
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from devstack.errors import StackError
from devstack.stack.data_dir import MEGABYTE, DataDir, ProcessState
from devstack.stack.logs import LogFile, line_filter, print_line
from devstack.stack.process import Program, kill_group, spawn, stop, wait_until_ready

if TYPE_CHECKING:
    from collections.abc import Callable

READ_BYTES = 65_536
TAIL_LINES = 12
FULL_DISK_BYTES = 50 * MEGABYTE


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """A child that exits `tries` times in a row, each time within `quick_seconds` of its start, is given up."""

    tries: int = 5
    quick_seconds: float = 10.0
    first_delay: float = 0.2
    longest_delay: float = 5.0

    def delay(self, quick_exits: int) -> float:
        """Seconds to wait before the next start; doubles with every quick exit."""
        return float(min(self.longest_delay, self.first_delay * 2 ** max(0, quick_exits - 1)))


class Child:
    """One supervised program."""

    def __init__(self, program: Program, data: DataDir, policy: RestartPolicy) -> None:
        self.program = program
        self.restarts = 0
        self.given_up: StackError | None = None
        self._data = data
        self._policy = policy
        self._log = LogFile(data.logs / f"{program.name}.log")
        self._show = line_filter(program.name)
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._stopping = asyncio.Event()
        self._changing = asyncio.Lock()  # a restart and a stop never overlap
        self._started = 0.0
        self._process: asyncio.subprocess.Process
        self._output: asyncio.Task[None]

    @property
    def state(self) -> ProcessState:
        return ProcessState(self._process.pid, self.program.port, self._started, self.restarts)

    async def start(self) -> None:
        self._process = await spawn(self.program, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
        self._started = time.time()
        self._output = asyncio.create_task(self._read_output(self._process))

    async def watch(self, on_restart: Callable[[], None]) -> None:
        """Restarts the program whenever it ends by itself. Raises StackError when it does not stay up."""
        quick_exits = 0
        while True:
            code = await self._process.wait()
            kill_group(self._process.pid)
            await self._output
            if self._stopping.is_set():
                return
            lived = time.time() - self._started
            quick_exits = quick_exits + 1 if lived < self._policy.quick_seconds else 1
            if quick_exits >= self._policy.tries:
                self.given_up = StackError(self._failure(code))
                raise self.given_up
            print_line("whybuy", f"{self.program.name} {exit_description(code)}; starting it again")
            await asyncio.sleep(self._policy.delay(quick_exits))
            async with self._changing:
                if self._stopping.is_set():
                    return
                await self.start()
            self.restarts += 1
            on_restart()

    async def wait_until_ready(self) -> None:
        try:
            await wait_until_ready(self.program, lambda: self.given_up is not None)
        except StackError as error:
            raise self.given_up or error from None

    async def stop(self) -> None:
        self._stopping.set()
        async with self._changing:
            await stop(self._process)
        await self._output
        self._log.close()

    def kill(self) -> None:
        self._stopping.set()
        kill_group(self._process.pid)

    async def _read_output(self, process: asyncio.subprocess.Process) -> None:
        if process.stdout is None:
            return
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        rest = ""
        while chunk := await process.stdout.read(READ_BYTES):
            *lines, rest = (rest + decode(chunk)).split("\n")
            for line in lines:
                self._take(line.rstrip("\r"))
        if rest:
            self._take(rest)

    def _take(self, line: str) -> None:
        self._log.write(line)
        if (shown := self._show(line)) is None:
            return
        self._tail.append(shown)
        print_line(self.program.name, shown)

    def _failure(self, code: int) -> str:
        output = "".join(f"\n  {line}" for line in self._tail) or "\n  (it said nothing)"
        full = self._data.free_bytes() < FULL_DISK_BYTES or any("No space left" in line for line in self._tail)
        hint = f"\nThe disk that holds {self._data.root} is full: free some space and start again." if full else ""
        return (
            f"{self.program.name} {exit_description(code)} {self._policy.tries} times in a row, so it is given up. "
            f"Its last words (all of them: {self._data.logs / self.program.name}.log):{output}{hint}"
        )


def exit_description(code: int) -> str:
    """An exit status in words."""
    if code >= 0:
        return f"ended with status {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


class Supervisor:
    """Children in the order of their start; stopped in the reverse order, those of one stage together."""

    def __init__(
        self,
        data: DataDir,
        on_change: Callable[[], None],
        on_failure: Callable[[StackError], None],
        policy: RestartPolicy | None = None,
    ) -> None:
        """`on_change` is called after every start, `on_failure` for a child that does not stay up."""
        self.on_change = on_change
        self.on_failure = on_failure
        self._data = data
        self._policy = policy or RestartPolicy()
        self._stages: list[list[Child]] = []
        self._watchers: list[asyncio.Task[None]] = []

    @property
    def processes(self) -> dict[str, ProcessState]:
        return {child.program.name: child.state for stage in self._stages for child in stage}

    async def start(self, *programs: Program) -> None:
        """Starts the programs together and returns when each is ready. Raises StackError when one cannot start."""
        stage: list[Child] = []
        self._stages.append(stage)
        for program in programs:
            child = Child(program, self._data, self._policy)
            await child.start()
            stage.append(child)
            watcher = asyncio.create_task(child.watch(self.on_change))
            watcher.add_done_callback(self._on_watcher_done)
            self._watchers.append(watcher)
        self.on_change()
        for child in stage:
            await child.wait_until_ready()

    def _on_watcher_done(self, watcher: asyncio.Task[None]) -> None:
        if watcher.cancelled():
            return
        error = watcher.exception()
        if isinstance(error, StackError):
            self.on_failure(error)
        elif error is not None:
            self.on_failure(StackError(f"The supervisor failed: {error!r}"))

    async def stop(self) -> None:
        """Stops every child; returns when none is left."""
        while self._stages:
            stage = self._stages[-1]
            await asyncio.gather(*(child.stop() for child in stage))
            self._stages.pop()
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)

    def kill(self) -> None:
        """SIGKILL for every child, now."""
        for stage in self._stages:
            for child in stage:
                child.kill()
