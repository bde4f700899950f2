"""A failing provider is left alone, and tried again with one call; what tells of one text alone changes nothing."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from shop.entities.explanations import TextSource
from workers.llm.breaker import Breaker, BreakerLimits, GuardedProvider
from workers.llm.errors import (
    BadKeyError,
    BusyError,
    MalformedAnswerError,
    NotTheApiError,
    OverloadedError,
    PausedError,
    ProviderTimeoutError,
    RateLimitedError,
    RefusedError,
    RejectedRequestError,
    UnreachableError,
)
from workers.llm.template import TemplateProvider

if TYPE_CHECKING:
    from workers.llm.errors import ProviderError

WHO = TextSource.OPENAI
LIMITS = BreakerLimits(failures=3, seconds=30, lasting_seconds=600)


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(WHO, LIMITS, clock)


def call(breaker: Breaker, error: BaseException | None = None) -> None:
    """One call that goes through and ends so."""
    if error is None:
        with breaker.watching():
            return
    with pytest.raises(type(error)), breaker.watching():
        raise error


def is_open(breaker: Breaker) -> bool:
    try:
        breaker.check()
    except PausedError:
        return True
    return False


@pytest.mark.parametrize(
    "error",
    [OverloadedError(WHO, 529), UnreachableError(WHO, "cut"), ProviderTimeoutError(WHO, 20), NotTheApiError(WHO)],
    ids=lambda error: type(error).__name__,
)
def test_it_opens_after_failures_in_a_row_and_closes_with_one_call_that_works(
    breaker: Breaker, clock: Clock, error: ProviderError
) -> None:
    for _ in range(LIMITS.failures):
        assert not is_open(breaker)
        call(breaker, error)
    assert is_open(breaker)

    clock.now += 29
    assert is_open(breaker)
    clock.now += 2
    call(breaker)

    assert not is_open(breaker)
    call(breaker, error)
    assert not is_open(breaker), "it counts from the beginning"


def test_a_success_in_between_starts_the_count_anew(breaker: Breaker) -> None:
    for error in (OverloadedError(WHO, 500), OverloadedError(WHO, 500), None, OverloadedError(WHO, 500)):
        call(breaker, error)

    assert not is_open(breaker)


def test_half_open_lets_one_call_through_and_a_failure_opens_it_again(breaker: Breaker, clock: Clock) -> None:
    for _ in range(LIMITS.failures):
        call(breaker, UnreachableError(WHO, "cut"))
    clock.now += 31

    with contextlib.suppress(UnreachableError), breaker.watching():
        assert is_open(breaker), "others wait for the outcome"
        raise UnreachableError(WHO, "cut")

    assert is_open(breaker)
    clock.now += 31
    assert not is_open(breaker)


def test_a_cancelled_probe_leaves_the_next_call_to_try(breaker: Breaker, clock: Clock) -> None:
    for _ in range(LIMITS.failures):
        call(breaker, UnreachableError(WHO, "cut"))
    clock.now += 31

    call(breaker, asyncio.CancelledError())

    assert not is_open(breaker)
    call(breaker)
    call(breaker)


@pytest.mark.parametrize(
    "error",
    [RefusedError(WHO), MalformedAnswerError(WHO, "not JSON"), RejectedRequestError(WHO, 400, "too_long")],
    ids=lambda error: type(error).__name__,
)
def test_what_tells_of_one_text_never_opens_it(breaker: Breaker, error: ProviderError) -> None:
    for _ in range(10):
        call(breaker, error)

    assert not is_open(breaker)


@pytest.mark.parametrize(
    "error",
    [
        BadKeyError(WHO, 401),
        RejectedRequestError(WHO, 404, "model_not_found"),
        RejectedRequestError(WHO, 429, "insufficient_quota"),
    ],
    ids=str,
)
def test_what_does_not_pass_by_itself_opens_it_at_once_and_for_longer(
    breaker: Breaker, clock: Clock, error: ProviderError
) -> None:
    call(breaker, error)

    clock.now += 599
    assert is_open(breaker)
    clock.now += 2
    assert not is_open(breaker)


def test_a_rate_limit_opens_it_until_the_time_it_names(breaker: Breaker, clock: Clock) -> None:
    call(breaker, RateLimitedError(WHO, 90))

    clock.now += 89
    assert is_open(breaker)
    clock.now += 2
    assert not is_open(breaker)


def test_a_late_success_of_an_older_call_does_not_close_it(breaker: Breaker) -> None:
    with breaker.watching():
        call(breaker, RateLimitedError(WHO, 90))

    assert is_open(breaker)


async def test_one_who_waits_in_vain_for_a_slot_is_told(breaker: Breaker) -> None:
    guarded = GuardedProvider(TemplateProvider(), breaker, max_concurrency=1)

    async with guarded.entered(1):
        with pytest.raises(BusyError, match="LLM_MAX_CONCURRENCY"):
            async with guarded.entered(0.01):
                pass

    async with guarded.entered(0):
        assert not is_open(breaker)
