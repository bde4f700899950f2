"""Anthropic's Messages API, by the official SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shop.entities.explanations import TextSource
from workers.llm.chat import NOT_THE_API, STREAM_TOKENS, Answer, ChatProvider, Limits, Tokens
from workers.llm.errors import (
    MalformedAnswerError,
    NotTheApiError,
    ProviderError,
    ProviderTimeoutError,
    RefusedError,
    UnreachableError,
)
from workers.llm.sdk import load_sdk
from workers.llm.statuses import code_of, error_in_stream, error_of_status

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator

    import anthropic
    from anthropic.types import Message, RawMessageStreamEvent

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
            raise self._typed(error) from None
        except NOT_THE_API:
            raise NotTheApiError(self.source) from None

    async def _pieces(self, prompt: Prompt) -> AsyncGenerator[str | Tokens, None]:
        client = await self._connect()
        import anthropic
        import httpx2

        try:
            stream = await client.messages.create(
                model=self.model,
                max_tokens=min(STREAM_TOKENS, self._limits.output_tokens),
                system=prompt.system,
                messages=[{"role": "user", "content": prompt.user}],
                stream=True,
            )
            async with stream:
                reading = _Reading(self.source)
                async for event in stream:
                    for piece in reading.read(event):
                        yield piece
            reading.require_end()
        except anthropic.AnthropicError as error:
            raise self._typed(error) from None
        except httpx2.TimeoutException:  # inside a stream the SDK lets these through
            raise ProviderTimeoutError(self.source, self._limits.seconds) from None
        except httpx2.HTTPError as error:
            raise UnreachableError(self.source, type(error).__name__) from None
        except NOT_THE_API:
            raise NotTheApiError(self.source) from None

    async def _connect(self) -> anthropic.AsyncAnthropic:
        """The client, made at its first use, together with the SDK's import where no worker has done that before."""
        if self._client is None:
            sdk = await load_sdk("anthropic")
        if self._client is None:
            self._client = sdk.AsyncAnthropic(
                api_key=self._api_key,
                base_url=self._base_url,
                timeout=self._limits.seconds,
                max_retries=0,
                # Its own spans may hold prompts, and it would send trace ids to the provider.
                open_telemetry={"traces": False, "propagation": False},
            )
        return self._client

    def _answer(self, message: Message) -> Answer:
        if message.stop_reason == "refusal":
            raise RefusedError(self.source)
        text = "".join(block.text for block in message.content if block.type == "text")
        return Answer(text, Tokens(message.usage.input_tokens, message.usage.output_tokens))

    def _typed(self, error: anthropic.AnthropicError) -> ProviderError:
        import anthropic

        if isinstance(error, anthropic.APIStatusError):
            reason = code_of(error.error_code, error.type)
            if error.status_code < 400:
                return error_in_stream(self.source, reason, self._limits)
            return error_of_status(self.source, error.status_code, error.response.headers, reason, self._limits)
        if isinstance(error, anthropic.APITimeoutError):
            return ProviderTimeoutError(self.source, self._limits.seconds)
        if isinstance(error, anthropic.APIResponseValidationError):
            return NotTheApiError(self.source)
        return UnreachableError(self.source, type(error.__cause__ or error).__name__)


class _Reading:
    """The pieces in a stream's events, in their order."""

    def __init__(self, source: TextSource) -> None:
        self._source = source
        self._read = 0
        self._ended = False

    def read(self, event: RawMessageStreamEvent) -> Iterator[str | Tokens]:
        if event.type == "message_start":
            self._read = event.message.usage.input_tokens
            yield Tokens(self._read, event.message.usage.output_tokens)
        elif event.type == "content_block_delta" and event.delta.type == "text_delta":
            yield event.delta.text
        elif event.type == "message_delta":
            yield Tokens(event.usage.input_tokens or self._read, event.usage.output_tokens)
            self._check(event.delta.stop_reason)
        elif event.type == "message_stop":
            self._ended = True

    def _check(self, stop_reason: str | None) -> None:
        if stop_reason == "refusal":
            raise RefusedError(self._source)
        if stop_reason == "max_tokens":
            raise MalformedAnswerError(self._source, "it is longer than the limit")

    def require_end(self) -> None:
        """Raises UnreachableError for a stream that stopped without an end, which the SDK does not notice."""
        if not self._ended:
            raise UnreachableError(self._source, "the stream was cut")
