"""The recommendations log: every list shown, written in batches behind the request."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING

import structlog

from shop.errors import UnavailableError
from shop.store.database import BulkError, Database, Document, bulk_insert

if TYPE_CHECKING:
    from shop.entities.recommendations import RecommendationList

_log = structlog.get_logger(__name__)
_BATCH = 500
_INTERVAL_SECONDS = 0.2
_RETRY_SECONDS = 1.0


class RecommendationLog:
    """A bounded buffer and one writer task.

    A clean stop writes everything out. While MongoDB is away up to `capacity` lists wait in memory; the oldest
    beyond that are dropped and counted.
    """

    def __init__(self, database: Database, capacity: int = 20_000) -> None:
        self._database = database
        self._capacity = capacity
        self._waiting: deque[tuple[RecommendationList, dict[str, float], float]] = deque()
        self._writer: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.dropped = 0

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def append(self, shown: RecommendationList, weights: dict[str, float], latency_ms: float) -> bool:
        """Never waits; False if an older list had to be dropped for this one."""
        self._idle.clear()
        self._waiting.append((shown, weights, latency_ms))
        if len(self._waiting) <= self._capacity:
            return True
        self._waiting.popleft()
        self.dropped += 1
        return False

    def start(self) -> None:
        self._writer = asyncio.create_task(self._run(), name="recommendation-log")

    async def flush(self) -> None:
        """Returns when everything that is waiting now has been written."""
        await self._idle.wait()

    async def stop(self, patience_seconds: float = 10) -> None:
        """Writes what is waiting; after `patience_seconds` without MongoDB it gives up and says how many were lost."""
        self._stopping.set()
        if self._writer is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._writer, patience_seconds)
        if self._waiting:
            _log.error("recommendation_log_lost", lists=len(self._waiting))

    async def _run(self) -> None:
        while self._waiting or not self._stopping.is_set():
            pause = _INTERVAL_SECONDS
            try:
                while self._waiting:
                    await self._write_batch()
                self._idle.set()
            except UnavailableError:
                pause = _RETRY_SECONDS
            except Exception:  # noqa: BLE001 (a writer that ends would lose every later list too)
                _log.exception("recommendation_log_failed", waiting=len(self._waiting))
                pause = _RETRY_SECONDS
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            if self._stopping.is_set() and self._waiting:
                await asyncio.sleep(_INTERVAL_SECONDS)

    async def _write_batch(self) -> None:
        batch = [self._waiting[position] for position in range(min(_BATCH, len(self._waiting)))]
        dropped_before = self.dropped
        try:
            await bulk_insert(self._database, "recommendations_log", [_document(*entry) for entry in batch])
        except BulkError as error:  # the rest of the batch is stored; trying these again would not help
            _log.exception("recommendation_log_refused", lists=len(error.failures), first=error.failures[0][1])
        for _ in range(len(batch) - (self.dropped - dropped_before)):
            self._waiting.popleft()


def _document(shown: RecommendationList, weights: dict[str, float], latency_ms: float) -> Document:
    return {
        "_id": shown.id,
        "actorKey": shown.actor.key,
        "userId": shown.actor.user_id,
        "sessionId": shown.actor.session_id,
        "scenario": shown.scenario.value,
        "modelVersion": shown.model_version,
        "weights": weights,
        "variant": None,
        "at": shown.generated_at,
        "latencyMs": latency_ms,
        "degraded": [part.value for part in shown.degraded],
        "items": [
            {
                "productId": item.product.id,
                "rank": item.rank,
                "score": item.score,
                "exploration": item.exploration,
                "propensity": item.propensity,
            }
            for item in shown.items
        ],
    }
