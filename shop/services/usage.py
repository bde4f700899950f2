"""Calls of language models and their cost: counted in memory, written a moment later, read by staff."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from datetime import date
from typing import TYPE_CHECKING, TypeVar

import structlog

from shop.entities.usage import Lookups, Purpose, UsageCounts, UsageDimension, UsageKey, UsageReport
from shop.errors import BadInputError, UnavailableError
from shop.services.budgets import utc_today

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from shop.entities.explanations import TextSource
    from shop.entities.usage import Budget, UsageRow
    from shop.services.budgets import BudgetService
    from shop.settings import LlmSettings
    from shop.store.usage import UsageStore

_log = structlog.get_logger(__name__)
_FLUSH_SECONDS = 5.0
_DEFAULT_DAYS = 30
_MOST_DAYS = 366


Key = TypeVar("Key")
Counts = TypeVar("Counts", UsageCounts, Lookups)


class UsageService:
    """Counts never wait for a database. What could not be written is kept for the next flush."""

    def __init__(
        self, store: UsageStore, budgets: BudgetService, llm: LlmSettings, today: Callable[[], date] = utc_today
    ) -> None:
        self._store = store
        self._budgets = budgets
        self._prices = llm.prices
        self._today = today
        self._calls: defaultdict[UsageKey, UsageCounts] = defaultdict(UsageCounts)
        self._lookups: defaultdict[date, Lookups] = defaultdict(Lookups)
        self._stopping = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self.lookups = Lookups()  # of this process
        self.totals: list[UsageRow] = []  # of all processes and days, as of the last `refresh_totals`
        self.budgets: tuple[Budget, ...] = ()  # the same

    def answered(
        self, source: TextSource, model: str, purpose: Purpose, *, input_tokens: int, output_tokens: int, seconds: float
    ) -> int:
        """Counts an answer, whatever became of it; returns its cost in micro-USD, 0 when the model has no price."""
        price = self._prices.get(model)
        cost = price.micros(input_tokens, output_tokens) if price else 0
        self._calls[UsageKey(self._today(), purpose, source, model)] += UsageCounts(
            calls=1,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            cost_micros=cost,
            unpriced_calls=0 if price else 1,
            seconds=seconds,
        )
        return cost

    def failed(self, source: TextSource, model: str, purpose: Purpose) -> None:
        """Counts a text that the model did not give."""
        self._calls[UsageKey(self._today(), purpose, source, model)] += UsageCounts(failures=1)

    def looked_up(self, lookups: Lookups) -> None:
        """Counts where explanations were found."""
        self.lookups += lookups
        self._lookups[self._today()] += lookups

    async def flush(self) -> None:
        """Writes what was counted. Raises UnavailableError when MongoDB is away; nothing is lost by that."""
        await _write_all(self._calls, self._store.add)
        await _write_all(self._lookups, self._store.add_lookups)

    async def try_flush(self) -> None:
        """The same; what MongoDB does not take now is written later."""
        try:
            await self.flush()
        except UnavailableError as error:
            _log.warning("llm_usage_waits", reason=error.message)

    def start(self) -> None:
        """Writes every few seconds until `stop`."""
        self._worker = asyncio.create_task(self._run(), name="llm-usage")

    async def stop(self) -> None:
        """Writes the rest."""
        self._stopping.set()
        if self._worker is not None:
            await self._worker
        try:
            await self.flush()
        except UnavailableError:
            _log.error("llm_usage_lost", calls=dict(self._calls), lookups=dict(self._lookups))

    async def _run(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _FLUSH_SECONDS)
            await self.try_flush()

    async def refresh_totals(self) -> None:
        """Reads `totals`, by provider, model and purpose, and `budgets`. While MongoDB is away both stay."""
        try:
            by = (UsageDimension.PROVIDER, UsageDimension.MODEL, UsageDimension.PURPOSE)
            self.totals = await self._store.rows(None, None, by)
            self.budgets = await self._budgets.all()
        except UnavailableError as error:
            _log.warning("llm_totals_stale", reason=error.message)

    async def report(
        self,
        first: date | None = None,
        last: date | None = None,
        by: Collection[UsageDimension] = tuple(UsageDimension),
    ) -> UsageReport:
        """Usage of these days (UTC, both included); the last 30 if left out. Other processes' counts of the last
        seconds may be missing.

        Raises BadInputError for days that are no span of at most 366, UnavailableError when MongoDB is away.
        """
        last = last or self._today()
        first = first or date.fromordinal(max(1, last.toordinal() - _DEFAULT_DAYS + 1))
        if first > last:
            raise BadInputError(f"from ({first}) must not be after to ({last}).", field="from")
        if (last - first).days >= _MOST_DAYS:
            raise BadInputError(f"Ask for {_MOST_DAYS} days at most.", field="from")
        await self.flush()
        rows = await self._store.rows(first, last, by)
        return UsageReport(
            first=first,
            last=last,
            rows=tuple(rows),
            totals=sum((row.counts for row in rows), UsageCounts()),
            lookups=await self._store.lookups(first, last),
            budgets=await self._budgets.all(),
        )


async def _write_all(pending: defaultdict[Key, Counts], write: Callable[[Key, Counts], Awaitable[None]]) -> None:
    """Empties `pending`, which may grow meanwhile; what cannot be written goes back into it."""
    for key in list(pending):
        if (counts := pending.pop(key, None)) is None:
            continue
        try:
            await write(key, counts)
        except BaseException:  # also when the job around it is cancelled
            pending[key] += counts
            raise
