"""Passwords: which are taken, and their hashes, made off the event loop and never more at once than is good for others.

Argon2id with the parameters that OWASP's Password Storage Cheat Sheet names for it (12 MiB, 3 passes, 1 lane).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import unicodedata
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from shop.errors import UnavailableError
from shop.values import RefusedValueError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

SHORTEST = 10  # characters
LONGEST = 256
_MEMORY_KIB, _PASSES, _LANES = 12_288, 3, 1
_MOST_WAITING = 200  # hashes: what a thread does in about five seconds
_MOST_OF_ADDRESS = 50  # of these, so that one address does not keep the others out
_ADDED = "0123456789!.-_ "  # at the ends of a word it makes a password no better
_NICENESS = 19  # whoever waits for a list goes first


class Passwords:
    """One for each process. A hash takes about 20 ms of one core, so `threads` is how many cores sign-ins may have."""

    def __init__(self, threads: int) -> None:
        self._hasher = PasswordHasher(time_cost=_PASSES, memory_cost=_MEMORY_KIB, parallelism=_LANES)
        self._threads = ThreadPoolExecutor(threads, "passwords", initializer=_stand_back)
        self._waiting: Counter[str] = Counter()  # by address
        self._nobodys: str | None = None

    async def hash(self, password: str, address: str = "") -> str:
        """For somebody at an address. Raises UnavailableError while too many wait."""
        return await self._run(lambda: self._hasher.hash(_normalized(password)), address)

    async def matches(self, stored: str | None, password: str, address: str) -> bool:
        """Without a stored hash it takes as long, and is False. Raises UnavailableError while too many wait."""

        def verify() -> bool:
            if self._nobodys is None:
                self._nobodys = self._hasher.hash("nobody's")
            try:
                return self._hasher.verify(stored or self._nobodys, _normalized(password)) and stored is not None
            except (VerificationError, InvalidHashError):
                return False

        return await self._run(verify, address)

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash was made with other parameters than those of today."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T], address: str) -> T:
        if self._waiting.total() >= _MOST_WAITING or self._waiting[address] >= _MOST_OF_ADDRESS:
            raise UnavailableError("Signing in", problem="is what too many do right now.")
        self._waiting[address] += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting[address] -= 1
            if not self._waiting[address]:
                del self._waiting[address]


def require_good_password(password: str, email: str) -> None:
    """Raises RefusedValueError for one that is not taken: length counts, not kinds of characters (NIST SP 800-63B-4,
    section 3.1.1.2)."""
    if len(password) > LONGEST:
        raise RefusedValueError("TOO_LONG", f"A password has {LONGEST} characters at most.")
    normalized = _normalized(password)
    if len(normalized) < SHORTEST:
        raise RefusedValueError("TOO_SHORT", f"A password has {SHORTEST} characters at least.")
    lowered, (name, _, _) = normalized.lower(), email.lower().partition("@")
    known = {each.strip(_ADDED) for each in ("", "password", "passwort", name, email.lower())}
    if len(set(lowered)) < 5 or lowered.strip(_ADDED) in known:
        raise RefusedValueError("TOO_WEAK", "This password is guessed at once. Three words in a row are better.")


def _normalized(password: str) -> str:
    """However the keyboard writes its letters. What is too long is no password, and is not worked on as a whole."""
    return unicodedata.normalize("NFKC", password[: LONGEST + 1])


def _stand_back() -> None:
    """The thread yields the core to others; on Linux niceness is each thread's own."""
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
