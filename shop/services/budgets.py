"""Daily budgets of the language models, shared by all workers: reserved before each call, settled after it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import structlog

from shop.entities.explanations import TextSource
from shop.entities.usage import Budget, Purpose, UsageDimension
from shop.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from shop.settings import LlmSettings
    from shop.store.usage import SpentStore, UsageStore

_log = structlog.get_logger(__name__)
_POLL_SECONDS = 1.0


def utc_today() -> date:
    return datetime.now(UTC).date()


@dataclass(frozen=True, slots=True)
class Reservation:
    """Leave to make a call, and what is set aside for it; None of a budget when there is no limit."""

    purpose: Purpose
    day: date
    micros: int | None


class BudgetService:
    """What is reserved counts as spent, so that concurrent workers pass the limit by one call at most."""

    def __init__(
        self, spent: SpentStore, usage: UsageStore, llm: LlmSettings, today: Callable[[], date] = utc_today
    ) -> None:
        self._spent = spent
        self._usage = usage
        self._prices = llm.prices
        self._limits = {
            purpose: round(dollars * 1_000_000)
            for purpose, dollars in (
                (Purpose.EXPLAIN, llm.daily_budget_explain_usd),
                (Purpose.INSIGHT, llm.daily_budget_insight_usd),
                (Purpose.STREAM, llm.daily_budget_stream_usd),
            )
            if dollars is not None
        }
        self._polls = bool(self._limits) and llm.provider != "template"
        self._today = today
        self._exhausted: tuple[date, frozenset[Purpose]] = (date.min, frozenset())
        self._warned: dict[Purpose, date] = {}
        self._worker: asyncio.Task[None] | None = None

    async def reserve(
        self, purpose: Purpose, source: TextSource, model: str, *, input_tokens: int, output_tokens: int
    ) -> Reservation | None:
        """Leave for a call that takes this many tokens at most; None when today's budget is used up.

        A model without a price gets none under a limit, except one's own. Raises UnavailableError when there is a
        limit and what was spent cannot be read: better no call than one that is not counted.
        """
        day, limit, price = self._today(), self._limits.get(purpose), self._prices.get(model)
        if limit is None or (price is None and source is TextSource.LOCAL):
            return Reservation(purpose, day, None)
        if price is None:
            _log.warning("llm_price_missing", model=model, hint="Name its price in LLM_PRICES, or lift the budgets.")
            return None
        micros = price.micros(input_tokens, output_tokens)
        granted = await self._spent.reserve(purpose, day, micros, limit)
        if granted is None:
            await self._begin(purpose, day)
            granted = await self._spent.reserve(purpose, day, micros, limit)
        if not granted:
            self._warn(purpose, day)
        return Reservation(purpose, day, micros) if granted else None

    async def settle(self, reservation: Reservation, cost_micros: int) -> None:
        """Replaces what was set aside by what it cost. If Redis is away it stays set aside until the day ends."""
        if reservation.micros is None:
            return
        try:
            await self._spent.add(reservation.purpose, reservation.day, cost_micros - reservation.micros)
        except UnavailableError as error:
            _log.warning("llm_budget_unsettled", purpose=reservation.purpose, reason=error.message)

    def exhausted(self, purpose: Purpose) -> bool:
        """Whether today's budget was used up a second ago; from memory. False unless a model writes and `start` ran."""
        day, purposes = self._exhausted
        return purpose in purposes and day == self._today()

    async def all(self) -> tuple[Budget, ...]:
        """Today's budget of every purpose. Raises UnavailableError when MongoDB is away."""
        used = await self._costs(self._today())
        for purpose in self._limits:
            try:
                used[purpose] = await self._used(purpose)
            except UnavailableError:
                _log.warning("llm_budget_without_reservations", purpose=purpose)
        return tuple(Budget(purpose, self._limits.get(purpose), used.get(purpose, 0)) for purpose in Purpose)

    async def refresh(self) -> None:
        """Reads which budgets are used up. Raises UnavailableError."""
        day = self._today()
        used = {purpose: await self._used(purpose) for purpose in self._limits}
        spent = frozenset(purpose for purpose, micros in used.items() if micros >= self._limits[purpose])
        self._exhausted = (day, spent)

    def start(self) -> None:
        """Keeps `exhausted` fresh, if there are budgets that a model can use up."""
        if self._polls:
            self._worker = asyncio.create_task(self._poll(), name="llm-budget")

    async def stop(self) -> None:
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)

    async def _poll(self) -> None:
        while True:
            try:
                await self.refresh()
            except UnavailableError as error:
                _log.debug("llm_budget_unknown", reason=error.message)
            await asyncio.sleep(_POLL_SECONDS)

    def _warn(self, purpose: Purpose, day: date) -> None:
        if self._warned.get(purpose) != day:
            self._warned[purpose] = day
            _log.warning("llm_budget_used_up", purpose=purpose, hint="The template writes until midnight UTC.")

    async def _used(self, purpose: Purpose) -> int:
        day = self._today()
        spent = await self._spent.read(purpose, day)
        return await self._begin(purpose, day) if spent is None else spent

    async def _begin(self, purpose: Purpose, day: date) -> int:
        """Makes the day's counter from what MongoDB says was spent: at the start of a day, or when Redis lost it."""
        spent = (await self._costs(day)).get(purpose, 0)
        await self._spent.begin(purpose, day, spent)
        return spent

    async def _costs(self, day: date) -> dict[Purpose, int]:
        rows = await self._usage.rows(day, day, (UsageDimension.PURPOSE,))
        return {row.purpose: row.counts.cost_micros for row in rows if row.purpose is not None}
