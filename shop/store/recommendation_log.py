"""The recommendations log: every list shown, written in batches behind the request."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from scoring.exploration.layout import LAYOUT
from shop.errors import UnavailableError
from shop.store.bulk import BulkError, bulk_insert
from shop.store.database import Database, Document, iterate, store_errors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection

    from shop.entities.privacy import Shopper
    from shop.entities.recommendations import Recommendation, RecommendationList

_log = structlog.get_logger(__name__)
COLLECTION = "recommendations_log"
_BATCH = 500
_INTERVAL_SECONDS = 0.2
_RETRY_SECONDS = 1.0
ATTRIBUTION = timedelta(days=1)  # a click that comes later is not credited to the list
_REPLAYED = ["scenario", "actorKey", *(f"items.{name}" for name in ("propensity", "rewardedAt", "impression"))]


_Entry = tuple["RecommendationList", dict[str, float], float]


class RecommendationLog:
    """A bounded buffer and one writer task.

    A clean stop writes everything out. While MongoDB is away up to `capacity` lists wait in memory; the oldest
    beyond that are dropped and counted.
    """

    def __init__(self, database: Database, capacity: int = 20_000) -> None:
        self._database = database
        self._capacity = capacity
        self._waiting: deque[_Entry | None] = deque()  # None: its shopper was erased
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

    async def mark_rewarded(self, list_id: str, actor_key: str, product_id: str) -> bytes | None:
        """Marks an item of a list as rewarded, and returns its features to whoever is first to do so.

        Others get b"", as do those who name another's list, an old one, or a product that it did not show. None while
        the list is not in the log.
        """
        now = datetime.now(UTC)
        unrewarded = {"productId": product_id, "impression": {"$exists": True}, "rewardedAt": {"$exists": False}}
        recent = {"at": {"$gte": now - ATTRIBUTION}, "featureLayout": LAYOUT}
        wanted = {"_id": list_id, "actorKey": actor_key, **recent}
        lists = self._database[COLLECTION]

        async def mark() -> bytes | None:
            found: Document | None = await lists.find_one_and_update(
                {**wanted, "items": {"$elemMatch": unrewarded}},
                {"$set": {"items.$.rewardedAt": now}},
                projection={"_id": 1, "items": {"$elemMatch": {"productId": product_id}}},
            )
            return bytes(found["items"][0]["impression"]["features"]) if found else None

        with store_errors():
            if (features := await mark()) is not None:
                return features
            if await lists.find_one({"_id": list_id}, {"_id": 1}) is None:
                return None
            return await mark() or b""  # it may have been written since the first attempt

    async def shown_to(self, list_ids: Collection[str]) -> dict[str, str]:
        """The actor keys of those of the lists that are in the log, or wait in this process to be written to it."""
        waiting = [entry[0] for entry in self._waiting if entry is not None] if list_ids else []
        found = {shown.id: shown.actor.key for shown in waiting if shown.id in list_ids}
        if missing := [id_ for id_ in list_ids if id_ not in found]:
            with store_errors():
                logged = await self._database[COLLECTION].find({"_id": {"$in": missing}}, {"actorKey": 1}).to_list(None)
            found |= {document["_id"]: document["actorKey"] for document in logged}
        return found

    def forget(self, shopper: Shopper) -> None:
        """Drops the lists that wait and were shown to a shopper who is being erased; one that is being written now is
        found in the collection."""
        keys = shopper.actor_keys
        for position, entry in enumerate(self._waiting):
            if entry is not None and entry[0].actor.key in keys:
                self._waiting[position] = None

    def since(self, start: datetime) -> AsyncIterator[Document]:
        """What replay needs of the lists shown since then: scenario, actor, and each item's impression and reward."""
        wanted = {"at": {"$gte": start}, "featureLayout": LAYOUT}
        return iterate(self._database, COLLECTION, wanted, fields=_REPLAYED)

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
            await bulk_insert(self._database, COLLECTION, [_document(*entry) for entry in batch if entry])
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
        "featureLayout": LAYOUT,
        "items": [_item(item) for item in shown.items],
    }


def _item(item: Recommendation) -> Document:
    document: Document = {
        "productId": item.product.id,
        "rank": item.rank,
        "score": item.score,
        "exploration": item.exploration,
        "propensity": item.propensity,
    }
    if item.probability is not None:
        document["probability"] = item.probability
    if (text := item.explanation.text) is not None:  # it was there when the list was shown
        document["explanation"] = {
            "source": text.source.value,
            "model": text.model,
            "promptVersion": text.prompt_version,
        }
    if (seen := item.impression) is not None:
        document["impression"] = {"features": seen.features, "rivals": seen.rivals, "shown": seen.shown}
    return document
