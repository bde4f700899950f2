"""The demo data set, read once for all tests: that takes seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mongo_seed.complete_journey.reader import read_journey

if TYPE_CHECKING:
    from mongo_seed.complete_journey.reader import Journey


@pytest.fixture(scope="session")
def journey() -> Journey:
    return read_journey()


@pytest.fixture
def read_once(journey: Journey, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeding takes the data set that is in memory; it is the real one."""
    monkeypatch.setattr("mongo_seed.seed.read_journey", lambda: journey)
