"""Model snapshots: what was trained, when, on what."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class TrainingKind(StrEnum):
    """How much of a model is made anew."""

    FULL = "FULL"
    EMBEDDINGS = "EMBEDDINGS"  # scoring.learning.refresh.refresh_embeddings
    CONTENT = "CONTENT"  # scoring.learning.refresh.refresh_content


class SnapshotStatus(StrEnum):
    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    REJECTED = "REJECTED"


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
    format: int  # scoring.data.state.FORMAT_VERSION of the code that trained it
    metrics: dict[str, float] = field(default_factory=dict)
    current: bool = False
    kind: TrainingKind = TrainingKind.FULL
    parent: str | None = None  # the version that a refresh was made from
    notes: tuple[str, ...] = ()  # what training chose, and why
    rejection: str | None = None  # why the guard kept it from being activated

    @property
    def status(self) -> SnapshotStatus:
        if self.current:
            return SnapshotStatus.ACTIVE
        return SnapshotStatus.REJECTED if self.rejection else SnapshotStatus.INACTIVE
