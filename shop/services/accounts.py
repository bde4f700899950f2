"""Accounts of shoppers and staff: signing up and in with a password.

Whether an e-mail address has an account shows neither in an answer nor in the time that it takes. Passwords and
addresses are in no log.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog

from shop import values
from shop.entities.users import User
from shop.errors import ForbiddenError, Problem, UnavailableError
from shop.services.field_checks import FieldChecks
from shop.services.passwords import require_good_password

if TYPE_CHECKING:
    from shop.entities.access import SignUpDraft, Tokens
    from shop.services.passwords import Passwords
    from shop.services.rates import RateService
    from shop.services.sign_ins import Door, SignInService
    from shop.services.users import UserService
    from shop.store.credentials import CredentialStore

_log = structlog.get_logger(__name__)
_WRONG = Problem("currentPassword", "UNAUTHENTICATED", "The current password is wrong.")
_SIGN_UP_SECONDS = 0.4  # how long each takes after the hash, or a multiple, whether it makes an account or not


class AccountService:
    def __init__(
        self,
        credentials: CredentialStore,
        users: UserService,
        sign_ins: SignInService,
        passwords: Passwords,
        rates: RateService,
        *,
        open_to_all: bool,
    ) -> None:
        """`open_to_all`: whether anybody may sign up."""
        self._credentials = credentials
        self._users = users
        self._sign_ins = sign_ins
        self._passwords = passwords
        self._rates = rates
        self._open_to_all = open_to_all

    async def sign_up(self, draft: SignUpDraft, door: Door) -> list[Problem]:
        """Makes an account, or nothing if the address has one, which no answer tells; or says what to correct. Raises
        ForbiddenError, RateLimitedError and UnavailableError."""
        if not self._open_to_all:
            raise ForbiddenError("Accounts are made by the shop here.")
        user = _read(draft)
        if isinstance(user, list):
            return user
        await self._rates.take_attempt(door.address)
        hashed = await self._passwords.hash(draft.password, door.address)
        began = time.monotonic()
        made = await self._credentials.create_account(user, hashed)
        await asyncio.sleep(_SIGN_UP_SECONDS - (time.monotonic() - began) % _SIGN_UP_SECONDS)
        _log.info("signed_up", made=made)
        return []

    async def sign_in(self, email: str, password: str, door: Door) -> tuple[User, Tokens] | None:
        """None for a wrong pair. Raises RateLimitedError after too many of them, or of right ones of one account, and
        UnavailableError."""
        account = _account(email)
        await self._rates.take_attempt(door.address, account)
        found = await self._credentials.by_email(account)
        matches = await self._matches(account, found[1] if found else None, password, door)
        user = await self._users.user(found[0]) if found and matches else None
        if found is None or user is None:
            _log.info("sign_in_refused")
            return None
        await self._rates.give_back_attempt(door.address, account)
        tokens = await self._sign_ins.begin(user.id, door)
        now = await self._credentials.hash_of(user.id)
        if now != found[1] and not await self._passwords.matches(now, password, door.address):
            # It was changed meanwhile, and ended what there was.
            await self._sign_ins.end_of(tokens.refresh_token, everywhere=False)
            return None
        if self._passwords.is_outdated(found[1]):
            with contextlib.suppress(UnavailableError):  # the next sign-in does it
                renewed = await self._passwords.hash(password, door.address)
                await self._credentials.renew_hash(user.id, found[1], renewed)
        return user, tokens

    async def change_password(self, user: User, current: str, new: str, door: Door, but: str | None) -> Problem | None:
        """And ends all other sign-ins; or says what to correct. Asked again after an answer that was lost, it ends
        those that are left. Raises RateLimitedError and UnavailableError."""
        if (problem := _password_problem("newPassword", new, user.email or "")) is not None:
            return problem
        account = _account(user.email or user.id)
        await self._rates.take_attempt(door.address, account)
        before = await self._credentials.hash_of(user.id)
        is_current = await self._matches(account, before, current, door)
        if before is None or not (is_current or await self._matches(account, before, new, door)):
            return _WRONG
        await self._rates.give_back_attempt(door.address, account)
        if is_current:
            hashed = await self._passwords.hash(new, door.address)
            if not await self._credentials.change_hash(user.id, before, hashed):
                return _WRONG  # by now
        await self._sign_ins.end(user.id, but=but)
        return None

    async def set_password(self, user: User, password: str) -> None:
        """Without the current one, for operators. Ends all sign-ins. Raises RefusedValueError."""
        require_good_password(password, user.email or "")
        await self._credentials.set_hash(user.id, await self._passwords.hash(password))
        await self._sign_ins.end(user.id)

    async def _matches(self, account: str, stored: str | None, password: str, door: Door) -> bool:
        """For an attempt that was taken: it is given back where nothing was tried. Raises UnavailableError."""
        try:
            return await self._passwords.matches(stored, password, door.address)
        except UnavailableError:
            await self._rates.give_back_attempt(door.address, account, unused=True)
            raise


def _read(draft: SignUpDraft) -> User | list[Problem]:
    checks = FieldChecks()
    email = checks.take("email", values.email, draft.email)
    locale = checks.take("locale", values.locale, draft.locale) if draft.locale else None
    name = checks.take("displayName", _display_name, draft.display_name) if draft.display_name else None
    if not checks.problems and (problem := _password_problem("password", draft.password, email)) is not None:
        return [problem]
    return checks.problems or User(uuid4().hex, email, name or None, locale, created_at=datetime.now(UTC))


def _display_name(text: str) -> str:
    """Raises RefusedValueError."""
    name = values.plain_text(text)
    if len(name) > values.LONGEST_LABEL:
        raise values.RefusedValueError("TOO_LONG", f"A name has {values.LONGEST_LABEL} characters at most.")
    return name


def _password_problem(field: str, password: str, email: str) -> Problem | None:
    try:
        require_good_password(password, email)
    except values.RefusedValueError as error:
        return Problem(field, error.code, error.message)
    return None


def _account(email: str) -> str:
    """What an address is found by; of what is none, something that no account has."""
    try:
        return values.email(email)
    except values.RefusedValueError:
        return f"none:{email[: values.LONGEST_EMAIL]}"
