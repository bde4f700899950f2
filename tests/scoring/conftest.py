"""One small trained model for all scoring tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scoring.recommender import Recommender
from scoring.training import train
from tests.scoring.synthetic import shop

if TYPE_CHECKING:
    from scoring.dataset import Dataset
    from scoring.state import ModelState


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    return shop()


@pytest.fixture(scope="session")
def state(dataset: Dataset) -> ModelState:
    return train(dataset, seed=5)


@pytest.fixture(scope="session")
def recommender(state: ModelState) -> Recommender:
    return Recommender.from_state(state)
