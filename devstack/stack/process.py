"""Child processes that never outlive this one: each in its own session, awaited until ready, stopped gently first."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from devstack.errors import StackError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from pathlib import Path

READY_SECONDS = 60.0
STOP_SECONDS = 15.0

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Program:
    """What to run and how to tell that it serves.

    `parent_death_signal` is what the child gets when we end without stopping it: databases may close their files, the
    others lose nothing by a kill.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    ready: Callable[[], Awaitable[bool]]
    port: int | None = None
    url: str = ""
    parent_death_signal: signal.Signals = signal.SIGKILL


async def spawn(program: Program, **pipes: Any) -> asyncio.subprocess.Process:
    """Starts the child in a session of its own, so that a terminal's Ctrl-C reaches only us.

    Call it from the main thread: Linux ties the death signal to the thread that forks.
    """
    return await asyncio.create_subprocess_exec(
        *program.command,
        env={**os.environ, **program.environment},
        stdin=asyncio.subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_die_with_parent(program.parent_death_signal),
        **pipes,
    )


def _die_with_parent(parent_death_signal: signal.Signals) -> Callable[[], None] | None:
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def in_child() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(parent_death_signal), 0, 0, 0)
        if os.getppid() != parent:  # we died between the fork and the call
            os._exit(1)

    return in_child


async def accepts(host: str, port: int) -> bool:
    """Whether something accepts TCP connections there."""
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


async def wait_until_ready(
    program: Program, has_exited: Callable[[], bool] = lambda: False, seconds: float = READY_SECONDS
) -> None:
    """Returns when the program serves. Raises StackError when it exits or is not ready in time."""
    from shop.errors import UnavailableError

    at = "" if program.port is None else f" on port {program.port}"
    try:
        async with asyncio.timeout(seconds):
            while not has_exited():
                with contextlib.suppress(UnavailableError):
                    if await program.ready():
                        return
                await asyncio.sleep(0.03)
    except TimeoutError as error:
        raise StackError(f"{program.name} was started{at} but does not answer after {seconds:.0f} s.") from error
    raise StackError(f"{program.name} stopped while it was starting{at}.")


async def stop(process: asyncio.subprocess.Process, seconds: float = STOP_SECONDS) -> None:
    """SIGTERM, then SIGKILL for what has not stopped after `seconds`, then for whatever it has left behind."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
    try:
        await asyncio.wait_for(process.wait(), seconds)
    except TimeoutError:
        kill_group(process.pid)
        await process.wait()
    kill_group(process.pid)


def kill_group(pid: int) -> None:
    """SIGKILL for a child and all that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


@contextlib.asynccontextmanager
async def running(program: Program, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The program, ready, for the duration of the block. Its output goes to the file `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = await spawn(program, stdout=output, stderr=asyncio.subprocess.STDOUT)
    try:
        await wait_until_ready(program, lambda: process.returncode is not None)
        yield process
    finally:
        await stop(process)
