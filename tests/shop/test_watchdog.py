"""A process whose event loop is blocked ends and says where; one that works on is left alone."""

from __future__ import annotations

import asyncio
import faulthandler
import subprocess
import sys
from textwrap import dedent

import pytest

from shop.watchdog import watchdog

BLOCKED = """
    import asyncio, re, threading, time
    from shop.watchdog import watchdog

    def python():
        while True:
            pass

    def regex():  # in C, without giving the interpreter's lock away
        re.match(r"(a+)+$", "a" * 60 + "b")

    def idle_thread():
        time.sleep(600)

    async def main():
        threading.Thread(target=idle_thread, daemon=True).start()
        async with watchdog(0.5):
            await asyncio.sleep(0.01)
            BLOCK()

    asyncio.run(main())
"""
WORKING = """
    import asyncio, time
    from shop.watchdog import watchdog

    SECONDS = 2

    def work():
        end = time.monotonic() + 2 * SECONDS
        while time.monotonic() < end:
            pass

    async def main():
        async with watchdog(SECONDS):
            await asyncio.to_thread(work)
        print("worked in a thread")
        work()  # nobody watches any longer
        print("worked in the loop")

    asyncio.run(main())
"""


def run(script: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", dedent(script)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("block", ["python", "regex"])
def test_a_blocked_process_ends_with_the_stacks_of_its_threads(block: str) -> None:
    ended = run(BLOCKED.replace("BLOCK", block))

    assert ended.returncode == 1
    assert "Timeout (0:00:00.500000)!" in ended.stderr
    assert f"in {block}" in ended.stderr
    assert "in idle_thread" in ended.stderr


@pytest.mark.slow
def test_neither_work_beside_the_loop_nor_what_follows_it_is_ended() -> None:
    ended = run(WORKING)

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == ["worked in a thread", "worked in the loop"]


async def test_zero_seconds_watch_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, so with a clock that ends nothing."""
    wound: list[float] = []
    monkeypatch.setattr(faulthandler, "dump_traceback_later", lambda seconds, **_: wound.append(seconds))

    for seconds in (0, 20):
        async with watchdog(seconds):
            await asyncio.sleep(0)

    assert wound == [20]
