"""Model snapshots: what was trained, when, on what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class ModelSnapshot:
    """A trained model's manifest. `version` is the SHA-256 of its arrays and manifest (first 16 hex digits)."""

    version: str
    trained_at: datetime
    products: int
    users: int
    interactions: int
    weights: dict[str, float]
    size_bytes: int
    training_seconds: float
    format: int  # scoring.state.FORMAT_VERSION of the code that trained it
    metrics: dict[str, float] = field(default_factory=dict)
    current: bool = False
