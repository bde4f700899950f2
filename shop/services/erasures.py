"""Erasing everything that is stored of a shopper, so that nothing is left and nothing comes back."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import structlog

from shop.entities.events import Event, Topic
from shop.entities.jobs import JobState
from shop.entities.privacy import Erasure, Shopper
from shop.errors import BadInputError, NotFoundError, UnavailableError
from shop.jobs import EraseShopper, TrainModel
from shop.privacy.messages import actor_key_of
from shop.privacy.places import PLACES, Erasing
from shop.store.documents import stored_time

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from shop.entities.jobs import JobRecord
    from shop.services.events import EventHub
    from shop.services.jobs import JobService
    from shop.settings import PrivacySettings
    from shop.store.erasures import ErasureStore
    from shop.store.shopper_data import ShopperDataStore
    from shop.store.shopper_keys import ShopperKeyStore

    ReportProgress = Callable[[str, float], Awaitable[None]]

_log = structlog.get_logger(__name__)
_MOST_PASSES = 200  # in one attempt; a shopper who is still heard of after that has an open door somewhere
_PAUSE_SECONDS = 0.2
_ERASED = [place for place in PLACES if place.erasing is not Erasing.NOTHING]


class ErasureService:
    """An erasure goes over all places again and again, until it finds nothing in any of them, long enough after the
    account is gone for every request under way to have ended."""

    def __init__(
        self,
        store: ErasureStore,
        data: ShopperDataStore,
        keys: ShopperKeyStore,
        jobs: JobService,
        hub: EventHub,
        settings: PrivacySettings,
    ) -> None:
        self._store = store
        self._data = data
        self._keys = keys
        self._jobs = jobs
        self._hub = hub
        self._settings = settings

    async def order(self, user_id: str, requested_by: str | None) -> tuple[Erasure, JobRecord]:
        """The order and its job; those of before while the shopper is being erased already. Raises UnavailableError."""
        erasure = await self.note(user_id, requested_by)
        return erasure, await self._jobs.start(EraseShopper(erasure.id), requested_by, job_id=erasure.id)

    async def note(self, user_id: str, requested_by: str | None = None) -> Erasure:
        """The order alone, for whoever runs it at once. An order that is left alone gets its job from the sweep."""
        wanted = Erasure(uuid4().hex, stored_time(datetime.now(UTC)), subject=user_id)
        return await self._store.order(wanted, requested_by)

    async def get(self, erasure_id: str) -> Erasure | None:
        """The receipt."""
        return await self._store.get(erasure_id)

    async def resume(self) -> int:
        """Gives their jobs to orders that have none, and puts those again that have failed; how many those were.

        Raises UnavailableError.
        """
        resumed = 0
        async for erasure in self._store.unfinished():
            job = await self._jobs.get(erasure.id)
            if job is None:
                await self._jobs.start(EraseShopper(erasure.id), job_id=erasure.id)
                resumed += 1
            elif job.state is JobState.FAILED:
                resumed += await self._put_again(erasure.id)
        return resumed

    async def _put_again(self, job_id: str) -> bool:
        try:
            await self._jobs.retry(job_id)
        except (BadInputError, NotFoundError):  # somebody else was quicker
            return False
        return True

    async def run(self, erasure_id: str, report: ReportProgress) -> Erasure:
        """Erases the subject of an order; can be interrupted at any point and called again. Returns the receipt.

        Raises NotFoundError, and UnavailableError.
        """
        news_at, found = 0.0, 1
        for number in range(_MOST_PASSES):
            shopper = await self._begin_pass(erasure_id)
            if shopper is None:
                return await self._receipt(erasure_id)
            if found:
                news_at = await self._publish(shopper)
            calm = time.monotonic() - news_at >= self._settings.settle_seconds
            found = await self._pass(erasure_id, shopper, number, report)
            if calm and not found:
                return await self._finish(erasure_id, shopper, report)
            left = news_at + self._settings.settle_seconds - time.monotonic()
            await asyncio.sleep(_PAUSE_SECONDS if found else max(_PAUSE_SECONDS, left))
        raise UnavailableError("The erasure", "It goes on with the next try.", problem="still finds new data.")

    async def _begin_pass(self, erasure_id: str) -> Shopper | None:
        """The subject with all sessions that were found so far, marked; None when it has been erased."""
        erasure = await self._store.get(erasure_id)
        if erasure is None:
            raise NotFoundError("erasure", erasure_id)
        if erasure.subject is None:
            return None
        now = await self._data.shopper(erasure.subject)
        known = await self._store.add_sessions(erasure_id, now.sessions)
        if known is None or known.subject is None:
            return None
        shopper = Shopper(known.subject, frozenset(known.sessions))
        await self._store.mark(shopper, self._settings.mark_days)
        return shopper

    async def _publish(self, shopper: Shopper) -> float:
        """Has every process forget the shopper; when that was, in monotonic seconds."""
        news = Event(Topic.USER_ERASED, shopper.user_id, {"sessions": sorted(shopper.sessions)})
        await self._hub.publish([news])
        return time.monotonic()

    async def _pass(self, erasure_id: str, shopper: Shopper, number: int, report: ReportProgress) -> int:
        """Erases what is found in all places; how much that was."""
        receipt = await self._receipt(erasure_id)
        total = 0
        for done, place in enumerate(_ERASED):
            await report(f"pass {number + 1}: {place.collection}", done / (len(_ERASED) + 1) if number == 0 else 0.9)
            total += await self._data.erase(place, shopper, receipt)
        in_redis = await self._keys.erase(shopper)
        if in_redis:
            await self._store.count(erasure_id, "redis", in_redis)
        return total + in_redis

    async def _finish(self, erasure_id: str, shopper: Shopper, report: ReportProgress) -> Erasure:
        await report("finishing", 0.95)
        await self._keys.erase_news(shopper)
        if self._settings.train_after_erasure:
            await self._jobs.start(TrainModel())  # before the end is on record: after it, nothing would try this again
        receipt = await self._store.finish(erasure_id)
        if receipt is None:
            raise NotFoundError("erasure", erasure_id)
        _log.info("shopper_erased", erasure=erasure_id, passes=receipt.passes, counts=dict(receipt.counts))
        return receipt

    async def _receipt(self, erasure_id: str) -> Erasure:
        receipt = await self._store.get(erasure_id)
        if receipt is None:
            raise NotFoundError("erasure", erasure_id)
        return receipt

    async def was_erased_since(self, user_id: str, issued_at: datetime) -> bool:
        """Whether the user was erased at that time or later: then what was issued to the user at that time is void.
        Raises UnavailableError."""
        return await self._store.was_erased_since(user_id, issued_at)

    async def voids(self, message: Mapping[str, Any], put_at: datetime) -> bool:
        """Whether a job that was put at that time is about somebody who has been erased since. Raises
        UnavailableError."""
        actor_key = actor_key_of(message)
        return actor_key is not None and await self._store.actor_erased_since(actor_key, put_at)
