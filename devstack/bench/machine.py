"""What a measurement ran on: a number means little without it."""

from __future__ import annotations

import asyncio
import os
import platform
from datetime import UTC, datetime


def machine() -> str:
    """Day, cores and Python version."""
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores ({platform.machine()}), "
        f"Python {platform.python_version()}"
    )


async def memory_kb(pid: int) -> int:
    """Resident memory of a process, in kilobytes."""
    command = ("ps", "-o", "rss=", "-p", str(pid))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    return int(output)
