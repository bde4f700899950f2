"""What all language models share: prompt in, text out, retries within one deadline, and the usage of each call."""

from __future__ import annotations

import asyncio
import secrets
from abc import ABC, abstractmethod
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import structlog

from shop.entities.explanations import PROMPT_VERSION
from shop.telemetry import spans
from shop.telemetry.spans import Kind
from workers.llm.answers import AnswerError, read_explanations, read_insight
from workers.llm.errors import (
    MalformedAnswerError,
    OverloadedError,
    ProviderError,
    ProviderTimeoutError,
    RateLimitedError,
)
from workers.llm.prompts import explain_prompt, explanation_stream_prompt, insight_prompt
from workers.llm.protocol import Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from contextlib import AbstractContextManager

    from shop.entities.explanations import TextSource
    from shop.telemetry.spans import Span
    from workers.llm.prompts import Prompt
    from workers.llm.protocol import ExplanationTask, InsightTask

T = TypeVar("T")

_LONGEST_WAIT = 8.0  # seconds between two tries; for a provider that asks for more, its breaker opens
_CHARACTERS_PER_TOKEN = 4  # an estimate, for a stream that ended before its token counts came

# Errors of reading a response that is not the API's: neither SDK validates what a server sends.
NOT_THE_API = (AttributeError, IndexError, TypeError, ValueError)

# A stream has the text of one item, three sentences; a longer one is stopped.
STREAM_TOKENS = 400

log = structlog.get_logger(__name__)
_random = secrets.SystemRandom()


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one answer may take. `seconds` counts all tries of a call together; a provider's `retry-after` is cut to
    `longest_retry_after`, in seconds."""

    seconds: float
    retries: int
    output_tokens: int
    backoff_seconds: float = 0.5
    longest_retry_after: float = 300


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a call took."""

    read: int
    written: int


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's raw answer and the tokens it took."""

    text: str
    tokens: Tokens


