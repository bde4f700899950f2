"""The writer that jobs call: a chain of providers, a check of every text, and the template as the last resort."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import structlog

from workers.llm.answers import without_thoughts
from workers.llm.chain import build_chain
from workers.llm.errors import OverBudgetError, PausedError, ProviderError, RejectedRequestError
from workers.llm.grounds import explanation_grounds
from workers.llm.protocol import TextChecked, TextDelta, WrittenText
from workers.llm.template import TemplateProvider
from workers.llm.verification import problems_of, verified_explanations, verified_insight

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    from shop.settings import LlmSettings
    from workers.llm.breaker import GuardedProvider
    from workers.llm.protocol import ExplanationTask, InsightTask, LlmProvider, Usage

T = TypeVar("T")

# The most that an item's entry takes in practice (three sentences in a wordy language, and the JSON around them).
_TOKENS_PER_ITEM = 120

log = structlog.get_logger(__name__)


class Writer:
    """Writes every text that it is asked for. When a provider fails, the next in the chain is asked. The template
    writes when all have failed, and instead of a text that its evidence does not support."""

    def __init__(
        self, chain: Sequence[GuardedProvider], *, items_per_call: int = 12, deadline_seconds: float = 45
    ) -> None:
        """`chain` is asked in this order; empty, the template writes all. The deadline is for all of it together."""
        self._chain = tuple(chain)
        self._template = TemplateProvider()
        self._items_per_call = items_per_call
        self._deadline_seconds = deadline_seconds

    async def explain(self, task: ExplanationTask) -> list[WrittenText]:
        """One text for each item, in their order. Long lists are asked for in several calls at once."""
        size, deadline = self._items_per_call, self._deadline()
        parts = [replace(task, items=task.items[at : at + size]) for at in range(0, len(task.items), size)]
        written = await asyncio.gather(*(self._explain_part(part, deadline) for part in parts))
        return [text for part in written for text in part]

    async def insight(self, task: InsightTask) -> WrittenText:
        """One sentence on the shopper."""
        found = await self._first("insight", lambda provider: verified_insight(provider, task), self._deadline())
        if found is not None and found[0] is not None:
            return _signed(found[0], found[1])
        return _signed(await self._template.insight(task), self._template)

    async def stream(self, task: ExplanationTask) -> AsyncGenerator[TextDelta | TextChecked, None]:
        """The text of the task's one item as it is written; the last event is the text that counts.

        Where a provider fails before its first word, the next one streams; where one rejects streaming, the text comes
        whole. A text that has begun and then breaks off or fails the check is replaced by the template's.
        """
        deadline, shown, rejected = self._deadline(), "", False
        for guarded in self._chain:
            try:
                async with aclosing(_growing_text(guarded, task, deadline)) as texts:
                    async for text in texts:
                        if len(text) > len(shown):
                            yield TextDelta(text[len(shown) :])
                            shown = text
            except (ProviderError, TimeoutError) as error:
                _log_failure(guarded.provider, "explain_stream", error)
                rejected = rejected or isinstance(error, RejectedRequestError)
                if shown:
                    break
                continue
            (grounds,) = explanation_grounds(task)
            if not problems_of(shown, grounds, guarded.provider, "explain_stream"):
                yield TextChecked(_signed(shown, guarded.provider), replaced=False)
                return
            break
        if rejected and not shown:
            (written,) = await self._explain_part(task, deadline)
        else:
            (text,) = await self._template.explain(task)
            written = _signed(text, self._template)
        yield TextChecked(written, replaced=bool(shown))

    async def aclose(self) -> None:
        """Closes the providers' connections."""
        for guarded in self._chain:
            await guarded.provider.aclose()

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._deadline_seconds

    async def _explain_part(self, task: ExplanationTask, deadline: float) -> list[WrittenText]:
        safe = [_signed(text, self._template) for text in await self._template.explain(task)]
        found = await self._first("explain", lambda provider: verified_explanations(provider, task), deadline)
        if found is None:
            return safe
        texts, provider = found
        return [_signed(texts[place], provider) if place in texts else safe[place] for place in range(len(safe))]

    async def _first(
        self, purpose: str, ask: Callable[[LlmProvider], Awaitable[T]], deadline: float
    ) -> tuple[T, LlmProvider] | None:
        """The answer of the first provider that does not fail; None when all fail or the deadline passes."""
        for guarded in self._chain:
            try:
                async with asyncio.timeout_at(deadline), guarded.entered(_patience(deadline)) as provider:
                    return await ask(provider), provider
            except (ProviderError, TimeoutError) as error:
                _log_failure(guarded.provider, purpose, error)
        return None


def build_writer(
    settings: LlmSettings,
    *,
    on_usage: Callable[[Usage], None] | None = None,
    metered: Callable[[LlmProvider], LlmProvider] = lambda provider: provider,
) -> Writer:
    """The writer that the settings choose. No SDK is imported and nothing is sent before the first text.

    A missing key is logged, and the next provider writes. `on_usage` is called with the cost of each call; `metered`
    wraps each provider.
    """
    return Writer(
        build_chain(settings, on_usage, metered),
        items_per_call=items_per_call(settings),
        deadline_seconds=settings.deadline_seconds,
    )


def items_per_call(settings: LlmSettings) -> int:
    """How many items one answer has room for."""
    return max(1, settings.max_output_tokens // _TOKENS_PER_ITEM)


async def _growing_text(guarded: GuardedProvider, task: ExplanationTask, deadline: float) -> AsyncGenerator[str, None]:
    """The text so far after each piece, in one line: each begins with the one before."""
    raw = ""
    async with (
        guarded.entered(_patience(deadline)) as provider,
        aclosing(provider.stream(task)) as pieces,
    ):
        while True:
            async with asyncio.timeout_at(deadline):
                piece = await anext(pieces, None)
            if piece is None:
                return
            raw += piece
            yield " ".join(without_thoughts(raw).split())


def _patience(deadline: float) -> float:
    """Seconds to wait for a provider's free slot: half of what is left, so that there is time for the next provider."""
    return max(0.0, deadline - asyncio.get_running_loop().time()) / 2


def _signed(text: str, provider: LlmProvider) -> WrittenText:
    return WrittenText(text, provider.source, provider.model, provider.prompt_version)


def _log_failure(provider: LlmProvider, purpose: str, error: ProviderError | TimeoutError) -> None:
    who = {"source": provider.source, "model": provider.model, "purpose": purpose}
    if isinstance(error, PausedError | OverBudgetError):
        log.debug("llm.skipped", **who, reason=error.message)
    elif isinstance(error, ProviderError):
        log.warning(
            "llm.failed",
            **who,
            error=type(error).__name__,
            message=error.message,
            retryable=error.retryable,
            retry_after=getattr(error, "retry_after", None),
        )
    else:
        log.warning("llm.out_of_time", **who, hint="LLM_DEADLINE_SECONDS sets how long a text may take.")
