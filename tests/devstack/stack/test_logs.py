"""The terminal shows what matters; the files hold everything."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from devstack.stack import logs
from devstack.stack.logs import LogFile, line_filter

if TYPE_CHECKING:
    from pathlib import Path


def mongod_line(severity: str, message: str, **attributes: str) -> str:
    return json.dumps({"s": severity, "c": "STORAGE", "msg": message, "attr": attributes})


@pytest.mark.parametrize(
    ("process", "line", "shown"),
    [
        ("mongod", mongod_line("I", "Connection accepted"), None),
        ("mongod", mongod_line("W", "Access control is not enabled"), None),
        ("mongod", mongod_line("E", "WiredTiger error", error="No space left"), "WiredTiger error No space left"),
        ("mongod", mongod_line("F", "Fatal assertion"), "Fatal assertion"),
        ("mongod", "mongod: error while loading", "mongod: error while loading"),
        ("valkey", "1:M 23 Nov 2026 15:00:00.000 * Ready to accept connections", None),
        ("valkey", "1:M 23 Nov 2026 15:00:00.000 # WARNING Memory overcommit_memory is off", None),
        ("valkey", "1:M 23 Nov 2026 15:00:00.000 # Bad file format", "Bad file format"),
        ("llm", "0.00.648.340 I srv  init: model loaded", None),
        ("llm", "2.05.479.002 W slot operator(): need to evaluate at least 1 token", None),
        (
            "llm",
            "0.00.648.340 E srv  load_model: failed to load model",
            "0.00.648.340 E srv  load_model: failed to load model",
        ),
        (
            "llm",
            "SmolLM2-135M-Instruct serves at http://127.0.0.1:1/v1",
            "SmolLM2-135M-Instruct serves at http://127.0.0.1:1/v1",
        ),
        ("api", "anything", "anything"),
        ("api", "", None),
    ],
)
def test_what_of_a_line_the_terminal_shows(process: str, line: str, shown: str | None) -> None:
    assert line_filter(process)(line) == shown


def test_a_log_file_starts_anew_when_it_is_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "ROTATE_AT_BYTES", 50)
    log = LogFile(tmp_path / "api.log")

    for number in range(20):
        log.write(f"line {number:04}")
    log.close()

    kept = (tmp_path / "api.log.1").read_text() + (tmp_path / "api.log").read_text()
    assert kept.endswith("line 0019\n")
    assert all(len(file.read_text()) < 100 for file in tmp_path.iterdir())
