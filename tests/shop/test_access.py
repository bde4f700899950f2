"""Who a request is from: what lets somebody in, and for how long."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from jwt.algorithms import ECAlgorithm

from mongo_seed.migrate import migrate
from shop.entities.access import Scope
from shop.entities.users import Role, User, Viewer
from shop.errors import BadInputError, NotFoundError, UnauthenticatedError
from shop.resources.accounts import open_accounts
from shop.services.sign_ins import Door
from shop.services.signing_keys import SigningKeys, rotate
from shop.store.signing_keys import read_keys
from tests.fixtures.accounts import signing_keys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from shop.resources.accounts import AccountResources
    from shop.settings import Settings
    from shop.store.database import Database

HERE = Door("127.0.0.1", "a test")


@pytest.fixture
async def entrance(settings: Settings, database: Database) -> AsyncIterator[AccountResources]:
    await migrate(database)
    async with open_accounts(settings) as resources:
        await resources.users.create(User("anna", role=Role.STAFF))
        yield resources


async def come(entrance: AccountResources, token: str) -> Viewer | None:
    return await entrance.access.viewer(f"Bearer {token}", None)


async def test_a_token_has_the_role_that_its_user_has_now(entrance: AccountResources) -> None:
    tokens = await entrance.sign_ins.begin("anna", HERE)

    viewer = await come(entrance, tokens.access_token)
    await entrance.users.set_role("anna", Role.SHOPPER, None)
    later = await come(entrance, tokens.access_token)

    assert viewer is not None
    assert later is not None
    assert (viewer.user_id, viewer.role, later.role) == ("anna", Role.STAFF, Role.SHOPPER)
    assert viewer.expires_at == tokens.access_expires_at.timestamp()


async def test_a_name_typed_by_hand_must_be_known(entrance: AccountResources, database: Database) -> None:
    with pytest.raises(UnauthenticatedError, match="whybuy users create"):
        await entrance.access.viewer(None, "tpyo")

    assert await entrance.access.viewer(None, "anna") == Viewer("anna", Role.STAFF)
    assert await database["users"].count_documents({}) == 1


async def test_roles_change_for_those_that_there_are(entrance: AccountResources, database: Database) -> None:
    with pytest.raises(NotFoundError):
        await entrance.users.set_role("nobody", Role.STAFF, None)
    with pytest.raises(BadInputError, match="Another admin"):
        await entrance.users.set_role("anna", Role.ADMIN, "anna")
    with pytest.raises(BadInputError, match="API key"):
        await entrance.users.set_role("anna", Role.SERVICE, None)
    await entrance.users.set_role("anna", Role.ADMIN, "boss")

    made, entry = await database["audit_log"].find({}).sort("at", 1).to_list(None)
    assert (made["action"], made["details"]) == ("setUserRole", {"from": None, "to": "staff"})
    assert (entry["action"], entry["actorId"], entry["subject"]) == ("setUserRole", "boss", "anna")
    assert entry["details"] == {"from": "staff", "to": "admin"}


async def test_what_a_token_says_of_a_role_counts_only_if_nothing_was_said_later(
    entrance: AccountResources, database: Database
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)

    async def say(role: Role, seconds: float) -> Role:
        user = await entrance.users.user("anna")
        assert user is not None
        return (await entrance.users.follow_issuer(user, role, now + timedelta(seconds=seconds))).role

    assert await say(Role.STAFF, 20) is Role.STAFF, "as before, and that is new"
    assert await say(Role.ADMIN, 10) is Role.STAFF
    assert await say(Role.ADMIN, 3_600) is Role.ADMIN
    await entrance.users.set_role("anna", Role.SHOPPER, "boss")
    assert await say(Role.ADMIN, 3_600) is Role.SHOPPER, "also where the issuer's clock is ahead"
    assert await database["audit_log"].count_documents({"subject": "anna"}) == 3


async def test_of_very_many_sign_ins_the_oldest_end(entrance: AccountResources, database: Database) -> None:
    first = await entrance.sign_ins.begin("anna", HERE)
    others = [await entrance.sign_ins.begin("anna", HERE) for _ in range(100)]

    with pytest.raises(UnauthenticatedError):
        await come(entrance, first.access_token)
    assert await come(entrance, others[0].access_token) is not None
    row = await database["sessions"].find_one({"endedAt": None})
    assert row is not None
    await database["sessions"].insert_many([{**row, "_id": f"more-{number}"} for number in range(2_500)])
    assert await entrance.sign_ins.end("anna") == 2_600
    assert await entrance.sign_ins.of_user("anna") == []


FORGERIES = (
    "another key", "none", "none with a signature", "the public key as a secret", "another type", "no type",
    "another issuer", "expired", "not yet valid", "no expiry", "no user", "an unknown kid", "no kid", "cut", "changed",
    "a key in the header", "long", "empty", "an unknown sign-in", "no sign-in",
)  # fmt: skip


def forgery(kind: str, session_id: str) -> str:
    """A token that must let nobody in, though the sign-in is alive; with "nothing wrong" one that does."""
    now, jwk = time.time(), read_keys(signing_keys())[0]
    key, head = jwt.PyJWK(jwk, "ES256"), {"kid": jwk["kid"], "typ": "at+jwt"}
    claims: dict[str, Any] = {"iss": "whybuy", "sub": "anna", "sid": session_id, "iat": now, "exp": now + 600}
    other = jwt.PyJWK({**jwk, **_another_key()}, "ES256")

    def signed(claims: dict[str, Any] = claims, key: Any = key, head: dict[str, Any] = head, how: str = "ES256") -> str:
        return jwt.encode(claims, key, how, head)

    good = signed()
    first, middle, last = good.split(".")
    without = {name: {**claims} for name in ("exp", "sub")}
    for name, those in without.items():
        del those[name]
    made: dict[str, Callable[[], str]] = {
        "another key": lambda: signed(key=other),
        "none": lambda: jwt.encode(claims, None, "none", head),  # type: ignore[arg-type]
        "none with a signature": lambda: f"{jwt.encode(claims, None, 'none', head)}{last}",  # type: ignore[arg-type]
        "the public key as a secret": lambda: signed(key=jwk["x"] + jwk["y"], how="HS256"),
        "another type": lambda: signed(head={**head, "typ": "JWT"}),
        "no type": lambda: signed(head={"kid": head["kid"]}),
        "another issuer": lambda: signed({**claims, "iss": "somebody"}),
        "expired": lambda: signed({**claims, "exp": now - 60}),
        "not yet valid": lambda: signed({**claims, "nbf": now + 60}),
        "no expiry": lambda: signed(without["exp"]),
        "no user": lambda: signed(without["sub"]),
        "an unknown kid": lambda: signed(head={**head, "kid": "../keys.json"}),
        "no kid": lambda: signed(head={"typ": "at+jwt"}),
        "cut": lambda: f"{first}.{middle}",
        "changed": lambda: f"{first}.{signed({**claims, 'sub': 'boss'}).split('.')[1]}.{last}",
        "a key in the header": lambda: signed(key=other, head={**head, "jwk": {**_another_key()}}),
        "long": lambda: good + "x" * 10_000,
        "empty": lambda: "",
        "an unknown sign-in": lambda: signed({**claims, "sid": "0" * 32}),
        "nothing wrong": lambda: good,
        "no sign-in": lambda: signed({**claims, "sid": ""}),
    }
    return made[kind]()


def _another_key() -> dict[str, Any]:
    return dict(ECAlgorithm.to_jwk(generate_private_key(SECP256R1()), as_dict=True))


@pytest.mark.parametrize("kind", FORGERIES)
async def test_a_token_that_we_did_not_give_lets_nobody_in(entrance: AccountResources, kind: str) -> None:
    await entrance.sign_ins.begin("anna", HERE)
    (sign_in,) = await entrance.sign_ins.of_user("anna")
    reason = {"empty": "Send", "an unknown sign-in": "signed out", "no sign-in": "signed out", "expired": "has expired"}

    assert await come(entrance, forgery("nothing wrong", sign_in.id)) is not None
    with pytest.raises(UnauthenticatedError, match=reason.get(kind, "is not valid")):
        await come(entrance, forgery(kind, sign_in.id))


async def test_a_new_key_signs_and_those_before_stay_valid_until_they_are_taken_out(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    (first,) = rotate(file)
    ours, others = SigningKeys(file), SigningKeys(file)
    before, _ = ours.sign("anna", "a-sign-in", 600)
    assert others.verify(before).user_id == "anna"

    second, *_ = rotate(file)
    renewed = SigningKeys(file)
    after, _ = renewed.sign("anna", "a-sign-in", 600)
    assert jwt.get_unverified_header(after)["kid"] == second
    assert renewed.verify(before).user_id == "anna"
    others._looked_at -= 1.5
    assert others.verify(after).user_id == "anna", "another process meets the new key, and reads the file again"

    rotate(file, keep=0)
    others._looked_at -= 15
    for token in (before, after):
        with pytest.raises(UnauthenticatedError):
            others.verify(token)
    published = json.dumps(others.public())
    assert first not in published
    assert '"d"' not in published
    assert file.stat().st_mode & 0o077 == 0


async def test_keys_that_cannot_be_read_any_more_leave_those_of_before(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    rotate(file)
    keys = SigningKeys(file)
    token, _ = keys.sign("anna", "a-sign-in", 600)

    file.write_text("{ half")
    keys._looked_at -= 15

    assert keys.verify(token).user_id == "anna"
    with pytest.raises(BadInputError, match="is not JSON"):
        SigningKeys(file).public()
    with pytest.raises(BadInputError, match="whybuy signing-keys"):
        SigningKeys(tmp_path / "nothing.json").public()


async def test_a_refresh_token_that_is_used_twice_ends_its_sign_in_and_no_other(entrance: AccountResources) -> None:
    stolen, other = [await entrance.sign_ins.begin("anna", HERE) for _ in range(2)]
    _, following = await entrance.sign_ins.refresh(stolen.refresh_token)
    assert await come(entrance, following.access_token) is not None

    with pytest.raises(UnauthenticatedError, match="used before"):
        await entrance.sign_ins.refresh(stolen.refresh_token)

    for dead in (stolen, following):
        with pytest.raises(UnauthenticatedError, match="signed out"):
            await come(entrance, dead.access_token)
    with pytest.raises(UnauthenticatedError):
        await entrance.sign_ins.refresh(following.refresh_token)
    assert await come(entrance, other.access_token) is not None
    assert (await entrance.sign_ins.refresh(other.refresh_token))[0] == "anna"


async def test_of_many_who_refresh_at_once_at_most_one_gets_a_pair(entrance: AccountResources) -> None:
    tokens = await entrance.sign_ins.begin("anna", HERE)

    answers = await asyncio.gather(
        *(entrance.sign_ins.refresh(tokens.refresh_token) for _ in range(8)), return_exceptions=True
    )

    assert sum(isinstance(answer, tuple) for answer in answers) <= 1
    assert await entrance.sign_ins.of_user("anna") == []


async def test_nothing_that_opens_anything_is_stored(entrance: AccountResources, database: Database) -> None:
    tokens = await entrance.sign_ins.begin("anna", HERE)
    _, secret = await entrance.api_keys.create("a server", [Scope.USERS_READ], timedelta(days=1), None)

    stored = str([await database[name].find({}).to_list(None) for name in await database.list_collection_names()])

    for secret_part in (tokens.access_token, tokens.refresh_token, secret.split("_", 2)[2]):
        assert secret_part not in stored


async def test_a_key_opens_until_it_is_revoked_or_expires(entrance: AccountResources, database: Database) -> None:
    key, secret = await entrance.api_keys.create("  a   server ", [Scope.USERS_READ], timedelta(days=1), "boss")
    viewer = await come(entrance, secret)
    assert viewer is not None
    assert (viewer.role, viewer.scopes, key.name) == (Role.SERVICE, frozenset({Scope.USERS_READ}), "a server")
    for wrong in (secret[:-1], secret + "x", f"wbk_{key.id}_", f"wbk_{'0' * 16}_{secret[-43:]}", "wbk_"):
        with pytest.raises(UnauthenticatedError, match="API key"):
            await come(entrance, wrong)

    await entrance.api_keys.revoke(key.id, "boss")
    await entrance.api_keys.revoke(key.id, "boss")

    with pytest.raises(UnauthenticatedError):
        await come(entrance, secret)
    actions = [entry["action"] async for entry in database["audit_log"].find({"subject": key.id}).sort("at", 1)]
    assert actions == ["createApiKey", "revokeApiKey"]
    _, secret = await entrance.api_keys.create("short", [Scope.USERS_READ], timedelta(milliseconds=1), None)
    with pytest.raises(UnauthenticatedError):
        await come(entrance, secret)
    with pytest.raises(NotFoundError):
        await entrance.api_keys.revoke("nothing", None)


@pytest.mark.parametrize(
    ("name", "scopes", "days", "field"),
    [
        ("", [Scope.USERS_READ], 1, "name"),
        ("x" * 101, [Scope.USERS_READ], 1, "name"),
        ("a", [], 1, "scopes"),
        ("a", [Scope.USERS_READ], 0, "expiresInDays"),
        ("a", [Scope.USERS_READ], 4_000, "expiresInDays"),
    ],
)
async def test_a_key_has_a_name_a_scope_and_an_end(
    entrance: AccountResources, name: str, scopes: list[Scope], days: int, field: str
) -> None:
    with pytest.raises(BadInputError) as refused:
        await entrance.api_keys.create(name, scopes, timedelta(days=days), None)
    assert refused.value.field == field
