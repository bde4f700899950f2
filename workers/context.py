"""What a task is given: the shop's resources and a writer of texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shop.resources import Resources
    from workers.llm.writer import Writer


@dataclass(frozen=True, slots=True)
class WorkerContext:
    resources: Resources
    writer: Writer
    last_try: bool = False  # whether a retryable error of this run is final
