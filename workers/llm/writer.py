"""The one writer that jobs call: the chosen provider, a check of every text, and the template behind them all."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from shop.entities.explanations import TextSource
from workers.llm.anthropic_provider import AnthropicProvider
from workers.llm.chat import Limits
from workers.llm.errors import ProviderError
from workers.llm.grounding import check, explanation_grounds, insight_grounds
from workers.llm.openai_provider import OpenAiProvider
from workers.llm.protocol import WrittenText
from workers.llm.template import TemplateProvider

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pydantic import SecretStr

    from shop.settings import LlmSettings
    from workers.llm.grounding import Grounds
    from workers.llm.protocol import ExplanationTask, InsightTask, LlmProvider, Usage

# What an item's entry takes at most in practice (three sentences in a wordy language, and the JSON around them).
_TOKENS_PER_ITEM = 120

log = structlog.get_logger(__name__)


class Writer:
    """Writes every text that it is asked for: a failed provider or an unproved text gives way to the template."""

    def __init__(self, providers: Sequence[LlmProvider], *, items_per_call: int = 12) -> None:
        """`providers` are tried in this order; with none, the template writes all."""
        self._providers = tuple(providers)
        self._template = TemplateProvider()
        self._items_per_call = items_per_call

    async def explain(self, task: ExplanationTask) -> list[WrittenText]:
        """One text for each item, in their order. Long lists are asked for in several calls at once."""
        size = self._items_per_call
        parts = [replace(task, items=task.items[at : at + size]) for at in range(0, len(task.items), size)]
        written = await asyncio.gather(*(self._explain_part(part) for part in parts))
        return [text for part in written for text in part]

    async def insight(self, task: InsightTask) -> WrittenText:
        """One sentence on the shopper."""
        grounds = insight_grounds(task)
        for provider in self._providers:
            try:
                text = await provider.insight(task)
            except ProviderError as error:
                _log_failure(provider, "insight", error)
                continue
            if _is_proved(text, grounds, provider, "insight"):
                return _signed(text, provider)
        return _signed(await self._template.insight(task), self._template)

    async def aclose(self) -> None:
        """Closes the providers' connections."""
        for provider in self._providers:
            await provider.aclose()

    async def _explain_part(self, task: ExplanationTask) -> list[WrittenText]:
        safe = [_signed(text, self._template) for text in await self._template.explain(task)]
        for provider in self._providers:
            try:
                texts = await provider.explain(task)
            except ProviderError as error:
                _log_failure(provider, "explain", error)
                continue
            return [
                _signed(text, provider) if _is_proved(text, grounds, provider, "explain") else fallback
                for text, grounds, fallback in zip(texts, explanation_grounds(task), safe, strict=True)
            ]
        return safe


def build_writer(settings: LlmSettings, *, on_usage: Callable[[Usage], None] | None = None) -> Writer:
    """The writer that the settings choose. No SDK is imported and nothing is sent before the first text.

    A missing key is logged, and the template writes. `on_usage` is told what each call cost.
    """
    provider = _build_provider(settings, on_usage)
    return Writer([] if provider is None else [provider], items_per_call=items_per_call(settings))


def items_per_call(settings: LlmSettings) -> int:
    """How many items one answer has room for."""
    return max(1, settings.max_output_tokens // _TOKENS_PER_ITEM)


def _build_provider(settings: LlmSettings, on_usage: Callable[[Usage], None] | None) -> LlmProvider | None:
    limits = Limits(settings.timeout_seconds, settings.max_retries, settings.max_output_tokens)
    if settings.provider == "anthropic" and (key := _key(settings.anthropic_api_key, "ANTHROPIC_API_KEY")):
        return AnthropicProvider(
            settings.anthropic_model, key, limits, base_url=settings.anthropic_base_url, on_usage=on_usage
        )
    if settings.provider == "openai" and (key := _key(settings.openai_api_key, "OPENAI_API_KEY")):
        return OpenAiProvider(
            TextSource.OPENAI, settings.openai_model, key, limits, base_url=settings.openai_base_url, on_usage=on_usage
        )
    if settings.provider == "local":
        # The SDK wants some key; a real one must not reach a server that is not OpenAI's.
        return OpenAiProvider(
            TextSource.LOCAL,
            settings.local_model,
            "none",
            limits,
            base_url=settings.local_base_url,
            on_usage=on_usage,
        )
    return None


def _key(secret: SecretStr | None, variable: str) -> str | None:
    key = secret.get_secret_value().strip() if secret is not None else ""
    if not key:
        log.warning(
            "llm.key_missing",
            variable=variable,
            hint=f"Set {variable}, or LLM_PROVIDER=template. Until then the template writes all texts.",
        )
    return key or None


def _signed(text: str, provider: LlmProvider) -> WrittenText:
    return WrittenText(text, provider.source, provider.model, provider.prompt_version)


def _is_proved(text: str, grounds: Grounds, provider: LlmProvider, purpose: str) -> bool:
    problems = check(text, grounds)
    if problems:
        log.warning(
            "llm.ungrounded", source=provider.source, model=provider.model, purpose=purpose, problems=problems[:5]
        )
    return not problems


def _log_failure(provider: LlmProvider, purpose: str, error: ProviderError) -> None:
    log.warning(
        "llm.failed",
        source=provider.source,
        model=provider.model,
        purpose=purpose,
        error=type(error).__name__,
        message=error.message,
        retryable=error.retryable,
        retry_after=getattr(error, "retry_after", None),
    )
