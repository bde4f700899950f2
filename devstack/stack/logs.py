"""The output of the processes: all of it goes into a file each, what matters to the terminal, prefixed and coloured."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROTATE_AT_BYTES = 10_000_000

_COLOURS = {
    "whybuy": "magenta",
    "mongod": "green",
    "valkey": "yellow",
    "api": "cyan",
    "worker": "blue",
    "llm": "bright_black",
}
_VALKEY_WARNING = re.compile(r"^\d+:\S+ .*? # (?P<text>.*)$")
_LLAMA_BELOW_ERROR = re.compile(r"^\d+\.\d+\.\d+\.\d+ [DIW] ")
_VALKEY_HARMLESS = ("overcommit_memory", "bye bye", "User requested shutdown", "signal handler")


def print_line(name: str, text: str) -> None:
    """One line on the terminal, under the name of the process that it is about."""
    prefix = click.style(f"{name:<7}│", fg=_COLOURS.get(name, "white"))
    click.echo(f"{prefix} {text}")


class LogFile:
    """A process's log; at 10 MB it starts anew and one older file is kept."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = path.open("a", encoding="utf-8")

    def write(self, line: str) -> None:
        self._file.write(line + "\n")
        self._file.flush()
        if self._file.tell() > ROTATE_AT_BYTES:
            self._file.close()
            self._path.replace(self._path.with_suffix(".log.1"))
            self._file = self._path.open("a", encoding="utf-8")

    def close(self) -> None:
        self._file.close()


def all_lines(line: str) -> str | None:
    return line or None


def mongod_errors(line: str) -> str | None:
    """mongod writes JSON lines; the terminal shows its errors and fatal errors."""
    try:
        entry = json.loads(line)
    except ValueError:
        return line or None
    if not isinstance(entry, dict) or entry.get("s") not in {"E", "F"}:
        return None
    attributes = entry.get("attr", {})
    detail = attributes.get("error") or attributes.get("msg") or ""
    return f"{entry.get('msg', '')} {detail if isinstance(detail, str) else json.dumps(detail)}".strip()


def valkey_warnings(line: str) -> str | None:
    """Valkey marks warnings with `#`."""
    match = _VALKEY_WARNING.match(line)
    if match is None or any(text in line for text in _VALKEY_HARMLESS):
        return None
    return match["text"]


def llama_errors(line: str) -> str | None:
    """llama.cpp logs every answer; the terminal shows its errors, and lines that are not of its log."""
    return None if _LLAMA_BELOW_ERROR.match(line) else line or None


def line_filter(name: str) -> Callable[[str], str | None]:
    """What of a process's output the terminal shows."""
    return {"mongod": mongod_errors, "valkey": valkey_warnings, "llm": llama_errors}.get(name, all_lines)
