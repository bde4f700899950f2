"""`whybuy up` as a newcomer runs it: from nothing to recommendations, and again in seconds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from devstack.stack.data_dir import DataDir
from tests.devstack.stack.test_up import ROOT, eventually, none_alive, whybuy

if TYPE_CHECKING:
    from pathlib import Path

QUERY = "{ recommendations(input: {}) { items { score product { name } } } }"


def ask(url: str, headers: dict[str, str]) -> Any:
    request = urllib.request.Request(  # noqa: S310  our own address
        f"{url}/graphql",
        data=json.dumps({"query": QUERY}).encode(),
        headers={"Content-Type": "application/json", **headers},
    )
    with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310
        return json.load(response)


def start(data: DataDir, said: Path) -> subprocess.Popen[bytes]:
    with said.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "devstack", "up", "--sample", "30", "--port", "0"],
            cwd=ROOT,
            env={**os.environ, "WHYBUY_DATA_DIR": str(data.root)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )


@pytest.mark.slow
def test_one_command_gives_recommendations_and_the_next_one_keeps_the_data(tmp_path: Path) -> None:
    data, said = DataDir(tmp_path / "data"), tmp_path / "said"

    stack = start(data, said)
    try:
        eventually(lambda: "Whybuy is up" in said.read_text() or stack.poll() is not None, "the greeting", seconds=100)
        assert stack.poll() is None, said.read_text()
        report = json.loads(whybuy(data.root, "status", "--json").stdout)
        assert {process["process"]: process["health"] for process in report["processes"]} == dict.fromkeys(
            ("mongod", "valkey", "api", "worker"), "ok"
        )
        assert report["counts"]["products"] > 1000
        token = whybuy(data.root, "token", "household-250").stdout.strip()
        items = ask(report["api_url"], {"Authorization": f"Bearer {token}"})["data"]["recommendations"]["items"]
        assert len(items) == 5
        assert all(item["product"]["name"] for item in items)
    finally:
        stack.send_signal(signal.SIGINT)
        assert stack.wait(60) == 0
    assert none_alive([process["pid"] for process in report["processes"]])

    again = start(data, said)
    try:
        eventually(lambda: "Whybuy is up" in said.read_text(), "the second greeting", seconds=100)
        later = json.loads(whybuy(data.root, "status", "--json").stdout)
        assert (later["model"], later["counts"]) == (report["model"], report["counts"])
        assert "collaborative" not in said.read_text(), "nothing was trained again"
    finally:
        again.send_signal(signal.SIGINT)
        assert again.wait(60) == 0
