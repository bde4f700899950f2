"""`whybuy prompts eval` as somebody at a terminal meets it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from devstack.cli import main
from tests.fixtures.llm_server import llm_server

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


def run(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "140"}).invoke(main, ["prompts", "eval", *arguments])


def test_prints_a_table_by_language_and_saves_the_report(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "report.md"

    done = run("--provider", "template", "--languages", "en, tr", "--out", str(out))

    assert done.exit_code == 0, done.output
    assert [line for line in done.output.splitlines() if " tr " in line and "100%" in line]
    assert " de " not in done.output
    assert "| all |" in out.read_text()
    report = json.loads(out.with_suffix(".json").read_text())
    assert report["writer"]["source"] == "TEMPLATE"
    assert set(report["languages"]) == {"en", "tr"}
    assert report["overall"]["grounded"] == 1
    assert all(text["text"] for text in report["texts"])


async def test_a_model_is_asked_and_too_few_grounded_texts_are_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with llm_server() as server:  # it speaks English alone
        monkeypatch.setenv("LLM_LOCAL_BASE_URL", f"{server.url}/v1")
        monkeypatch.setenv("LLM_LOCAL_MODEL", "smol")
        options = ("--provider", "local", "--out", str(tmp_path / "report.md"))
        good = await asyncio.to_thread(run, *options, "--languages", "en")
        bad = await asyncio.to_thread(run, *options, "--languages", "de")

    assert good.exit_code == 0, good.output
    assert bad.exit_code == 1
    assert "language en instead of de" in bad.output
    assert "LOCAL smol" in bad.output


def test_an_attack_that_comes_through_is_a_failure(tmp_path: Path) -> None:
    cases = tmp_path / "cases.json"
    evidence = [{"kind": "POPULAR", "count": 540}]
    case = {"name": "a", "language": "en", "product": {"name": "Milk"}, "evidence": evidence, "forbidden": "540"}
    cases.write_text(json.dumps([case]))

    done = run("--provider", "template", "--cases", str(cases), "--out", str(tmp_path / "report.md"))

    assert done.exit_code == 1
    assert "ATTACK THROUGH" in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--provider", "openai"), "OPENAI_API_KEY"),
        (("--languages", "xx"), "Languages with cases: de, en, es, fr, tr"),
        (("--cases", "no-such-file.json"), "cannot be read"),
    ],
)
def test_what_is_wrong_is_said(arguments: tuple[str, ...], message: str) -> None:
    done = run(*arguments)

    assert done.exit_code != 0
    assert message in done.output
    assert "Traceback" not in done.output
