"""Every setting is in `.env.example` and in `docs/settings.md`, under its own name, with its own default."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.settings_docs import Setting, all_settings, env_example, markdown
from shop.settings import Settings

ROOT = Path(__file__).parent.parent
SETTINGS = list(all_settings())


def test_every_field_of_every_group_is_listed() -> None:
    fields = sum(len(field.annotation.model_fields) for field in Settings.model_fields.values() if field.annotation)

    assert len(SETTINGS) == fields
    assert len({setting.name for setting in SETTINGS}) == fields
    assert all(setting.description.endswith((".", "…")) for setting in SETTINGS)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_setting_is_documented_with_its_default(setting: Setting) -> None:
    table = (ROOT / "docs/settings.md").read_text()
    row = next(line for line in table.splitlines() if line.startswith(f"| `{setting.name}` |"))
    example = (ROOT / ".env.example").read_text().splitlines()

    assert row.split(" | ")[1].strip("`") == (setting.default or "none")
    assert setting.description in row
    assert f"# {setting.name}={setting.default}" in example


def test_the_documents_are_fresh() -> None:
    assert (ROOT / ".env.example").read_text() == env_example(), "run `make settings`"
    assert (ROOT / "docs/settings.md").read_text() == markdown(), "run `make settings`"


def test_the_documented_names_are_the_ones_that_are_read(tmp_path: Path) -> None:
    """Every line of the example is a valid setting: uncommented, it gives the defaults again."""
    lines = [line.removeprefix("# ") for line in env_example().splitlines() if "=" in line and line[2:3].isupper()]
    named = [line for line in lines if line.partition("=")[2]]
    (tmp_path / ".env").write_text("\n".join(named))
    script = "from shop.settings import Settings; print(Settings().model_dump_json(), end='')"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}

    command = [sys.executable, "-c", script]
    read = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert read.returncode == 0, read.stderr
    assert len(named) > 20
    assert read.stdout == Settings().model_dump_json()
