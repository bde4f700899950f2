"""The keys of issuers, kept in memory: asked for seldom, and used while the issuer is away."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from shop.errors import UnavailableError
from shop.services.published_keys import KeySet

if TYPE_CHECKING:
    from collections.abc import Callable

    from shop.oidc_issuer import OidcIssuer
    from shop.store.issuer_keys import IssuerKeyStore, PublishedKeys

_log = structlog.get_logger(__name__)
FRESH_SECONDS = 3_600.0  # where the issuer says nothing
FRESH_AT_LEAST, FRESH_AT_MOST = 300.0, 21_600.0  # whatever it says
USED_SECONDS = 86_400.0  # since they were fetched, while the issuer does not answer
PAUSE_SECONDS = 30.0  # from one fetch to the next
FIRST_PAUSE_SECONDS = 5.0  # the same while there are no keys at all


@dataclass(frozen=True, slots=True)
class _Held:
    keys: KeySet
    fresh_until: float
    used_until: float


class IssuerKeys:
    """Of one issuer. Whoever needs keys while they are fetched waits for the same fetch."""

    def __init__(self, issuer: OidcIssuer, store: IssuerKeyStore, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._issuer = issuer
        self._store = store
        self._clock = clock
        self._held: _Held | None = None
        self._fetched_last_time = True
        self._asked_at = float("-inf")
        self._fetch: asyncio.Task[None] | None = None

    async def current(self) -> KeySet:
        """The keys, fetched anew when they are no longer fresh. A request waits for that only as long as the issuer
        answers; after that the old keys are used, and the issuer is asked beside.

        Raises UnavailableError when there are none that may still be used.
        """
        now = self._clock()
        held = self._held
        if held is None or now >= held.used_until:
            await self._fetched(FIRST_PAUSE_SECONDS)
        elif now >= held.fresh_until:
            if self._fetched_last_time:
                await self._fetched(PAUSE_SECONDS)
            else:
                self._begin(PAUSE_SECONDS)
        return self._usable()

    async def renewed(self) -> KeySet:
        """For a token whose key is not known: the keys, fetched anew unless that was done less than half a minute ago.

        Raises UnavailableError like `current`.
        """
        await self._fetched(PAUSE_SECONDS)
        return self._usable()

    def _usable(self) -> KeySet:
        if self._held is None or self._clock() >= self._held.used_until:
            raise UnavailableError(
                f"The issuer {self._issuer.name!r}", problem="has given no keys to check its tokens with."
            )
        return self._held.keys

    async def _fetched(self, pause: float) -> None:
        task = self._begin(pause)
        if task is not None:
            await asyncio.shield(task)  # who gives up waiting does not end it for the others

    def _begin(self, pause: float) -> asyncio.Task[None] | None:
        if self._fetch is None and self._clock() - self._asked_at >= pause:
            self._asked_at = self._clock()
            self._fetch = asyncio.create_task(self._ask())
        return self._fetch

    async def _ask(self) -> None:
        try:
            self._hold(await self._store.fetch(self._issuer))
            self._fetched_last_time = True
        except UnavailableError:  # logged where it was seen
            self._fetched_last_time = False
        finally:
            self._fetch = None

    def _hold(self, published: PublishedKeys) -> None:
        keys = KeySet(published.keys, self._issuer.algorithms)
        if not keys:
            _log.warning("issuer_has_no_fitting_key", issuer=self._issuer.name, algorithms=self._issuer.algorithms)
        fresh = FRESH_SECONDS if published.max_age is None else published.max_age
        now = self._clock()
        self._held = _Held(keys, now + min(max(fresh, FRESH_AT_LEAST), FRESH_AT_MOST), now + USED_SECONDS)
