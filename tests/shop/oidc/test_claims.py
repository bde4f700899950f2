"""Whom the claims of a verified token name, and what they make of them in the shop."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from shop.entities.users import Role
from shop.oidc_issuer import OidcIssuer
from shop.services.external_claims import claim_at, identity_from
from shop.values import RefusedValueError

if TYPE_CHECKING:
    from shop.entities.identity import ExternalIdentity

ROLES = {"boss": "admin", "clerk": "staff", "customer": "shopper"}
NAMESPACED = "https://shop.example/roles"


def issuer(**fields: Any) -> OidcIssuer:
    given = {"name": "corp", "issuer": "https://id.example", "audience": "shop", **fields}
    return OidcIssuer.model_validate(given)


def identity(claims: dict[str, Any], others: tuple[str, ...] = (), **fields: Any) -> ExternalIdentity:
    return identity_from({"sub": "anna", "exp": time.time() + 60, **claims}, issuer(**fields), others)


@pytest.mark.parametrize(
    ("fields", "claims", "user_id"),
    [
        ({}, {}, "corp:anna"),
        ({"user_prefix": ""}, {}, "anna"),
        ({"user_prefix": "id.example/"}, {}, "id.example/anna"),
        ({"user_claim": "oid"}, {"oid": "7f-1"}, "corp:7f-1"),
        ({"user_claim": "customer"}, {"customer": 1234}, "corp:1234"),
        ({"user_claim": "shop.customer"}, {"shop": {"customer": "c1"}}, "corp:c1"),
        ({"user_claim": "email"}, {"email": "a@shop.example", "email_verified": True}, "corp:a@shop.example"),
        ({}, {"sub": "auth0|5f7c"}, "corp:auth0|5f7c"),
        ({}, {"sub": "Ayşe"}, "corp:Ayşe"),
        ({}, {"sub": "x" * 195}, "corp:" + "x" * 195),
    ],
)
def test_who_is_named(fields: dict[str, Any], claims: dict[str, Any], user_id: str) -> None:
    assert identity(claims, **fields).user_id == user_id


@pytest.mark.parametrize(
    ("fields", "claims"),
    [
        ({"user_claim": "oid"}, {}),
        ({"user_claim": "oid"}, {"oid": True}),
        ({"user_claim": "oid"}, {"oid": 1.5}),
        ({"user_claim": "oid"}, {"oid": ["anna"]}),
        ({"user_claim": "oid"}, {"oid": ""}),
        ({}, {"sub": "x" * 196}),
        ({}, {"sub": "anna "}),
        ({}, {"sub": "\u00a0anna"}),
        ({}, {"sub": "an\u202ena"}),
        ({}, {"sub": "an\x00na"}),
        ({"user_claim": "email"}, {"email": "a@shop.example"}),
        ({"user_claim": "email"}, {"email": "a@shop.example", "email_verified": "true"}),
        ({"user_claim": "upn", "email_claim": "upn"}, {"upn": "a@shop.example", "email_verified": False}),
    ],
)
def test_claims_that_name_nobody(fields: dict[str, Any], claims: dict[str, Any]) -> None:
    with pytest.raises(RefusedValueError):
        identity(claims, **fields)


def test_an_issuer_without_a_prefix_names_no_user_of_another() -> None:
    assert identity({"sub": "anna"}, others=("corp:",), user_prefix="").user_id == "anna"
    with pytest.raises(RefusedValueError, match="another issuer"):
        identity({"sub": "corp:anna"}, others=("corp:",), user_prefix="")


@pytest.mark.parametrize(
    ("path", "claims", "role"),
    [
        ("role", {"role": "boss"}, Role.ADMIN),
        ("role", {"role": ["customer", "clerk"]}, Role.STAFF),
        ("role", {"role": ["clerk", "boss", "customer"]}, Role.ADMIN),
        ("role", {"role": ["customer"]}, Role.SHOPPER),
        ("role", {"role": "Boss"}, Role.SHOPPER),
        ("role", {"role": "boss clerk"}, Role.SHOPPER),
        ("role", {"role": "admin"}, Role.SHOPPER),
        ("role", {"role": []}, Role.SHOPPER),
        ("role", {"role": [["boss"], {"boss": 1}, None, 7]}, Role.SHOPPER),
        ("role", {"role": {"boss": True}}, Role.SHOPPER),
        ("role", {}, Role.SHOPPER),
        ("realm_access.roles", {"realm_access": {"roles": ["clerk"]}}, Role.STAFF),
        ("realm_access.roles", {"realm_access": "roles"}, Role.SHOPPER),
        ("resource_access.shop.api.roles", {"resource_access": {"shop.api": {"roles": ["boss"]}}}, Role.ADMIN),
        (NAMESPACED, {NAMESPACED: ["clerk"]}, Role.STAFF),
        ("cognito:groups", {"cognito:groups": ["boss"]}, Role.ADMIN),
    ],
)
def test_roles(path: str, claims: dict[str, Any], role: Role) -> None:
    assert identity(claims, role_claim=path, roles=ROLES).role is role


def test_without_a_role_claim_the_stored_role_counts() -> None:
    assert identity({"role": "boss", "roles": ["admin"]}).role is None


@pytest.mark.parametrize(
    ("claims", "email"),
    [
        ({"email": "a@shop.example", "email_verified": True}, "a@shop.example"),
        ({"email": "a@shop.example"}, None),
        ({"email": "a@shop.example", "email_verified": False}, None),
        ({"email": "a@shop.example", "email_verified": "true"}, None),
        ({"email": "a@shop.example", "email_verified": 1}, None),
        ({"email": "nobody", "email_verified": True}, None),
        ({"email": "a@b@c", "email_verified": True}, None),
        ({"email": "a\n@shop.example", "email_verified": True}, None),
        ({"email": "a\u200b@shop.example", "email_verified": True}, None),
        ({"email": ["a@shop.example"], "email_verified": True}, None),
        ({"email": "a@" + "x" * 300, "email_verified": True}, None),
    ],
)
def test_an_address_counts_only_when_the_issuer_has_verified_it(claims: dict[str, Any], email: str | None) -> None:
    assert identity(claims).email == email


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Anna  Blum", "Anna Blum"),
        ("<script>alert(1)</script>Anna", "Anna"),
        ("  ", None),
        (7, None),
        ("x" * 5_000, "x" * 200),
    ],
)
def test_names(name: object, shown: str | None) -> None:
    assert identity({"name": name}).display_name == shown


def test_claims_may_be_elsewhere_or_left_alone() -> None:
    claims = {"mail": "a@shop.example", "email_verified": True, "profile": {"full": "Anna"}, "name": "x", "email": "y"}

    named = identity(claims, email_claim="mail", name_claim="profile.full")
    assert (named.email, named.display_name) == ("a@shop.example", "Anna")
    unnamed = identity(claims, email_claim=None, name_claim=None)
    assert (unnamed.email, unnamed.display_name) == (None, None)


@pytest.mark.parametrize("claims", [None, [], "a.b", {"a": None}, {"a": {"b": None}}, {"a": ["b"]}])
def test_what_is_not_there_is_none(claims: object) -> None:
    assert claim_at(claims, "a.b") is None
