"""Learning from clicks while serving: lists shown and clicks on them become updates, all behind the requests."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np
import structlog

from scoring.exploration.bandit import BanditState, credit, forget, update
from scoring.exploration.features import unpack_rows
from shop.entities.interactions import REWARDED
from shop.errors import UnavailableError
from shop.store.bandit import StoredBandit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from shop.entities.interactions import Interaction
    from shop.entities.privacy import Shopper
    from shop.entities.recommendations import RecommendationList
    from shop.store.bandit import BanditStore
    from shop.store.recommendation_log import RecommendationLog

_log = structlog.get_logger(__name__)
_TURN_SECONDS = 0.5
_READ_SECONDS = 2.0
_SAVE_SECONDS = 30.0
_FOLDED_AT = 2_000  # lists that wait as they are; more are summed up at once
_MOST_CLICKS = 20_000
_CLICKS_PER_TURN = 500
_LOGGED_WITHIN_SECONDS = 600.0  # a list that is not in the log after this long will never be


@dataclass(frozen=True, slots=True)
class _Click:
    list_id: str
    actor_key: str
    product_id: str
    at: float  # monotonic
    due: float  # monotonic: not looked up before


class BanditService:
    """`state` is at most a few seconds old, and reading it never waits.

    Every item of a list counts as an impression without reward when it is shown; the first click, like or purchase of
    its product that names the list adds the reward. Updates are summed up in memory, where they take no more room the
    longer Redis is away, and added to the shared sums in batches.
    """

    def __init__(self, store: BanditStore, log: RecommendationLog, half_life_days: float) -> None:
        self._store = store
        self._recommendation_log = log
        self._half_life_seconds = half_life_days * 86_400
        self._known: StoredBandit | None = None
        self._state: BanditState | None = None
        self._shown: deque[bytes] = deque()
        self._clicks: deque[_Click] = deque()
        self._pending = BanditState.empty()
        self._sending: tuple[str, BanditState] | None = None
        self._read_at = self._saved_at = -np.inf
        self._saved_batches = -1
        self._turning = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self.dropped = 0

    @property
    def state(self) -> BanditState | None:
        """What clicks taught, as last read; None until it was read once."""
        return self._state

    def shown(self, shown: RecommendationList) -> None:
        """Counts the impressions of a list; never waits."""
        self._shown.append(b"".join(item.impression.features for item in shown.items if item.impression))
        if len(self._shown) > _FOLDED_AT:
            self._fold()

    def acted(self, interactions: Sequence[Interaction]) -> None:
        """Credits the lists that these events name; never waits. An event sent twice is credited once.

        While MongoDB is away clicks wait; the oldest beyond a bound are dropped and counted.
        """
        now = time.monotonic()
        self._clicks.extend(
            _Click(event.recommendation_id, event.actor.key, event.product_id, now, now)
            for event in interactions
            if event.recommendation_id and event.type in REWARDED
        )
        while len(self._clicks) > _MOST_CLICKS:
            self._clicks.popleft()
            self.dropped += 1

    def forget(self, shopper: Shopper) -> None:
        """Drops the clicks of a shopper who is being erased, as far as they have not become sums."""
        keys = shopper.actor_keys
        kept = [click for click in self._clicks if click.actor_key not in keys]
        self._clicks.clear()
        self._clicks.extend(kept)

    async def current(self) -> BanditState:
        """The shared state, or its durable copy, read now; for tools. Raises UnavailableError."""
        stored = await self._store.read() or await self._store.load()
        return stored.state if stored else BanditState.empty()

    async def start(self) -> None:
        """Reads the state before the first list is drawn; while a database is away, the worker goes on trying."""
        await self._attempt([self._read])
        self._worker = asyncio.create_task(self._run(), name="bandit")

    async def flush(self) -> None:
        """Settles, sends, reads and saves all at once. Raises UnavailableError when a database is away."""
        async with self._turning:
            self._fold()
            await self._settle_all()
            await self._send()
            await self._read()
            await self._save()

    async def stop(self, patience_seconds: float = 10) -> None:
        """Sends what is waiting; what Redis does not take is kept in MongoDB for the next process."""
        self._stopping.set()
        if self._worker is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._worker, patience_seconds)
        async with self._turning:
            self._fold()
            await self._attempt([self._settle_all, self._send, self._read, self._save])
            await self._park()

    async def _run(self) -> None:
        while not self._stopping.is_set():
            async with self._turning:
                self._fold()
                now = time.monotonic()
                steps: list[Callable[[], Awaitable[None]]] = [self._settle, self._send]
                steps += [self._read] if now - self._read_at >= _READ_SECONDS else []
                steps += [self._save] if now - self._saved_at >= _SAVE_SECONDS else []
                await self._attempt(steps)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _TURN_SECONDS)

    async def _attempt(self, steps: Sequence[Callable[[], Awaitable[None]]]) -> None:
        """Each step, whether or not those before it could be done."""
        for step in steps:
            try:
                await step()
            except UnavailableError as error:
                _log.debug("bandit_waits", reason=error.message)
            except Exception:  # noqa: BLE001 (one bad update must not end all learning)
                _log.exception("bandit_failed")

    def _fold(self) -> None:
        """Lists shown become sums."""
        data = b"".join(self._shown)
        self._shown.clear()
        if data:
            rows = unpack_rows(data)
            self._pending = update(self._pending, rows, np.zeros(len(rows)))

    async def _settle_all(self) -> None:
        self._clicks = deque(replace(click, due=click.at) for click in self._clicks)
        await self._settle(len(self._clicks))

    async def _settle(self, most: int = _CLICKS_PER_TURN) -> None:
        """Clicks become rewards. One whose list is not in the log yet waits, each time as long as it has waited."""
        early: list[_Click] = []
        for _ in range(min(len(self._clicks), most)):
            if not self._clicks:  # their shopper was erased meanwhile
                break
            click = self._clicks.popleft()
            if time.monotonic() < click.due:
                early.append(click)
                continue
            try:
                features = await self._recommendation_log.mark_rewarded(
                    click.list_id, click.actor_key, click.product_id
                )
            except UnavailableError:
                self._clicks.extendleft([click, *early])
                raise
            waited = time.monotonic() - click.at
            if features is None and waited < _LOGGED_WITHIN_SECONDS:
                early.append(replace(click, due=click.at + 2 * waited))
            elif features:
                rows = unpack_rows(features)
                self._pending = credit(self._pending, rows, np.ones(len(rows)))
        self._clicks.extend(early)

    async def _send(self) -> None:
        """Adds the sums to the shared state. A batch keeps its id until Redis has acknowledged it."""
        if self._sending is None:
            if not self._pending.weight and not self._pending.squares:
                return
            self._sending = (uuid4().hex, self._pending)
            self._pending = BanditState.empty()
        await self._add(*self._sending)
        self._sending = None

    async def _add(self, batch_id: str, increment: BanditState) -> None:
        """What Redis has acknowledged is known here from then on, so that it can be put back if Redis loses it."""
        while (stored := await self._store.add(batch_id, increment, self._half_life_seconds)) is None:
            await self._restore()
        self._known = stored

    async def _restore(self) -> None:
        """Redis is new or has lost the state: the one with the most updates goes in, durable copy or own."""
        durable = await self._store.load()
        found = [stored for stored in (durable, self._known) if stored is not None]
        best = max(found, key=lambda stored: stored.batches, default=None)
        await self._store.restore(best or StoredBandit(BanditState.empty(), 0, time.time()))
        _log.info("bandit_restored", batches=best.batches if best else 0)

    async def _read(self) -> None:
        stored = await self._store.read()
        if stored is None:
            await self._restore()
            stored = await self._store.read()
        if stored is not None:
            self._known = stored
            self._state = forget(stored.state, 0.5 ** (max(time.time() - stored.at, 0.0) / self._half_life_seconds))
            _ = self._state.posterior  # worked out here, not in the next request
        self._read_at = time.monotonic()

    async def _save(self) -> None:
        """The durable copy, and batches that another process could not send."""
        async for batch_id, increment in self._store.parked():
            await self._add(batch_id, increment)
            await self._store.unpark(batch_id)
        if self._known is not None and self._known.batches > self._saved_batches:
            await self._store.save(self._known)
            self._saved_batches = self._known.batches
        self._saved_at = time.monotonic()

    async def _park(self) -> None:
        """At a stop: the sums that Redis did not take go to MongoDB."""
        waiting = [self._sending, (uuid4().hex, self._pending)]
        try:
            for batch in waiting:
                if batch is not None and (batch[1].weight or batch[1].squares):
                    await self._store.park(*batch)
        except UnavailableError:
            _log.error("bandit_updates_lost", impressions=sum(batch[1].weight for batch in waiting if batch))
        if self._clicks:
            _log.error("bandit_clicks_lost", clicks=len(self._clicks))
