"""The language models that the settings choose, in the order in which they are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from shop.entities.explanations import TextSource
from workers.llm.anthropic_provider import AnthropicProvider
from workers.llm.breaker import Breaker, BreakerLimits, GuardedProvider
from workers.llm.chat import Limits
from workers.llm.openai_provider import OpenAiProvider
from workers.llm.sdk import load_sdk

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr

    from shop.settings import LlmSettings
    from workers.llm.protocol import LlmProvider, Usage

log = structlog.get_logger(__name__)

# Each SDK, and the part that it would import at the first call.
_SDKS = {
    "anthropic": "anthropic.resources.messages",
    "openai": "openai.resources.chat",
    "local": "openai.resources.chat",
}


def sdks(settings: LlmSettings) -> list[str]:
    """The modules of the chain's SDKs. Their import takes seconds, which would else count against the first text's
    deadline."""
    return sorted({_SDKS[name] for name in settings.chain if name in _SDKS})


async def import_sdks(settings: LlmSettings) -> None:
    """Imports them in a thread."""
    for module in sdks(settings):
        await load_sdk(module)


def build_chain(
    settings: LlmSettings,
    on_usage: Callable[[Usage], None] | None,
    metered: Callable[[LlmProvider], LlmProvider],
) -> list[GuardedProvider]:
    """A guarded provider for each name in the chain. One whose key is missing is left out, which is logged."""
    pauses = BreakerLimits(settings.breaker_failures, settings.breaker_seconds, settings.breaker_lasting_seconds)
    providers = (build_provider(name, settings, on_usage) for name in settings.chain)
    return [
        GuardedProvider(metered(provider), Breaker(provider.source, pauses), settings.max_concurrency)
        for provider in providers
        if provider is not None
    ]


def build_provider(
    name: str, settings: LlmSettings, on_usage: Callable[[Usage], None] | None = None
) -> LlmProvider | None:
    """The provider of this name; None for the template, and where its key is missing, which is logged."""
    limits = Limits(
        settings.timeout_seconds,
        settings.max_retries,
        settings.max_output_tokens,
        longest_retry_after=settings.max_retry_after_seconds,
    )
    if name == "anthropic" and (key := _required(settings.anthropic_api_key, "ANTHROPIC_API_KEY")):
        return AnthropicProvider(
            settings.anthropic_model, key, limits, base_url=settings.anthropic_base_url, on_usage=on_usage
        )
    if name == "openai" and (key := _required(settings.openai_api_key, "OPENAI_API_KEY")):
        return OpenAiProvider(
            TextSource.OPENAI, settings.openai_model, key, limits, base_url=settings.openai_base_url, on_usage=on_usage
        )
    if name == "local":
        # The SDK requires a key; OpenAI's must not be sent to a server that is not OpenAI's.
        return OpenAiProvider(
            TextSource.LOCAL,
            settings.local_model,
            _value(settings.local_api_key) or "none",
            limits,
            base_url=settings.local_base_url,
            on_usage=on_usage,
        )
    return None


def _required(secret: SecretStr | None, variable: str) -> str:
    key = _value(secret)
    if not key:
        log.warning(
            "llm.key_missing",
            variable=variable,
            hint=f"Set {variable}, or take this provider out of LLM_PROVIDER and LLM_FALLBACKS. "
            "Until then the next in line writes, and the template at last.",
        )
    return key


def _value(secret: SecretStr | None) -> str:
    return secret.get_secret_value().strip() if secret is not None else ""
