"""Shared libraries that a bare Debian or Ubuntu lacks, unpacked into a folder of ours, without root."""

from __future__ import annotations

import fcntl
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path

# Library: its package on Debian and Ubuntu, and the name since Ubuntu 24.04.
_PACKAGES = {"libcurl.so.4": ("libcurl4t64", "libcurl4")}
_TO_INSTALL = re.compile(r"^Inst (\S+)", re.MULTILINE)
_SECONDS = 180


def search_path(folder: Path) -> str:
    """LD_LIBRARY_PATH of what was fetched into the folder; empty when nothing was."""
    return ":".join(str(path) for path in sorted(folder.glob("root/**/lib/*-linux-gnu")))


def fetch(library: str, folder: Path) -> bool:
    """Fetches the library's package, and what that needs, from the system's own signed package source.

    False when this machine has no apt, does not know the package, or is offline.
    """
    packages = _PACKAGES.get(library)
    if packages is None or not shutil.which("apt-get") or not shutil.which("dpkg"):
        return False
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if any(folder.glob(f"root/**/{library}*")):
            return True
        click.echo(f"mongod needs {packages[-1]}, which is not installed; fetching it into {folder} (once)", err=True)
        try:
            _fetch(packages, folder)
        except (OSError, subprocess.SubprocessError):
            return False
        finally:
            for used in ("state", "cache", "downloads"):
                shutil.rmtree(folder / used, ignore_errors=True)
    return bool(search_path(folder))


def _fetch(packages: tuple[str, ...], folder: Path) -> None:
    for part in ("state/lists/partial", "cache/archives/partial", "downloads", "root"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    state = (
        *("-o", f"Dir::State::lists={folder / 'state/lists'}", "-o", f"Dir::Cache={folder / 'cache'}"),
        *("-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=", "-qq"),
    )
    _run(folder, "apt-get", *state, "update")
    wanted: list[str] = []
    for package in packages:
        try:
            listed = _run(folder, "apt-get", *state, "--simulate", "--no-install-recommends", "install", package)
        except subprocess.CalledProcessError:
            continue
        wanted = _TO_INSTALL.findall(listed)
        break
    if wanted:
        _run(folder / "downloads", "apt-get", *state, "download", *wanted)
    for archive in sorted((folder / "downloads").glob("*.deb")):
        _run(folder, "dpkg", "-x", str(archive), str(folder / "root"))


def _run(folder: Path, *command: str) -> str:
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=True)
    return ran.stdout
