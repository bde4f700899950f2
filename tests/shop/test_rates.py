"""Tokens of shoppers, sessions and addresses, on a real Redis and without one."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from devstack.stack.ports import free_port
from shop.entities.users import Actor, Role, Viewer
from shop.errors import RateLimitedError
from shop.services.rates import RateService
from shop.settings import RateSettings, RedisSettings
from shop.store.keys import Keys
from shop.store.rates import RateStore
from shop.store.redis import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.store.redis import Redis

SETTINGS = RateSettings(cost_per_minute=600, writes_per_minute=60, address_factor=2, staff_factor=10)
HERE = "192.0.2.1"


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = connect(RedisSettings(url=redis_url, timeout_seconds=10))
    yield client
    await client.aclose()
    await client.connection_pool.disconnect()


@pytest.fixture
def store(redis: Redis) -> RateStore:
    return RateStore(redis, Keys(f"rates_{uuid4().hex[:8]}"))


async def spend(rates: RateService, viewer: Viewer | None, address: str, cost: float) -> int:
    """How many requests of this cost pass before one is refused."""
    for passed in range(1_000):
        try:
            await rates.take(viewer, address, cost)
        except RateLimitedError:
            return passed
    raise AssertionError("nobody was refused")


def shopper() -> Viewer:
    return Viewer(f"u-{uuid4().hex}", Role.SHOPPER)


async def test_a_shopper_has_a_minutes_worth_and_an_address_a_few(store: RateStore) -> None:
    rates = RateService(store, SETTINGS)

    assert spend_range(await spend(rates, shopper(), "198.51.100.1", 60), 10)
    assert spend_range(await spend(rates, None, "198.51.100.2", 60), 20)
    assert spend_range(await spend(rates, Viewer("boss", Role.STAFF), HERE, 600), 10)


def spend_range(passed: int, expected: int) -> bool:
    """A bucket fills up while it is emptied, and a part of it is with the process."""
    return expected <= passed <= expected + 2


async def test_processes_share_a_bucket(store: RateStore) -> None:
    viewer, first, second = shopper(), RateService(store, SETTINGS), RateService(store, SETTINGS)
    for number in range(16):
        await (first, second)[number % 2].take(viewer, HERE, 30)

    assert await spend(first, viewer, HERE, 30) + await spend(second, viewer, HERE, 30) <= 6


async def test_who_is_refused_takes_nothing_from_the_others_at_the_address(store: RateStore) -> None:
    rates = RateService(store, SETTINGS)
    greedy = shopper()
    assert spend_range(await spend(rates, greedy, HERE, 60), 10)
    for _ in range(50):
        with pytest.raises(RateLimitedError):
            await rates.take(greedy, HERE, 590)

    assert await spend(rates, shopper(), HERE, 60) >= 9


async def test_most_requests_need_no_round_trip(store: RateStore, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    take = RateStore.take

    async def counting(*arguments: object) -> object:
        nonlocal asked
        asked += 1
        return await take(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(RateStore, "take", counting)
    rates, viewer = RateService(store, SETTINGS), shopper()
    for _ in range(100):
        await rates.take(viewer, HERE, 1)

    assert asked <= 100 / (600 / 50) + 1


async def test_portions_that_are_old_are_not_spent(store: RateStore) -> None:
    moment = 0.0
    rates, viewer = RateService(store, SETTINGS, now=lambda: moment), shopper()
    before = await rates.take(viewer, HERE, 1)
    moment = 11.0
    after = await rates.take(viewer, HERE, 1)

    assert after <= before


async def test_writes_are_counted_apart_and_of_sessions_too(store: RateStore) -> None:
    rates = RateService(store, SETTINGS)
    session = Actor(session_id=uuid4().hex)
    await rates.take(shopper(), HERE, 1, writes=60)
    await rates.take_writes(session, 60)
    with pytest.raises(RateLimitedError) as refused:
        await rates.take_writes(session, 60)
    assert 0 < (refused.value.retry_after or 0) <= 60
    await rates.take_writes(Actor(user_id="signed-in"), 10_000)  # counted with the request


async def test_without_redis_each_process_counts_alone() -> None:
    client = connect(RedisSettings(url=f"redis://127.0.0.1:{free_port()}", timeout_seconds=0.1))
    moment = 0.0
    rates = RateService(RateStore(client, Keys("x")), SETTINGS, now=lambda: moment)
    viewer = shopper()

    assert await spend(rates, viewer, HERE, 60) == 10
    moment = 30.0
    assert await spend(rates, viewer, HERE, 60) == 5
    await client.connection_pool.disconnect()


async def test_a_refused_address_is_told_at_once_that_it_is(store: RateStore) -> None:
    rates = RateService(store, SETTINGS)
    rates.require_patience(None, HERE)
    await spend(rates, None, HERE, 60)

    for viewer in (None, shopper()):
        with pytest.raises(RateLimitedError):
            rates.require_patience(viewer, HERE)
    rates.require_patience(None, "192.0.2.2")
    rates.require_patience(Viewer("boss", Role.STAFF), HERE)
