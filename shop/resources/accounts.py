"""How somebody gets in: what the API and the commands for accounts need."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shop.resources.stores import open_stores
from shop.services.access import AccessService
from shop.services.accounts import AccountService
from shop.services.api_keys import ApiKeyService
from shop.services.events import EventHub
from shop.services.external_identity import ExternalIdentities
from shop.services.passwords import Passwords
from shop.services.rates import RateService
from shop.services.sign_ins import SignInService
from shop.services.signing_keys import SigningKeys
from shop.services.users import UserService
from shop.store.issuer_keys import IssuerKeyStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.resources.stores import Stores
    from shop.settings import Settings
    from shop.store.database import Database


@dataclass(frozen=True, slots=True)
class AccountResources:
    database: Database
    users: UserService
    keys: SigningKeys
    api_keys: ApiKeyService
    access: AccessService
    sign_ins: SignInService
    accounts: AccountService


def account_resources(
    settings: Settings,
    stores: Stores,
    users: UserService,
    hub: EventHub,
    rates: RateService,
    closing: contextlib.ExitStack | contextlib.AsyncExitStack,
) -> AccountResources:
    """Over connections that are open already."""
    keys = SigningKeys(settings.auth.signing_keys)
    api_keys = ApiKeyService(stores.api_keys, hub)
    development = settings.stack.env == "development"
    outside = ExternalIdentities(settings.oidc, IssuerKeyStore())
    access = AccessService(users, stores.sign_ins, keys, api_keys, outside, hub, development=development)
    passwords = Passwords(settings.auth.password_threads)
    closing.callback(passwords.close)
    sign_ins = SignInService(stores.sign_ins, access, keys, hub, settings.auth)
    accounts = AccountService(stores.credentials, users, sign_ins, passwords, rates, open_to_all=settings.auth.sign_up)
    return AccountResources(stores.database, users, keys, api_keys, access, sign_ins, accounts)


@contextlib.asynccontextmanager
async def open_accounts(settings: Settings) -> AsyncIterator[AccountResources]:
    """Connected lazily."""
    async with open_stores(settings) as stores, contextlib.AsyncExitStack() as closing:
        hub = EventHub(stores.event_log)
        rates = RateService(stores.rates, settings.rate)
        yield account_resources(settings, stores, UserService(stores.users, stores.erasures, hub), hub, rates, closing)
