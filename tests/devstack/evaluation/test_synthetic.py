"""Made-up shops: files that an import takes, the same ones for the same seed, with a long tail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from mongo_seed.files.dataset import read_files
from tests.devstack.evaluation.conftest import whybuy

if TYPE_CHECKING:
    from pathlib import Path


def made(folder: Path, *options: str) -> tuple[str, str]:
    result = whybuy("synthesize", "--out", folder, *options)
    assert result.exit_code == 0, result.output
    return tuple((folder / name).read_text(encoding="utf-8") for name in ("products.csv", "interactions.csv"))  # type: ignore[return-value]


@pytest.mark.parametrize("kind", ["purchases", "clicks", "ratings"])
def test_every_row_is_accepted(kind: str, tmp_path: Path) -> None:
    made(tmp_path, "--products", "300", "--users", "50", "--interactions", "4000", "--kind", kind)
    data = read_files(tmp_path / "interactions.csv", tmp_path / "products.csv")
    assert [(table.rows, table.refused) for table in data.tables] == [(300, 0), (4000, 0)]
    assert len(data.dataset.interactions.users) == 4000
    assert data.products_without_row == 0


def test_the_same_seed_makes_the_same_files(tmp_path: Path) -> None:
    size = ("--products", "100", "--users", "20", "--interactions", "500")
    assert made(tmp_path, *size) == made(tmp_path, *size)
    assert made(tmp_path, *size) != made(tmp_path, *size, "--seed", "1")


def test_a_few_products_make_most_of_the_events(tmp_path: Path) -> None:
    made(tmp_path, "--products", "2000", "--users", "300", "--interactions", "30000")
    data = read_files(tmp_path / "interactions.csv", tmp_path / "products.csv")
    counts = np.sort(np.bincount(data.dataset.interactions.items, minlength=2000))[::-1]
    assert counts[:200].sum() > 0.4 * counts.sum()
    assert counts[1000:].sum() > 0.03 * counts.sum()


def test_text_prices_and_categories_can_be_left_out(tmp_path: Path) -> None:
    size = ("--products", "100", "--users", "20", "--interactions", "500")
    products, _ = made(tmp_path, *size, "--no-text", "--no-prices", "--no-categories")
    assert products.splitlines()[0] == "id"
