"""The Chat Completions API, by OpenAI's official SDK: OpenAI itself, and any server with the same API.

Chat Completions rather than Responses, because that is what Ollama, llama.cpp and vLLM all serve.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shop.entities.explanations import TextSource
from workers.llm.chat import NOT_THE_API, STREAM_TOKENS, Answer, ChatProvider, Limits, Tokens
from workers.llm.errors import (
    MalformedAnswerError,
    NotTheApiError,
    ProviderError,
    ProviderTimeoutError,
    RefusedError,
    RejectedRequestError,
    UnreachableError,
)
from workers.llm.grammar import counted
from workers.llm.sdk import load_sdk
from workers.llm.statuses import code_of, error_in_stream, error_of_status

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator

    import openai
    from openai.types import CompletionUsage
    from openai.types.chat import ChatCompletion, ChatCompletionChunk

    from workers.llm.prompts import Prompt
    from workers.llm.protocol import Usage

# Reasoning counts against the token limit and can use all of it, so that the answer comes empty: ask for the least
# effort that the model accepts, and leave room. https://developers.openai.com/api/docs/guides/reasoning
_REASONS = re.compile(r"gpt-[5-9](?!.*chat)|o\d")
_ACCEPTS_MINIMAL = re.compile(r"gpt-5(-mini|-nano)?(-\d{4}-\d\d-\d\d)?")
_REASONING_TOKENS = 2000


class OpenAiProvider(ChatProvider):
    """Texts by a model behind the Chat Completions API; `source` is OPENAI, or LOCAL for one's own server."""

    def __init__(
        self,
        source: TextSource,
        model: str,
        api_key: str,
        limits: Limits,
        *,
        base_url: str | None = None,
        on_usage: Callable[[Usage], None] | None = None,
    ) -> None:
        super().__init__(source, model, limits, on_usage)
        self._api_key = api_key
        self._base_url = base_url
        self._client: openai.AsyncOpenAI | None = None
        self._plain = False  # whether the server does not support schemas

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.close()

    async def _ask(self, prompt: Prompt) -> Answer:
        """A local server without schemas answers 400 or 422: from then on the prompt has the schema, in words."""
        if self._plain:
            return await self._complete(_in_words(prompt), {})
        schema: Any = {"name": prompt.purpose, "schema": self._schema(prompt), "strict": True}
        try:
            return await self._complete(prompt, {"response_format": {"type": "json_schema", "json_schema": schema}})
        except RejectedRequestError as error:
            if not self._may_be_plain(error):
                raise
        answer = await self._complete(_in_words(prompt), {})
        self._plain = True  # not before: the request may have been bad for another reason
        return answer

    def _may_be_plain(self, error: RejectedRequestError) -> bool:
        return self.source is TextSource.LOCAL and not self._plain and error.status in {400, 422}

    async def _complete(self, prompt: Prompt, format_: dict[str, Any]) -> Answer:
        client = await self._connect()
        import openai

        try:
            completion = await client.chat.completions.create(
                model=self.model, messages=_messages(prompt), **format_, **self._options(self._limits.output_tokens)
            )
            return self._answer(completion)
        except openai.OpenAIError as error:
            raise self._typed(error) from None
        except NOT_THE_API:
            raise NotTheApiError(self.source) from None

    async def _pieces(self, prompt: Prompt) -> AsyncGenerator[str | Tokens, None]:
        client = await self._connect()
        import openai

        try:
            stream = await client.chat.completions.create(
                model=self.model,
                messages=_messages(prompt),
                stream=True,
                **self._usage_options(),
                **self._options(min(STREAM_TOKENS, self._limits.output_tokens)),
            )
            async with stream:
                reading = _Reading(self.source)
                async for chunk in stream:
                    for piece in reading.read(chunk):
                        yield piece
            reading.require_end()
        except openai.OpenAIError as error:
            raise self._typed(error) from None
        except NOT_THE_API:
            raise NotTheApiError(self.source) from None

    async def _connect(self) -> openai.AsyncOpenAI:
        """The client, made at its first use, together with the SDK's import where no worker has done that before."""
        if self._client is None:
            sdk = await load_sdk("openai")
        if self._client is None:
            # If left out, the SDK takes these two from the environment; they are for OpenAI alone.
            account = {"organization": "", "project": ""} if self.source is TextSource.LOCAL else {}
            self._client = sdk.AsyncOpenAI(
                api_key=self._api_key, base_url=self._base_url, timeout=self._limits.seconds, max_retries=0, **account
            )
        return self._client

    def _schema(self, prompt: Prompt) -> dict[str, object]:
        """A small local model writes too few or too many entries unless the server's grammar fixes their number."""
        return counted(prompt) if self.source is TextSource.LOCAL else prompt.schema

    def _options(self, tokens: int) -> dict[str, Any]:
        """What differs between OpenAI's models and others."""
        if self.source is TextSource.LOCAL:
            return {"max_tokens": tokens, "temperature": 0}
        if not _REASONS.match(self.model):
            return {"max_completion_tokens": tokens, "store": False}
        effort = "minimal" if _ACCEPTS_MINIMAL.fullmatch(self.model) else "low"
        return {
            "max_completion_tokens": tokens + _REASONING_TOKENS,
            "reasoning_effort": effort,
            "store": False,
        }

    def _usage_options(self) -> dict[str, Any]:
        """Asks for a stream's token counts. Not every local server knows the option; there they are estimated."""
        return {} if self.source is TextSource.LOCAL else {"stream_options": {"include_usage": True}}

    def _answer(self, completion: ChatCompletion) -> Answer:
        choice = completion.choices[0]
        if choice.message.refusal or choice.finish_reason == "content_filter":
            raise RefusedError(self.source)
        return Answer(choice.message.content or "", _tokens(completion.usage))

    def _typed(self, error: openai.OpenAIError) -> ProviderError:
        import openai

        if isinstance(error, openai.APIStatusError):
            reason = code_of(error.code, error.type)
            return error_of_status(self.source, error.status_code, error.response.headers, reason, self._limits)
        if isinstance(error, openai.APITimeoutError):
            return ProviderTimeoutError(self.source, self._limits.seconds)
        if isinstance(error, openai.APIResponseValidationError):
            return NotTheApiError(self.source)
        if isinstance(error, openai.APIError) and not isinstance(error, openai.APIConnectionError):
            return error_in_stream(self.source, code_of(error.code, error.type), self._limits)
        return UnreachableError(self.source, type(error.__cause__ or error).__name__)


