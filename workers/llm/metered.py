"""Providers within a budget: it is asked before each text, and what the calls cost is recorded after."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import TYPE_CHECKING

import structlog

from shop.entities.usage import Purpose
from shop.errors import UnavailableError
from workers.llm.errors import OverBudgetError, ProviderError, ProviderTimeoutError
from workers.llm.prompts import explain_prompt, explanation_stream_prompt, insight_prompt
from workers.llm.writer import build_writer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from shop.entities.explanations import TextSource
    from shop.resources.texts import TextResources
    from shop.services.budgets import BudgetService, Reservation
    from shop.services.usage import UsageService
    from workers.llm.prompts import Prompt
    from workers.llm.protocol import ExplanationTask, InsightTask, LlmProvider, Usage
    from workers.llm.writer import Writer

log = structlog.get_logger(__name__)
_PURPOSES = {"explain": Purpose.EXPLAIN, "explain_stream": Purpose.STREAM, "insight": Purpose.INSIGHT}
_BYTES_PER_TOKEN = 3  # fewer than any model's tokenizer takes on average, in any script


def metered_writer(resources: TextResources) -> Writer:
    """The writer that the settings choose, within its budgets and with all its costs recorded."""
    settings = resources.settings.llm
    meter = Meter(resources.usage, resources.budgets, settings.max_output_tokens)
    return build_writer(settings, on_usage=meter.answered, metered=meter.over)


class Meter:
    """Asks the budget and records the usage, for all providers of a writer."""

    def __init__(self, usage: UsageService, budget: BudgetService, output_tokens: int) -> None:
        self._usage = usage
        self._budget = budget
        self._output_tokens = output_tokens
        self._unsettled: Counter[Purpose] = Counter()

    def over(self, provider: LlmProvider) -> LlmProvider:
        """The same provider, metered. It must call `answered` with the usage of each of its calls."""
        return _MeteredProvider(provider, self)

    def answered(self, usage: Usage) -> None:
        """Counts an answer, usable or not."""
        purpose = _PURPOSES[usage.purpose]
        self._unsettled[purpose] += self._usage.answered(
            usage.source,
            usage.model,
            purpose,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            seconds=usage.seconds,
        )

    @contextlib.asynccontextmanager
    async def asking(self, provider: LlmProvider, prompt: Prompt) -> AsyncIterator[None]:
        """Around one text and all tries for it. Raises OverBudgetError when the model may not be asked.

        The counts are written before this ends. A call that was given up may cost all the same: then the whole
        reservation counts as spent.
        """
        model, purpose = provider.model or "", _PURPOSES[prompt.purpose]
        reservation = await self._reserve(provider.source, model, purpose, prompt)
        given_up_micros = 0
        try:
            yield
        except (ProviderTimeoutError, asyncio.CancelledError):
            self._usage.failed(provider.source, model, purpose)
            given_up_micros = reservation.micros or 0
            raise
        except ProviderError:
            self._usage.failed(provider.source, model, purpose)
            raise
        finally:
            # Costs of calls that run at the same time may be settled by any of them: only the sum matters.
            cost = self._unsettled.pop(purpose, 0)
            await self._usage.try_flush()
            await self._budget.settle(reservation, cost + given_up_micros)

    async def _reserve(self, source: TextSource, model: str, purpose: Purpose, prompt: Prompt) -> Reservation:
        size = len(prompt.system.encode()) + len(prompt.user.encode())
        try:
            reservation = await self._budget.reserve(
                purpose, source, model, input_tokens=size // _BYTES_PER_TOKEN, output_tokens=self._output_tokens
            )
        except UnavailableError as error:
            log.warning("llm.budget_unknown", purpose=purpose, reason=error.message)
            raise OverBudgetError(source, f"what was spent today cannot be read. {error.message}") from error
        if reservation is None:
            raise OverBudgetError(source, f"today's budget for {purpose.value} is used up.")
        return reservation


class _MeteredProvider:
    def __init__(self, provider: LlmProvider, meter: Meter) -> None:
        self._provider = provider
        self._meter = meter

    @property
    def source(self) -> TextSource:
        return self._provider.source

    @property
    def model(self) -> str | None:
        return self._provider.model

    @property
    def prompt_version(self) -> str:
        return self._provider.prompt_version

    async def explain(self, task: ExplanationTask) -> list[str]:
        if not task.items:
            return []
        async with self._meter.asking(self._provider, explain_prompt(task)):
            return await self._provider.explain(task)

    async def insight(self, task: InsightTask) -> str:
        async with self._meter.asking(self._provider, insight_prompt(task)):
            return await self._provider.insight(task)

    async def stream(self, task: ExplanationTask) -> AsyncGenerator[str, None]:
        async with (
            self._meter.asking(self._provider, explanation_stream_prompt(task)),
            contextlib.aclosing(self._provider.stream(task)) as pieces,
        ):
            async for piece in pieces:
                yield piece

    async def aclose(self) -> None:
        await self._provider.aclose()
