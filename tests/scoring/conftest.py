"""One small trained model for all scoring tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scoring.learning.training import train
from scoring.ranking.recommender import Recommender
from tests.scoring.synthetic import shop

if TYPE_CHECKING:
    from scoring.data.dataset import Dataset
    from scoring.data.state import ModelState


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    return shop()


@pytest.fixture(scope="session")
def state(dataset: Dataset) -> ModelState:
    return train(dataset, seed=5)


@pytest.fixture(scope="session")
def recommender(state: ModelState) -> Recommender:
    return Recommender.from_state(state)
