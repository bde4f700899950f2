"""What all language models share: prompt in, JSON answer out, retries within one deadline, and the bill."""

from __future__ import annotations

import asyncio
import email.utils
import secrets
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import structlog

from workers.llm.answers import AnswerError, read_explanations, read_insight
from workers.llm.errors import (
    BadKeyError,
    MalformedAnswerError,
    OverloadedError,
    ProviderError,
    ProviderTimeoutError,
    RateLimitedError,
    RejectedRequestError,
)
from workers.llm.prompts import PROMPT_VERSION, explain_prompt, insight_prompt
from workers.llm.protocol import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shop.entities.explanations import TextSource
    from workers.llm.prompts import Prompt
    from workers.llm.protocol import ExplanationTask, InsightTask

T = TypeVar("T")

_LONGEST_BACKOFF = 8.0  # seconds
_OUT_OF_CREDIT = {"insufficient_quota", "billing_error"}  # sent as 429, but waiting does not help

# What reading a response raises when it is not the API's: neither SDK validates what a server sends.
NOT_THE_API = (AttributeError, IndexError, TypeError, ValueError)

log = structlog.get_logger(__name__)
_random = secrets.SystemRandom()


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one answer may take. `seconds` counts all tries of a call together."""

    seconds: float
    retries: int
    output_tokens: int
    backoff_seconds: float = 0.5


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's raw answer and the tokens it took."""

    text: str
    input_tokens: int
    output_tokens: int


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
    async def aclose(self) -> None:
        """Closes the client's connections."""

    async def explain(self, task: ExplanationTask) -> list[str]:
        if not task.items:
            return []
        return await self._write(explain_prompt(task), lambda raw: read_explanations(raw, len(task.items)))

    async def insight(self, task: InsightTask) -> str:
        return await self._write(insight_prompt(task), read_insight)

    async def _write(self, prompt: Prompt, read: Callable[[str], T]) -> T:
        deadline = time.monotonic() + self._limits.seconds
        try:
            async with asyncio.timeout(self._limits.seconds):
                return await self._with_retries(prompt, read, deadline)
        except TimeoutError as error:
            raise ProviderTimeoutError(self.source, self._limits.seconds) from error

    async def _with_retries(self, prompt: Prompt, read: Callable[[str], T], deadline: float) -> T:
        tries = 0
        while True:
            try:
                return await self._try(prompt, read)
            except ProviderError as error:
                wait = self._wait(error, tries)
                tries += 1
                if not error.retryable or tries > self._limits.retries or time.monotonic() + wait >= deadline:
                    raise
                log.info("llm.retry", source=self.source, error=type(error).__name__, tries=tries, wait=round(wait, 2))
            await asyncio.sleep(wait)

    async def _try(self, prompt: Prompt, read: Callable[[str], T]) -> T:
        started = time.monotonic()
        try:
            answer = await self._ask(prompt)
            self._bill(prompt, answer, time.monotonic() - started)
            return read(answer.text)
        except AnswerError as error:
            raise MalformedAnswerError(self.source, str(error)) from error

    def _bill(self, prompt: Prompt, answer: Answer, seconds: float) -> None:
        usage = Usage(self.source, self.model, prompt.purpose, answer.input_tokens, answer.output_tokens, seconds)
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
        if self._on_usage is not None:
            self._on_usage(usage)

    def _wait(self, error: ProviderError, tries: int) -> float:
        """Seconds until the next try: what the provider asks for, else exponential with jitter."""
        if isinstance(error, RateLimitedError | OverloadedError) and error.retry_after is not None:
            return error.retry_after
        backoff: float = min(self._limits.backoff_seconds * 2**tries, _LONGEST_BACKOFF)
        return backoff * _random.uniform(0.5, 1)


def error_of_status(
    source: TextSource, status: int, headers: Mapping[str, str], reason: str | None, seconds: float
) -> ProviderError:
    """The typed error of an HTTP status; `reason` is the provider's own code for it."""
    if status in {401, 403}:
        return BadKeyError(source, status)
    if status == 429 and reason not in _OUT_OF_CREDIT:
        return RateLimitedError(source, retry_after(headers))
    if status in {408, 504}:
        return ProviderTimeoutError(source, seconds)
    if status == 409 or status >= 500:
        return OverloadedError(source, status, retry_after(headers))
    return RejectedRequestError(source, status, reason)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `retry-after` (seconds, or an HTTP date); None if not said."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) * scale)
        except (KeyError, ValueError):
            continue
    try:
        date = email.utils.parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    return max(0.0, (date - datetime.now(UTC)).total_seconds())
