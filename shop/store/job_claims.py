"""Claims on jobs that a queue without ids of its own carries: which message stands for a job, whether it runs, and how
often it was tried. A claim is in Redis, as are the jobs of arq."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from shop.entities.jobs import Backlog, JobGroup
from shop.store.redis import redis_errors

if TYPE_CHECKING:
    from shop.store.keys import Keys
    from shop.store.redis import Redis

KEPT_DAYS = 14  # as long as SQS keeps a message
_KEPT_MS = KEPT_DAYS * 86_400_000
_UNSENT_MS = 60_000  # whoever claims a job and dies before its message is sent blocks it for so long
_ENDED_MS = 900_000  # a message that SQS delivers once more after that is run again

# The clock is that of Redis: those of the processes may differ.
_NOW = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
"""
_CLAIM = f"""{_NOW}
local held = redis.call('HMGET', KEYS[1], 'token', 'ended')
if held[1] and not held[2] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'attempt', 0)
redis.call('PEXPIRE', KEYS[1], {_UNSENT_MS})
return 1
"""
_CONFIRM = f"""{_NOW}
local held = redis.call('HMGET', KEYS[1], 'token', 'ended')
if held[1] ~= ARGV[1] or held[2] then return end
redis.call('PEXPIRE', KEYS[1], {_KEPT_MS})
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - {_KEPT_MS})
redis.call('ZADD', KEYS[2], 'NX', now + ARGV[3], ARGV[2])
"""
_WITHDRAW = """
local held = redis.call('HMGET', KEYS[1], 'token', 'attempt')
if held[1] == ARGV[1] and held[2] == '0' then
    redis.call('DEL', KEYS[1])
end
"""
_BEGIN = f"""{_NOW}
local held = redis.call('HMGET', KEYS[1], 'token', 'ended', 'locked', 'attempt')
if held[1] and (held[1] ~= ARGV[1] or held[2]) then return {{-1, 0}} end
local locked = tonumber(held[3] or 0) - now
if locked > 0 then return {{0, locked}} end
local attempt = tonumber(held[4] or 0) + 1
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'attempt', attempt, 'holder', ARGV[4], 'locked', now + ARGV[3])
redis.call('PEXPIRE', KEYS[1], {_KEPT_MS})
redis.call('ZADD', KEYS[2], 'NX', now, ARGV[2])
return {{attempt, 0}}
"""
_KEEP = f"""{_NOW}
local held = redis.call('HMGET', KEYS[1], 'token', 'ended', 'holder')
if held[1] ~= ARGV[1] or held[2] or held[3] ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'locked', now + ARGV[3])
return 1
"""
_RELEASE = f"""{_NOW}
local held = redis.call('HMGET', KEYS[1], 'token', 'ended', 'holder')
if held[1] ~= ARGV[1] or held[2] or held[3] ~= ARGV[2] then return end
redis.call('HDEL', KEYS[1], 'locked')
redis.call('HINCRBY', KEYS[1], 'attempt', ARGV[4])
redis.call('ZADD', KEYS[2], 'XX', now + ARGV[5], ARGV[3])
"""
_END = f"""
local held = redis.call('HMGET', KEYS[1], 'token', 'holder')
if held[1] and (held[1] ~= ARGV[1] or held[2] ~= ARGV[2]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'ended', 1)
redis.call('PEXPIRE', KEYS[1], {_ENDED_MS})
redis.call('ZREM', KEYS[2], ARGV[3])
return 1
"""


@dataclass(frozen=True, slots=True)
class Begun:
    """This attempt is the caller's, whom `holder` names; `attempt` counts from 1."""

    attempt: int
    holder: str


@dataclass(frozen=True, slots=True)
class Held:
    """Another one runs it, for at most so many seconds unless it goes on."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Claim:
    """A job, and the message that stands for it."""

    job_id: str
    token: str
    group: JobGroup


class JobClaims:
    """All methods raise UnavailableError."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys
        scripts = (_CLAIM, _CONFIRM, _WITHDRAW, _BEGIN, _KEEP, _RELEASE, _END)
        self._scripts = {script: redis.register_script(script) for script in scripts}

    async def claim(self, claim: Claim) -> bool:
        """False when a message stands for the job already. It expires soon, unless it is confirmed."""
        return bool(await self._run(_CLAIM, claim))

    async def confirm(self, claim: Claim, delay_seconds: float) -> None:
        """The message is in the queue, and due after so many seconds."""
        await self._run(_CONFIRM, claim, claim.job_id, round(delay_seconds * 1000))

    async def withdraw(self, claim: Claim) -> None:
        """The message could not be put, as far as is known: one that was and has been begun keeps its claim."""
        await self._run(_WITHDRAW, claim)

    async def begin(self, claim: Claim, seconds: float) -> Begun | Held | None:
        """One more attempt, which nobody else begins within so many seconds; None when the job has ended, or another
        message stands for it. A claim that Redis has lost is made anew: the job runs rather twice than never."""
        holder = uuid4().hex
        attempt, locked = await self._run(_BEGIN, claim, claim.job_id, round(seconds * 1000), holder)
        if attempt < 0:
            return None
        return Begun(attempt, holder) if attempt else Held(locked / 1000)

    async def keep(self, claim: Claim, begun: Begun, seconds: float) -> bool:
        """The attempt goes on for so many seconds from now; False when another one has begun, or the job has ended."""
        return bool(await self._run(_KEEP, claim, begun.holder, round(seconds * 1000)))

    async def release(self, claim: Claim, begun: Begun, delay_seconds: float, *, counts: bool) -> None:
        """The attempt is over and another follows; it was none unless it `counts`."""
        options = (0 if counts else -1, round(delay_seconds * 1000))
        await self._run(_RELEASE, claim, begun.holder, claim.job_id, *options)

    async def end(self, claim: Claim, begun: Begun) -> bool:
        """The job has ended: it can be put again, and its message is not run again. False when another attempt has
        begun meanwhile, which is to end it."""
        return bool(await self._run(_END, claim, begun.holder, claim.job_id))

    async def backlog(self) -> dict[JobGroup, Backlog]:
        """Of each group the jobs that have not ended."""
        with redis_errors():
            async with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.time()
                for group in JobGroup:
                    waiting = self._keys.jobs_waiting(group)
                    pipeline.zcard(waiting)
                    pipeline.zrange(waiting, 0, 0, withscores=True)
                (seconds, micros), *answers = await pipeline.execute()
        now = seconds + micros / 1e6
        return {
            group: Backlog(jobs, max(0.0, now - oldest[0][1] / 1000) if oldest else 0.0)
            for group, jobs, oldest in zip(JobGroup, answers[::2], answers[1::2], strict=True)
        }

    async def _run(self, script: str, claim: Claim, *arguments: str | int) -> Any:
        keys = [self._keys.job_claim(claim.job_id), self._keys.jobs_waiting(claim.group)]
        with redis_errors():
            return await self._scripts[script](keys=keys, args=[claim.token, *arguments])
