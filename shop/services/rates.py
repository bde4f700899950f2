"""How often strangers, shoppers and programs may ask: token buckets shared through Redis.

A process takes tokens in small portions and spends them by itself, so that most requests need no round trip. While
Redis is away each process counts alone.
"""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

from shop.bounded import BoundedDict
from shop.entities.rates import KINDS, Bucket, Taken, Want, session_bucket, viewer_bucket
from shop.errors import RateLimitedError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shop.entities.privacy import Shopper
    from shop.entities.users import Actor, Viewer
    from shop.settings import RateSettings
    from shop.store.rates import RateStore

_PORTIONS = 50  # into which a bucket is divided
_PORTION_SECONDS = 10  # for how long a process may spend one
_LONGEST_REFUSAL = 1.0  # seconds for which an address is refused without a look at its bucket
_KEPT = 20_000

# Tokens that this process may spend, until when, and what the bucket had when they were taken. Plain tuples of numbers:
# there are thousands of them, and the garbage collector does not look at those.
_Portion = tuple[float, float, float]
_NOTHING: _Portion = (0.0, float("-inf"), 0.0)


class RateService:
    """Tokens for the cost of requests and for the records they write, by viewer, anonymous session and address."""

    def __init__(self, store: RateStore, settings: RateSettings, now: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._settings = settings
        self._now = now
        self._portions: BoundedDict[str, _Portion] = BoundedDict(_KEPT)
        self._alone: BoundedDict[str, tuple[float, float]] = BoundedDict(_KEPT)  # tokens, and when
        self._refused: BoundedDict[str, float] = BoundedDict(_KEPT)  # until when

    def refused_for(self, kind: str, address: str) -> float:
        """How many seconds an address still waits that has sent too much of a kind that let nobody in; 0: it may
        send more."""
        return max(0.0, self._refused.get(_refusals(kind, address), float("-inf")) - self._now())

    async def take_refusal(self, kind: str, address: str, per_minute: float) -> None:
        """One of the credentials, or signatures, that let nobody in, which an address may send. Raises
        RateLimitedError, and goes on to do so for a second."""
        if wait := self.refused_for(kind, address):
            raise RateLimitedError(wait)
        try:
            await self._spend([Want(_bucket(_refusals(kind, address), per_minute), 1)])
        except RateLimitedError:
            self._refused.put(_refusals(kind, address), self._now() + _LONGEST_REFUSAL)
            raise

    def require_patience(self, viewer: Viewer | None, address: str) -> None:
        """Raises RateLimitedError at an address that was told to wait, before its document is looked at. Staff and
        services do not share the bucket of their address."""
        until = self._refused.get(f"cost:address:{address}")
        if until is not None and until > self._now() and (viewer is None or not viewer.is_staff):
            raise RateLimitedError(until - self._now())

    async def take(self, viewer: Viewer | None, address: str, cost: float, writes: float = 0) -> float:
        """Takes the price of a request; what the caller may still spend at once. Raises RateLimitedError."""
        wants = [Want(bucket, cost) for bucket in self._buckets("cost", viewer, address)]
        if writes:
            wants += [Want(bucket, writes) for bucket in self._buckets("writes", viewer, address)]
        return await self._spend(wants)

    async def take_writes(self, actor: Actor, writes: float) -> None:
        """The same for what an anonymous session writes; `take` has counted a viewer's. Raises RateLimitedError."""
        if actor.user_id is None:
            per_minute = self._settings.writes_per_minute
            await self._spend([Want(_bucket(session_bucket(actor.session_id), per_minute), writes)])

    def forget(self, shopper: Shopper) -> None:
        """Drops what is known of a shopper."""
        names = [viewer_bucket(kind, shopper.user_id) for kind in KINDS] + [*map(session_bucket, shopper.sessions)]
        for name in names:
            self._portions.pop(name, None)
            self._alone.pop(name, None)
            self._refused.pop(name, None)

    async def take_attempt(self, address: str, account: str | None = None) -> None:
        """One attempt to get in, of those that an address, and an account whether it exists or not, has in an hour;
        and one of those that an account has even with the right password. Raises RateLimitedError."""
        wants = [Want(bucket, 1) for bucket in self._attempts(address, account)]
        if account is not None:
            wants.append(Want(self._sign_ins(account), 1))
        taken = await self._fetched(wants, [0.0] * len(wants))
        if taken.refused_by is not None:
            raise RateLimitedError(taken.wait)

    async def give_back_attempt(self, address: str, account: str, *, unused: bool = False) -> None:
        """For one that got in; with `unused` for one that was not made, which is no sign-in of the account either."""
        buckets = self._attempts(address, account) + ([self._sign_ins(account)] if unused else [])
        wants = [Want(bucket, -1) for bucket in buckets]
        await self._fetched(wants, [0.0] * len(wants))

    def _sign_ins(self, account: str) -> Bucket:
        return _hourly(f"attempts:signin:{_hashed(account)}", self._settings.sign_ins_per_account)

    def _attempts(self, address: str, account: str | None) -> list[Bucket]:
        settings = self._settings
        buckets = [_hourly(f"attempts:address:{address}", settings.attempts_per_address)]
        if account is not None:
            buckets.append(_hourly(f"attempts:account:{_hashed(account)}", settings.attempts_per_account))
        return buckets

    def _buckets(self, kind: str, viewer: Viewer | None, address: str) -> list[Bucket]:
        settings = self._settings
        per_minute = settings.cost_per_minute if kind == "cost" else settings.writes_per_minute
        if viewer is None:
            return [_bucket(f"{kind}:address:{address}", per_minute * settings.address_factor)]
        factor = settings.staff_factor if viewer.is_staff else 1
        own = _bucket(viewer_bucket(kind, viewer.user_id), per_minute * factor)
        # A shop's own server and its staff's office ask for many people from one address.
        return (
            [own]
            if viewer.is_staff
            else [own, _bucket(f"{kind}:address:{address}", per_minute * settings.address_factor)]
        )

    async def _spend(self, wants: Sequence[Want]) -> float:
        wants = [Want(want.bucket, min(want.tokens, want.bucket.capacity)) for want in wants]
        if not all(self._can_spend(want) for want in wants):
            await self._fetch(wants)
        remaining = float("inf")
        for want in wants:
            tokens, until, left = self._portions[want.bucket.name]
            tokens -= want.tokens
            self._portions[want.bucket.name] = (tokens, until, left)
            remaining = min(remaining, left + tokens)
        return remaining

    def _can_spend(self, want: Want) -> bool:
        tokens, until, _ = self._portions.get(want.bucket.name, _NOTHING)
        return tokens >= want.tokens and until >= self._now()

    async def _fetch(self, wants: Sequence[Want]) -> None:
        """New portions, each with what is needed at least."""
        now = self._now()
        taken = await self._fetched(wants, [want.bucket.capacity / _PORTIONS for want in wants])
        if taken.refused_by is not None:
            self._refused.put(taken.refused_by.name, now + min(taken.wait, _LONGEST_REFUSAL))
            raise RateLimitedError(taken.wait)
        for want, (tokens, left) in zip(wants, taken.given, strict=True):
            rest, until, _ = self._portions.get(want.bucket.name, _NOTHING)
            kept = rest if until >= now else 0.0
            self._portions.put(want.bucket.name, (kept + tokens, now + _PORTION_SECONDS, left))

    async def _fetched(self, wants: Sequence[Want], ask: Sequence[float]) -> Taken:
        try:
            return await self._store.take(wants, ask)
        except UnavailableError:
            return self._take_alone(wants, self._now())

    def _take_alone(self, wants: Sequence[Want], now: float) -> Taken:
        left = [self._alone_left(want.bucket, now) for want in wants]
        for want, have in zip(wants, left, strict=True):
            if have < want.tokens:
                return Taken((want.tokens - have) / want.bucket.per_second, want.bucket)
        for want, have in zip(wants, left, strict=True):
            self._alone.put(want.bucket.name, (have - want.tokens, now))
        return Taken(given=tuple((want.tokens, have - want.tokens) for want, have in zip(wants, left, strict=True)))

    def _alone_left(self, bucket: Bucket, now: float) -> float:
        tokens, at = self._alone.get(bucket.name, (bucket.capacity, now))
        return min(bucket.capacity, tokens + (now - at) * bucket.per_second)


def _bucket(name: str, per_minute: float) -> Bucket:
    """Holds what a minute brings."""
    return Bucket(name, per_minute, per_minute / 60)


def _refusals(kind: str, address: str) -> str:
    return f"{kind}:address:{address}"


def _hashed(account: str) -> str:
    return hashlib.sha256(account.encode()).hexdigest()


def _hourly(name: str, per_hour: float) -> Bucket:
    """Holds what an hour brings."""
    return Bucket(name, per_hour, per_hour / 3600)
