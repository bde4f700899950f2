"""What an explanation may rest on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scoring.types import ReasonKind


@dataclass(frozen=True, slots=True)
class Evidence:
    """One typed reason with the shop's own ids."""

    kind: ReasonKind
    product_id: str | None = None
    label: str | None = None
    count: int | None = None
    value: float | None = None