class ChatProvider(ABC):
    """A provider that asks a model. Subclasses make one call and turn the SDK's errors into ours.

    The retries are ours because the SDKs sleep for as long as `retry-after` says, beyond any deadline.
    """

    prompt_version = PROMPT_VERSION

    def __init__(
        self, source: TextSource, model: str, limits: Limits, on_usage: Callable[[Usage], None] | None = None
    ) -> None:
        self.source = source
        self.model = model
        self._limits = limits
        self._on_usage = on_usage

    @abstractmethod
    async def _ask(self, prompt: Prompt) -> Answer:
        """One call, without retries. Raises ProviderError, or AnswerError for an answer of the wrong form."""

    @abstractmethod
    def _pieces(self, prompt: Prompt) -> AsyncGenerator[str | Tokens, None]:
        """One streamed call: pieces of text, and the tokens of the whole call whenever the provider sends them.

        Raises ProviderError, also for a stream that ends without saying that it is complete.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """Closes the client's connections."""

    async def explain(self, task: ExplanationTask) -> list[str]:
        if not task.items:
            return []
        return await self._write(explain_prompt(task), lambda raw: read_explanations(raw, len(task.items)))

    async def insight(self, task: InsightTask) -> str:
        return await self._write(insight_prompt(task), read_insight)

    async def stream(self, task: ExplanationTask) -> AsyncGenerator[str, None]:
        """Tries again only before the first piece: what the caller has read cannot be withdrawn here."""
        prompt = explanation_stream_prompt(task)
        deadline = _now() + self._limits.seconds
        tries, begun = 0, False
        while True:
            try:
                async with aclosing(self._recorded_stream(prompt, deadline)) as pieces:
                    async for piece in pieces:
                        begun = True
                        yield piece
            except ProviderError as error:
                if begun:
                    raise
                await self._pause(error, tries, deadline)
                tries += 1
            else:
                return

    async def _recorded_stream(self, prompt: Prompt, deadline: float) -> AsyncGenerator[str, None]:
        """One streamed call within the deadline, billed however it ends."""
        started = _now()
        tokens, text = Tokens(0, 0), ""
        with self._measured(prompt) as span:
            try:
                async with aclosing(self._pieces(prompt)) as pieces:
                    while (piece := await self._next(pieces, deadline)) is not None:
                        if isinstance(piece, Tokens):
                            tokens = piece
                        elif piece:
                            text += piece
                            yield piece
            finally:
                if text and not tokens.written:
                    tokens = Tokens(_estimate(prompt.system + prompt.user), _estimate(text))
                if tokens.read:
                    self._record_usage(prompt, tokens, _now() - started, span)
            if not text.strip():
                raise MalformedAnswerError(self.source, "the text is empty")

    async def _next(self, pieces: AsyncGenerator[str | Tokens, None], deadline: float) -> str | Tokens | None:
        """The next piece, None at the end. The time-out is around each wait, so that none is raised while the caller is
        using a piece."""
        try:
            async with asyncio.timeout_at(deadline):
                return await anext(pieces, None)
        except TimeoutError as error:
            raise ProviderTimeoutError(self.source, self._limits.seconds) from error

    async def _write(self, prompt: Prompt, read: Callable[[str], T]) -> T:
        deadline = _now() + self._limits.seconds
        try:
            async with asyncio.timeout_at(deadline):
                return await self._with_retries(prompt, read, deadline)
        except TimeoutError as error:
            raise ProviderTimeoutError(self.source, self._limits.seconds) from error

    async def _with_retries(self, prompt: Prompt, read: Callable[[str], T], deadline: float) -> T:
        tries = 0
        while True:
            try:
                return await self._try(prompt, read)
            except ProviderError as error:
                await self._pause(error, tries, deadline)
                tries += 1

    async def _pause(self, error: ProviderError, tries: int, deadline: float) -> None:
        """Waits until the next try, or raises the error if there should be none. `tries` counts the earlier ones."""
        wait = self._wait(error, tries)
        last = tries >= self._limits.retries or wait > _LONGEST_WAIT or _now() + wait >= deadline
        if last or not error.retryable:
            raise error
        log.info("llm.retry", source=self.source, error=type(error).__name__, tries=tries + 1, wait=round(wait, 2))
        await asyncio.sleep(wait)

    async def _try(self, prompt: Prompt, read: Callable[[str], T]) -> T:
        started = _now()
        with self._measured(prompt) as span:
            try:
                answer = await self._ask(prompt)
                self._record_usage(prompt, answer.tokens, _now() - started, span)
                return read(answer.text)
            except AnswerError as error:
                raise MalformedAnswerError(self.source, str(error)) from None
            except asyncio.CancelledError as error:  # out of time, or the worker stops
                span.fail(type(error).__name__)
                raise

    def _measured(self, prompt: Prompt) -> AbstractContextManager[Span]:
        """A span of one call, by OpenTelemetry's conventions for generative AI."""
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": self.source.value.lower(),
            "gen_ai.request.model": self.model,
            "whybuy.llm.purpose": prompt.purpose,
        }
        return spans.span(f"chat {self.model}", Kind.CLIENT, attributes, current=False)

    def _record_usage(self, prompt: Prompt, tokens: Tokens, seconds: float, span: Span) -> None:
        usage = Usage(self.source, self.model, prompt.purpose, tokens.read, tokens.written, seconds)
        log.info(
            "llm.call",
            source=self.source,
            model=self.model,
            purpose=prompt.purpose,
            prompt_version=prompt.version,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            seconds=round(seconds, 3),
        )
        span.set({"gen_ai.usage.input_tokens": tokens.read, "gen_ai.usage.output_tokens": tokens.written})
        if self._on_usage is not None:
            self._on_usage(usage)

    def _wait(self, error: ProviderError, tries: int) -> float:
        """Seconds until the next try: what the provider asks for, else exponential with jitter."""
        if isinstance(error, RateLimitedError | OverloadedError) and error.retry_after is not None:
            return error.retry_after
        backoff: float = min(self._limits.backoff_seconds * 2**tries, _LONGEST_WAIT)
        return backoff * _random.uniform(0.5, 1)


def _now() -> float:
    """Seconds, by the clock of asyncio's time-outs."""
    return asyncio.get_running_loop().time()


def _estimate(text: str) -> int:
    return len(text) // _CHARACTERS_PER_TOKEN
