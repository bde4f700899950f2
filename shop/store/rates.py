"""Token buckets that all processes share."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from shop.entities.rates import Taken
from shop.store.redis import redis_errors

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from shop.entities.rates import Want
    from shop.store.keys import Keys
    from shop.store.redis import Redis

# Takes from all buckets or from none. Each gives what is asked for where it has twice as much, else what is needed; a
# need below zero is given back.
# The clock is that of Redis: those of the processes may differ.
_TAKE = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local wait, by, left = 0, 0, {}
for i, key in ipairs(KEYS) do
    local capacity, rate, need = tonumber(ARGV[4 * i - 3]), tonumber(ARGV[4 * i - 2]), tonumber(ARGV[4 * i - 1])
    local stored = redis.call('HMGET', key, 'tokens', 'at')
    left[i] = capacity
    if stored[1] then
        left[i] = math.min(capacity, tonumber(stored[1]) + math.max(0, now - tonumber(stored[2])) * rate)
    end
    if left[i] < need and (need - left[i]) / rate > wait then wait, by = (need - left[i]) / rate, i end
end
if wait > 0 then return {tostring(wait), tostring(by)} end
local answer = {'0', '0'}
for i, key in ipairs(KEYS) do
    local capacity, rate, need = tonumber(ARGV[4 * i - 3]), tonumber(ARGV[4 * i - 2]), tonumber(ARGV[4 * i - 1])
    local given = need
    if need >= 0 then given = math.max(need, math.min(tonumber(ARGV[4 * i]), left[i] / 2)) end
    redis.call('HSET', key, 'tokens', tostring(left[i] - given), 'at', tostring(now))
    redis.call('EXPIRE', key, math.ceil(capacity / rate) + 1)
    answer[2 * i + 1] = tostring(given)
    answer[2 * i + 2] = tostring(left[i] - given)
end
return answer
"""
_PACE_SECONDS = 600
_AUTOMATED_SECONDS = 86_400


class RateStore:
    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys
        self._take = redis.register_script(_TAKE)

    async def take(self, wants: Sequence[Want], ask: Sequence[float]) -> Taken:
        """`ask` is what a process would like to have of each, more than it needs now. Raises UnavailableError."""
        names = [self._keys.rate(want.bucket.name) for want in wants]
        arguments = [
            number
            for want, more in zip(wants, ask, strict=True)
            for number in (want.bucket.capacity, want.bucket.per_second, want.tokens, more)
        ]
        with redis_errors():
            wait, by, *rest = [float(text) for text in await self._take(keys=names, args=arguments)]
        if wait > 0:
            return Taken(wait, wants[int(by) - 1].bucket)
        return Taken(given=tuple(zip(rest[::2], rest[1::2], strict=True)))

    async def count_events(self, actor_key: str, minutes: Mapping[int, int]) -> tuple[int, bool]:
        """Adds events by their minute since 1970: the most that any of these has now, and whether the actor was taken
        for a program before. Raises UnavailableError."""
        with redis_errors():
            async with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.exists(self._keys.automated(actor_key))
                for minute, events in minutes.items():
                    key = self._keys.pace(actor_key, minute)
                    pipeline.incrby(key, events)
                    pipeline.expire(key, _PACE_SECONDS)
                known, *answers = await cast("Awaitable[list[int]]", pipeline.execute())
        return max(answers[::2], default=0), bool(known)

    async def take_for_program(self, actor_key: str) -> None:
        """For a day from now. Raises UnavailableError."""
        with redis_errors():
            await self._redis.set(self._keys.automated(actor_key), 1, ex=_AUTOMATED_SECONDS)
