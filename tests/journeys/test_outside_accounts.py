"""A shop whose accounts are elsewhere: its issuer's tokens open the API."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from shop.entities.users import Role
from shop.settings import OidcSettings
from tests.fixtures.accounts import bearer
from tests.fixtures.queries import new_user
from tests.fixtures.shop import Shop, open_shop, variant
from tests.fixtures.token_issuer import KEYS, Issuer, issuer_server
from tests.journeys.test_accounts import closing_code, live

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.settings import Settings

VIEWER = "{ viewer { email displayName role } }"


@pytest.fixture(scope="module")
async def issuer() -> AsyncIterator[Issuer]:
    async with issuer_server() as server:
        yield server.add()


@pytest.fixture(scope="module")
async def outside(stocked: Settings, issuer: Issuer) -> AsyncIterator[Shop]:
    accepted = issuer.settings(role_claim="groups", roles={"buyers": "staff"})
    async with open_shop(variant(stocked, oidc=OidcSettings(issuers=[accepted]))) as served:
        yield served


async def who(shop: Shop, token: str) -> dict[str, Any] | None:
    answer = await shop.ask(VIEWER, headers={"Authorization": f"Bearer {token}"})
    assert not answer.errors, answer.errors
    assert answer.data is not None
    found: dict[str, Any] | None = answer.data["viewer"]
    return found


async def test_whoever_the_issuer_names_becomes_a_user_with_the_role_that_it_says(
    outside: Shop, issuer: Issuer
) -> None:
    sub, email = f"anna-{uuid4().hex[:8]}", f"{uuid4().hex[:8]}@shop.example"
    known: dict[str, Any] = {"sub": sub, "email": email.upper(), "email_verified": True, "name": "Anna"}
    now = issuer.claims()["iat"]

    first = await who(outside, issuer.token(**known, iat=now - 3))
    promoted = issuer.token(**known, groups=["buyers"], iat=now - 2)
    assert first == {"email": email, "displayName": "Anna", "role": "SHOPPER"}
    assert await who(outside, promoted) == {**first, "role": "STAFF"}
    async with live(outside, promoted) as socket:
        assert await who(outside, issuer.token(**known, iat=now - 1)) == first
        assert await closing_code(socket) == 4403
    assert await who(outside, promoted) == first, "an older token does not bring the role back"
    async with open_shop(variant(outside.settings)) as another:
        assert await who(another, promoted) == first, "in no process"
    stored = await outside.resources.stores.database["users"].count_documents({"_id": f"local:{sub}"})
    assert stored == 1


async def test_a_role_that_an_admin_takes_comes_back_with_a_new_token_only(outside: Shop, issuer: Issuer) -> None:
    sub, now = f"bert-{uuid4().hex[:8]}", issuer.claims()["iat"]
    staff = issuer.token(sub=sub, groups=["buyers"], iat=now - 5)
    undated = issuer.token(sub=sub, groups=["buyers"], iat=None)
    first = await who(outside, staff)

    await outside.resources.users.set_role(f"local:{sub}", Role.SHOPPER, "demo-staff")
    after = [await who(outside, token) for token in (staff, undated, staff)]
    renewed = await who(outside, issuer.token(sub=sub, groups=["buyers"], iat=int(time.time()) + 2))

    assert [each and each["role"] for each in (first, *after, renewed)] == ["STAFF", *["SHOPPER"] * 3, "STAFF"]
    log = outside.resources.stores.database["audit_log"].find({"subject": f"local:{sub}"}).sort("at", 1)
    assert [(entry["actorId"], entry["details"]) for entry in await log.to_list(None)] == [
        (None, {"from": None, "to": "staff"}),
        ("demo-staff", {"from": "staff", "to": "shopper"}),
        (None, {"from": "shopper", "to": "staff"}),
    ]


async def test_an_address_that_is_an_account_of_ours_is_not_taken_over(outside: Shop, issuer: Issuer) -> None:
    email = f"{uuid4().hex[:8]}@shop.example"
    ours = await new_user(outside)
    await outside.resources.stores.database["users"].update_one({"_id": ours}, {"$set": {"email": email}})

    viewer = await who(outside, issuer.token(sub=uuid4().hex, email=email, email_verified=True))

    assert viewer == {"email": None, "displayName": None, "role": "SHOPPER"}


async def test_our_own_tokens_open_the_same_shop(outside: Shop) -> None:
    mine = await bearer(outside, await new_user(outside))
    assert (await outside.ask(VIEWER, headers=mine)).data is not None


async def test_a_token_that_was_meant_for_somebody_else_opens_nothing(outside: Shop, issuer: Issuer) -> None:
    for token in (issuer.token(aud="another-app"), issuer.token(exp=1), issuer.token()[:-5] + "AAAAA"):
        answer = await outside.ask(VIEWER, headers={"Authorization": f"Bearer {token}"})
        assert (answer.status, answer.code) == (401, "UNAUTHENTICATED")


async def test_an_issuer_that_is_down_is_said_so_and_nobody_is_let_in(stocked: Settings) -> None:
    async with issuer_server() as server:
        down = server.add()

        def broken() -> Any:
            raise OSError

        down.answers[KEYS] = broken
        async with open_shop(variant(stocked, oidc=OidcSettings(issuers=[down.settings()]))) as served:
            answer = await served.ask(VIEWER, headers={"Authorization": f"Bearer {down.token()}"})

    assert (answer.status, answer.code) == (503, "UNAVAILABLE")
    assert answer.errors[0]["extensions"]["retryable"]
