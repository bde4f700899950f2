"""Time and memory of one phase of a long run."""

from __future__ import annotations

import contextlib
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_CLEAR = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


@dataclass(slots=True)
class Phase:
    """Filled when the phase is over."""

    seconds: float = 0.0
    peak_mib: float = 0.0  # of the whole process, data set included


@contextlib.contextmanager
def phase() -> Iterator[Phase]:
    """Measures what runs inside. Where the kernel cannot forget an earlier peak, the peak is that of the run so far."""
    with contextlib.suppress(OSError):
        _CLEAR.write_text("5", encoding="ascii")  # Linux: resets VmHWM
    measured = Phase()
    began = time.perf_counter()
    yield measured
    measured.seconds = time.perf_counter() - began
    measured.peak_mib = peak_mib()


def peak_mib() -> float:
    """The highest resident memory since the last reset, else since the start."""
    with contextlib.suppress(OSError):
        for line in _STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1 << 20) if sys.platform == "darwin" else most / 1024
