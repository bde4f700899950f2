"""Anthropic's Messages API, by the official SDK."""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING

from shop.entities.explanations import TextSource
from workers.llm.chat import NOT_THE_API, Answer, ChatProvider, Limits, error_of_status
from workers.llm.errors import MalformedAnswerError, ProviderError, ProviderTimeoutError, RefusedError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable

    import anthropic
    from anthropic.types import Message

    from workers.llm.prompts import Prompt
    from workers.llm.protocol import Usage


class AnthropicProvider(ChatProvider):
    """Texts by a Claude model, its answer held to a JSON schema by the API."""

    def __init__(
        self,
        model: str,
        api_key: str,
        limits: Limits,
        *,
        base_url: str | None = None,
        on_usage: Callable[[Usage], None] | None = None,
    ) -> None:
        super().__init__(TextSource.ANTHROPIC, model, limits, on_usage)
        self._api_key = api_key
        self._base_url = base_url
        self._client: anthropic.AsyncAnthropic | None = None

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.close()

    async def _ask(self, prompt: Prompt) -> Answer:
        client = await self._connect()
        import anthropic

        try:
            message = await client.messages.create(
                model=self.model,
                max_tokens=self._limits.output_tokens,
                system=prompt.system,
                messages=[{"role": "user", "content": prompt.user}],
                output_config={"format": {"type": "json_schema", "schema": prompt.schema}},
            )
            return self._answer(message)
        except anthropic.AnthropicError as error:
            raise self._typed(error) from error
        except NOT_THE_API as error:
            raise MalformedAnswerError(self.source, "the response is not that of the API") from error

    async def _connect(self) -> anthropic.AsyncAnthropic:
        """The client, made at its first use: importing the SDK takes 1.8 s, which are not the event loop's."""
        if self._client is None:
            sdk = await asyncio.to_thread(importlib.import_module, "anthropic")
        if self._client is None:
            self._client = sdk.AsyncAnthropic(
                api_key=self._api_key, base_url=self._base_url, timeout=self._limits.seconds, max_retries=0
            )
        return self._client

    def _answer(self, message: Message) -> Answer:
        if message.stop_reason == "refusal":
            raise RefusedError(self.source)
        text = "".join(block.text for block in message.content if block.type == "text")
        return Answer(text, message.usage.input_tokens, message.usage.output_tokens)

    def _typed(self, error: anthropic.AnthropicError) -> ProviderError:
        import anthropic

        if isinstance(error, anthropic.APIStatusError):
            reason = error.error_code or error.type
            return error_of_status(self.source, error.status_code, error.response.headers, reason, self._limits.seconds)
        if isinstance(error, anthropic.APITimeoutError):
            return ProviderTimeoutError(self.source, self._limits.seconds)
        if isinstance(error, anthropic.APIResponseValidationError):
            return MalformedAnswerError(self.source, "the response is not that of the API")
        return UnreachableError(self.source, type(error.__cause__ or error).__name__)
