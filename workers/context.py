"""What a task is given: the shop's resources, a writer of texts, and the record of its progress."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shop.resources.texts import TextResources
    from shop.services.jobs import Run
    from workers.llm.writer import Writer


@dataclass(frozen=True, slots=True)
class WorkerContext:
    resources: TextResources
    writer: Writer
    last_try: bool = False  # whether a retryable error of this attempt is final
    run: Run | None = None  # of jobs that have a record
    order: str | None = None  # the same for all attempts at a job since it was put, and for no other

    async def advance(self, stage: str, progress: float) -> None:
        """Reports how far the job is, 0 to 1; does nothing for a job without a record."""
        if self.run is not None:
            await self.run.advance(stage, progress)
