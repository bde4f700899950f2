"""The stack as a developer meets it: it survives kills, stops as a whole, and says what is wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from devstack.stack.data_dir import DataDir, ProcessState, StackState
from shop.settings import MongoSettings
from shop.store.database import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[3]
PATIENCE_SECONDS = 40.0
CRASHER = (sys.executable, "-c", "import sys; sys.exit('no coffee, no service')")


def eventually(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"still waiting for: {what}"
        time.sleep(0.02)
    return found


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def none_alive(pids: list[int]) -> bool:
    return not any(is_alive(pid) for pid in pids)


class RunningStack:
    """A stub stack in a process of its own."""

    def __init__(self, folder: Path, *command: str) -> None:
        self.data = DataDir(folder / "data")
        self.said = folder / "said"
        with self.said.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.devstack.stack.stub_stack", str(self.data.root), *command],
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def state(self) -> StackState:
        found = eventually(self.data.state, "a running stack")
        assert isinstance(found, StackState)
        return found

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self.state.processes.values()]

    def wait_until_up(self) -> None:
        eventually(lambda: "Whybuy is up" in self.said.read_text(), "the greeting")

    def restarted(self, name: str, before: ProcessState) -> ProcessState:
        eventually(lambda: self.state.processes[name].restarts > before.restarts, f"{name} to be started again")
        return self.state.processes[name]

    def ended(self) -> int:
        return self.process.wait(PATIENCE_SECONDS)

    def whybuy(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return whybuy(self.data.root, *arguments)


def whybuy(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "devstack", *arguments],
        cwd=ROOT,
        env={**os.environ, "WHYBUY_DATA_DIR": str(data_dir)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


@contextmanager
def stub_stack(folder: Path, *command: str) -> Iterator[RunningStack]:
    stack = RunningStack(folder, *command)
    try:
        yield stack
    finally:
        if stack.process.poll() is None:
            stack.process.terminate()
        stack.process.wait(PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with stub_stack(tmp_path_factory.mktemp("stack")) as running:
        running.wait_until_up()
        yield running


def test_the_greeting_names_the_addresses_and_the_logs_are_prefixed(stack: RunningStack) -> None:
    said = stack.said.read_text()

    assert f"{stack.state.api_url}/graphql" in said
    assert f"mongodb://127.0.0.1:{stack.state.processes['mongod'].port}" in said
    eventually(lambda: "stub   │ the stub is here" in stack.said.read_text(), "the first line of the stub")


async def test_a_killed_mongod_comes_back_on_its_port_with_what_was_acknowledged(stack: RunningStack) -> None:
    before = stack.state.processes["mongod"]
    client, database = connect(MongoSettings(uri=stack.state.mongo_uri, timeout_ms=20_000))
    await database["kept"].insert_one({"_id": "before the kill"})

    os.kill(before.pid, signal.SIGKILL)

    assert stack.restarted("mongod", before).port == before.port
    assert await database["kept"].count_documents({"_id": "before the kill"}) == 1
    client.close()


def test_a_killed_valkey_comes_back_on_its_port(stack: RunningStack) -> None:
    before = stack.state.processes["valkey"]

    os.kill(before.pid, signal.SIGKILL)

    assert stack.restarted("valkey", before).port == before.port
    assert "valkey was ended by SIGKILL; starting it again" in stack.said.read_text()


def test_a_killed_program_comes_back_and_the_databases_do_not_notice(stack: RunningStack) -> None:
    before = stack.state.processes

    os.kill(before["stub"].pid, signal.SIGKILL)

    assert stack.restarted("stub", before["stub"]).pid != before["stub"].pid
    assert stack.state.processes["mongod"] == before["mongod"]


def test_a_second_up_in_the_same_folder_says_where_the_first_is(stack: RunningStack) -> None:
    second = stack.whybuy("up")

    assert second.returncode == 1
    assert f"process {stack.process.pid}" in second.stderr
    assert stack.state.api_url in second.stderr
    assert "whybuy down" in second.stderr


def test_reset_refuses_while_the_stack_runs(stack: RunningStack) -> None:
    refused = stack.whybuy("reset", "--yes")

    assert refused.returncode == 1
    assert "whybuy down" in refused.stderr
    assert stack.data.mongod.exists()


def test_status_shows_every_process_of_the_running_stack(stack: RunningStack) -> None:
    shown = stack.whybuy("status")

    assert shown.returncode == 0, shown.stderr
    for name, process in stack.state.processes.items():
        row = next(line for line in shown.stdout.splitlines() if name in line)
        assert str(process.pid) in row
        assert " ok " in row


def test_down_without_a_stack_says_that_nothing_runs(tmp_path: Path) -> None:
    said = whybuy(tmp_path / "data", "down")

    assert said.returncode == 0
    assert said.stdout == f"Nothing runs with the data in {tmp_path / 'data'}.\n"


def test_down_stops_all_and_the_next_up_has_the_same_addresses_and_data(tmp_path: Path) -> None:
    with stub_stack(tmp_path) as first:
        first.wait_until_up()
        state, pids = first.state, first.pids
        assert first.whybuy("down").returncode == 0
        assert first.ended() == 0
        assert none_alive(pids)

    with stub_stack(tmp_path) as second:
        second.wait_until_up()
        assert (second.state.mongo_uri, second.state.redis_url) == (state.mongo_uri, state.redis_url)
        second.process.send_signal(signal.SIGINT)
        assert second.ended() == 0


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_orphan_is_left_however_the_stack_ends(tmp_path: Path, ending: signal.Signals) -> None:
    with stub_stack(tmp_path) as stack:
        stack.wait_until_up()
        pids = stack.pids
        stack.process.send_signal(ending)
        stack.ended()

        eventually(lambda: none_alive(pids), "the children to end")
        assert len(pids) == 3


def test_stopping_while_it_starts_leaves_no_orphan(tmp_path: Path) -> None:
    with stub_stack(tmp_path) as stack:
        pids = stack.pids
        stack.process.send_signal(signal.SIGINT)
        stack.ended()

        assert none_alive(pids)


def test_a_program_that_cannot_stay_up_is_given_up_with_its_last_words(tmp_path: Path) -> None:
    with stub_stack(tmp_path, *CRASHER) as stack:
        pids = stack.pids

        assert stack.ended() == 1
        said = stack.said.read_text()
        assert "stub ended with status 1 5 times in a row, so it is given up" in said
        assert "no coffee, no service" in said
        assert none_alive(pids)


def test_reset_deletes_what_the_stack_made_and_nothing_else(tmp_path: Path) -> None:
    with stub_stack(tmp_path) as stack:
        stack.wait_until_up()
    mine = stack.data.root / "notes.txt"
    mine.write_text("keep me")

    asked = stack.whybuy("reset")
    assert asked.returncode == 1
    assert stack.data.mongod.exists()

    assert stack.whybuy("reset", "--yes").returncode == 0
    assert list(stack.data.root.iterdir()) == [mine]
