"""Small made-up shops as files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from devstack.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


def whybuy(*arguments: str | Path) -> Result:
    """Runs the command line in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="session")
def purchases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with products.csv and interactions.csv."""
    folder = tmp_path_factory.mktemp("purchases")
    size = ("--products", "150", "--users", "80", "--interactions", "3000", "--days", "90")
    assert whybuy("synthesize", *size, "--out", folder).exit_code == 0
    return folder
