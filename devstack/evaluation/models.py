"""The baselines that can run here: scoring's own, and those of `implicit` where it is installed."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from scoring.evaluation.baselines import BASELINES

if TYPE_CHECKING:
    from scoring.evaluation.baselines import Baseline

IMPLICIT = "Without ALS and BPR: implicit is not installed. Install it with: pip install implicit"


def has_implicit() -> bool:
    return importlib.util.find_spec("implicit") is not None


def all_baselines() -> tuple[type[Baseline], ...]:
    if not has_implicit():
        return BASELINES
    from devstack.evaluation.implicit_models import Als, Bpr

    return (*BASELINES, Als, Bpr)
