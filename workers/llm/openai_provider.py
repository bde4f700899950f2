"""The Chat Completions API, by OpenAI's official SDK: OpenAI itself, and any server that speaks the same.

Chat Completions rather than Responses, because that is what Ollama, llama.cpp and vLLM all serve.
"""

from __future__ import annotations

import asyncio
import importlib
import re
from typing import TYPE_CHECKING, Any

from shop.entities.explanations import TextSource
from workers.llm.chat import NOT_THE_API, Answer, ChatProvider, Limits, error_of_status
from workers.llm.errors import (
    MalformedAnswerError,
    ProviderError,
    ProviderTimeoutError,
    RefusedError,
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import openai
    from openai.types.chat import ChatCompletion

    from workers.llm.prompts import Prompt
    from workers.llm.protocol import Usage

# Reasoning counts against the token limit and can use all of it, so that the answer comes empty: ask for as little
# as the model knows, and leave room. https://developers.openai.com/api/docs/guides/reasoning
_REASONS = re.compile(r"gpt-5|o\d")
_KNOWS_MINIMAL = re.compile(r"gpt-5(-mini|-nano)?(-\d{4}-\d\d-\d\d)?")
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

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.close()

    async def _ask(self, prompt: Prompt) -> Answer:
        client = await self._connect()
        import openai

        schema: Any = {"name": prompt.purpose, "schema": prompt.schema, "strict": True}
        try:
            completion = await client.chat.completions.create(
                model=self.model,
                messages=[{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}],
                response_format={"type": "json_schema", "json_schema": schema},
                **self._options(),
            )
            return self._answer(completion)
        except openai.OpenAIError as error:
            raise self._typed(error) from error
        except NOT_THE_API as error:
            raise MalformedAnswerError(self.source, "the response is not that of the API") from error

    async def _connect(self) -> openai.AsyncOpenAI:
        """The client, made at its first use: importing the SDK takes 0.75 s, which are not the event loop's."""
        if self._client is None:
            sdk = await asyncio.to_thread(importlib.import_module, "openai")
        if self._client is None:
            # Left out, these two come from the environment; they are for OpenAI alone.
            account = {"organization": "", "project": ""} if self.source is TextSource.LOCAL else {}
            self._client = sdk.AsyncOpenAI(
                api_key=self._api_key, base_url=self._base_url, timeout=self._limits.seconds, max_retries=0, **account
            )
        return self._client

    def _options(self) -> dict[str, Any]:
        """What differs between OpenAI's models and others."""
        if self.source is TextSource.LOCAL:
            return {"max_tokens": self._limits.output_tokens, "temperature": 0}
        if not _REASONS.match(self.model):
            return {"max_completion_tokens": self._limits.output_tokens, "store": False}
        effort = "minimal" if _KNOWS_MINIMAL.fullmatch(self.model) else "low"
        return {
            "max_completion_tokens": self._limits.output_tokens + _REASONING_TOKENS,
            "reasoning_effort": effort,
            "store": False,
        }

    def _answer(self, completion: ChatCompletion) -> Answer:
        choice = completion.choices[0]
        if choice.message.refusal or choice.finish_reason == "content_filter":
            raise RefusedError(self.source)
        usage = completion.usage
        tokens = (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)
        return Answer(choice.message.content or "", *tokens)

    def _typed(self, error: openai.OpenAIError) -> ProviderError:
        import openai

        if isinstance(error, openai.APIStatusError):
            return error_of_status(
                self.source, error.status_code, error.response.headers, error.code or error.type, self._limits.seconds
            )
        if isinstance(error, openai.APITimeoutError):
            return ProviderTimeoutError(self.source, self._limits.seconds)
        if isinstance(error, openai.APIResponseValidationError):
            return MalformedAnswerError(self.source, "the response is not that of the API")
        return UnreachableError(self.source, type(error.__cause__ or error).__name__)
