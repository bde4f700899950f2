"""What an explanation may rest on."""

from __future__ import annotations

from dataclasses import dataclass

from scoring.types import ReasonKind  # noqa: TC001 (pydantic resolves it when it reads a job's message)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One typed reason with the shop's own ids."""

    kind: ReasonKind
    product_id: str | None = None
    label: str | None = None
    count: int | None = None
    value: float | None = None