class _Reading:
    """The pieces in a stream's chunks, in their order."""

    def __init__(self, source: TextSource) -> None:
        self._source = source
        self._ended = False

    def read(self, chunk: ChatCompletionChunk) -> Iterator[str | Tokens]:
        if chunk.usage:
            yield _tokens(chunk.usage)
        for choice in chunk.choices:
            if choice.delta.refusal or choice.finish_reason == "content_filter":
                raise RefusedError(self._source)
            if choice.delta.content:
                yield choice.delta.content
            if choice.finish_reason == "length":
                raise MalformedAnswerError(self._source, "it is longer than the limit")
            self._ended = self._ended or choice.finish_reason is not None

    def require_end(self) -> None:
        """Raises UnreachableError for a stream that stopped without an end, which the SDK does not notice."""
        if not self._ended:
            raise UnreachableError(self._source, "the stream was cut")


def _messages(prompt: Prompt) -> Any:
    return [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}]


def _in_words(prompt: Prompt) -> Prompt:
    """The schema as a part of the instructions."""
    schema = json.dumps(prompt.schema)
    return replace(prompt, system=f"{prompt.system}\nAnswer with one JSON object of this schema alone: {schema}")


def _tokens(usage: CompletionUsage | None) -> Tokens:
    return Tokens(usage.prompt_tokens, usage.completion_tokens) if usage else Tokens(0, 0)
