"""Commands to Redis can be given up at any moment: a client that leaves leaves nothing behind."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from redis.exceptions import ResponseError

from shop.errors import UnavailableError
from shop.store.redis import connect, redis_errors

if TYPE_CHECKING:
    from shop.settings import Settings


@pytest.mark.parametrize("fresh", [False, True])
async def test_a_command_that_is_cancelled_at_any_step_ends(settings: Settings, fresh: bool) -> None:
    redis, key = connect(settings.redis), uuid4().hex
    try:
        for steps in range(200):
            await redis.set(key, steps)
            if fresh:
                await redis.connection_pool.disconnect()
            reading = asyncio.ensure_future(redis.get(key))
            for _ in range(steps):
                await asyncio.sleep(0)
            if reading.done():
                break
            reading.cancel()
            await asyncio.wait({reading})
            assert reading.cancelled(), f"it went on after step {steps}"
            assert await redis.get(key) == str(steps).encode(), "the next command gets its own answer"
        assert steps > 3
    finally:
        await redis.aclose()


async def test_an_error_inside_a_pipeline_does_not_repeat_what_was_sent(settings: Settings) -> None:
    redis, key = connect(settings.redis), uuid4().hex
    try:
        await redis.set(key, "no list")
        pipeline = redis.pipeline(transaction=False)
        pipeline.lpush(key, "the shopper's secret")
        with pytest.raises(ResponseError) as raised, redis_errors():
            await pipeline.execute()
    finally:
        await redis.delete(key)
        await redis.aclose()

    assert "WRONGTYPE" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_full_server_is_away_also_inside_a_pipeline() -> None:
    full = ResponseError("Command # 1 (SET key secret) of pipeline caused error: ('OOM command not allowed',)")

    with pytest.raises(UnavailableError), redis_errors():
        raise full
