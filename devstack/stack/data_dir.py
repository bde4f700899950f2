"""The folder of the local stack: its data, its logs, its lock, and the state of the running stack."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from devstack.errors import StackError
from shop.services.signing_keys import rotate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MEGABYTE = 1_000_000
FREE_SPACE_NEEDED = 1_500 * MEGABYTE  # the full data with indexes and a model takes 870 MB


@dataclass(frozen=True, slots=True)
class ProcessState:
    """One process of the running stack; `started` is in seconds since 1970."""

    pid: int
    port: int | None
    started: float
    restarts: int


@dataclass(frozen=True, slots=True)
class StackState:
    """What other commands need to know of the running stack."""

    pid: int
    mongo_uri: str
    redis_url: str
    api_url: str = ""
    processes: Mapping[str, ProcessState] = field(default_factory=dict)


class DataDir:
    """Paths below one folder, which `prepare` makes."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().resolve()
        self.mongod = self.root / "mongod"
        self.valkey = self.root / "valkey"
        self.models = self.root / "models"
        self.logs = self.root / "logs"
        self.libraries = self.root / "libraries"
        self._lock = self.root / "lock"
        self._state = self.root / "state.json"
        self._ports = self.root / "ports.json"
        self._signing_keys = self.root / "signing-keys.json"

    def prepare(self, bytes_needed: int = FREE_SPACE_NEEDED) -> None:
        """Makes the folder. Raises StackError when it cannot be written or its disk is nearly full."""
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root):
                pass
        except OSError as error:
            raise StackError(_cannot_write(self.root, error)) from error
        if (free := self.free_bytes()) < bytes_needed and not self.mongod.exists():
            raise StackError(
                f"The disk that holds {self.root} has {free // MEGABYTE} MB free; the stack needs "
                f"{bytes_needed // MEGABYTE} MB. Free some space, try a part of the data (`whybuy up --sample 200`), "
                "or name a folder on another disk with WHYBUY_DATA_DIR."
            )

    def free_bytes(self) -> int:
        """Free space of the disk that holds the folder."""
        return shutil.disk_usage(self.root).free

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Locks the folder for this process; the system releases the lock even when we are killed.

        Raises StackError with the address of the stack that has locked it already.
        """
        with self._lock.open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise StackError(self._locked_by_another(lock.fileno())) from error
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            try:
                yield
            finally:
                self._state.unlink(missing_ok=True)

    def lock_owner(self) -> int | None:
        """The pid of the process that has locked the folder, None when it is not locked."""
        try:
            with self._lock.open() as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except OSError:
                    return int(lock.read() or 0)
        except FileNotFoundError:
            return None
        return None

    def _locked_by_another(self, lock: int) -> str:
        pid = os.pread(lock, 20, 0).decode() or "unknown"
        state = self.state()
        where = f" The API is at {state.api_url}." if state and state.api_url else ""
        return (
            f"Whybuy already runs with the data in {self.root} (process {pid}).{where} "
            "Stop it with `whybuy down`, see it with `whybuy status`, or name another folder with WHYBUY_DATA_DIR."
        )

    def state(self) -> StackState | None:
        """The running stack, or None when none runs."""
        if self.lock_owner() is None:
            return None
        with contextlib.suppress(FileNotFoundError):
            content = json.loads(self._state.read_text())
            processes = {name: ProcessState(**process) for name, process in content.pop("processes").items()}
            return StackState(**content, processes=processes)
        return None

    def write_state(self, state: StackState) -> None:
        _replace(self._state, asdict(state))

    def ports(self) -> dict[str, int]:
        """The ports that the last run used, by process name."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            return {str(name): int(port) for name, port in json.loads(self._ports.read_text()).items()}
        return {}

    def write_ports(self, ports: Mapping[str, int]) -> None:
        _replace(self._ports, dict(ports))

    def signing_keys(self) -> Path:
        """The file of the keys that sign development tokens; made once, readable by its owner alone."""
        if not self._signing_keys.exists():
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            rotate(self._signing_keys)
        return self._signing_keys

    def remove(self) -> None:
        """Deletes what the stack has made, and the folder itself when nothing else is in it."""
        for folder in (self.mongod, self.valkey, self.models, self.logs, self.libraries):
            if folder.is_dir():
                shutil.rmtree(folder)
        for file in (self._state, self._ports, self._signing_keys, self._lock):
            file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.root.rmdir()


def _replace(path: Path, content: dict[str, Any]) -> None:
    """Whoever reads the file sees all of the old content or all of the new."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(content, indent=2))
    fresh.replace(path)


def _cannot_write(root: Path, error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return f"The disk that holds {root} is full. Free some space, or name another folder with WHYBUY_DATA_DIR."
    return (
        f"The data folder {root} cannot be written ({error.strerror}). "
        "Make it writable for you, or name another folder with WHYBUY_DATA_DIR."
    )
