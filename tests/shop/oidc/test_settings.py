"""What the settings of issuers may say, and how a mistake is told."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from shop.entities.users import Role
from shop.oidc_issuer import ALGORITHMS
from shop.settings import OidcSettings, Settings

PAGE = Path(__file__).parents[3] / "docs/accounts-oidc.md"
EXAMPLES = re.findall(r"```json\n(.+?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
CORP: dict[str, Any] = {"name": "corp", "issuer": "https://id.example", "audience": "shop-api"}


def read(monkeypatch: pytest.MonkeyPatch, value: object) -> OidcSettings:
    """As a process reads them at its start."""
    monkeypatch.setenv("OIDC_ISSUERS", value if isinstance(value, str) else json.dumps(value))
    return Settings().oidc


def test_without_settings_no_issuer_is_accepted() -> None:
    assert Settings().oidc.issuers == []


def test_an_issuer_with_what_it_must_say(monkeypatch: pytest.MonkeyPatch) -> None:
    (issuer,) = read(monkeypatch, [CORP]).issuers

    assert (issuer.name, issuer.issuer, issuer.audience) == ("corp", "https://id.example", ("shop-api",))
    assert (issuer.algorithms, issuer.jwks_url) == (("RS256",), None)
    assert (issuer.user_claim, issuer.user_prefix) == ("sub", "corp:")
    assert (issuer.role_claim, issuer.roles) == (None, {})


def test_an_issuer_with_all_that_it_may_say(monkeypatch: pytest.MonkeyPatch) -> None:
    more: dict[str, Any] = {
        "audience": ["shop-api", "shop-app"],
        "audience_claim": "client_id",
        "algorithms": list(ALGORITHMS),
        "jwks_url": "https://keys.example/set?v=1",
        "user_claim": "oid",
        "user_prefix": "",
        "role_claim": "realm_access.roles",
        "roles": {"boss": "admin", "clerk": "staff", "all": "shopper"},
        "email_claim": None,
        "name_claim": "nickname",
        "leeway_seconds": 0,
    }

    (issuer,) = read(monkeypatch, [CORP | more]).issuers

    assert issuer.roles == {"boss": Role.ADMIN, "clerk": Role.STAFF, "all": Role.SHOPPER}
    assert issuer.user_prefix == ""


@pytest.mark.parametrize(
    "address", ["http://localhost:8080", "http://127.0.0.1/x", "http://[::1]:80/", "https://a.b/c/"]
)
def test_addresses_that_are_safe(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    assert read(monkeypatch, [CORP | {"issuer": address, "jwks_url": address}]).issuers[0].issuer == address


UNSAFE = [
    "http://id.example",
    "http://localhost.id.example",
    "http://127.0.0.1.id.example",
    "http://10.0.0.1",
    "http://0.0.0.0",
    "http://2130706433",
    "http://localhost@id.example",
    "https://user:password@id.example",
    "https://id.example#x",
    "https://id.example\\@localhost",
    "https://id.example:port",
    "https://id.example/ x",
    "https://id.example\n",
    "https://",
    "https:id.example",
    "ftp://id.example",
    "file:///etc/passwd",
    "id.example",
    "",
]


@pytest.mark.parametrize("field", ["issuer", "jwks_url"])
@pytest.mark.parametrize("address", UNSAFE)
def test_addresses_that_are_not(monkeypatch: pytest.MonkeyPatch, address: str, field: str) -> None:
    with pytest.raises(ValidationError, match="begins with https://"):
        read(monkeypatch, [CORP | {field: address}])


MISTAKES: list[tuple[Any, str]] = [
    ("https://id.example", "is no JSON list"),
    ("[{", "is no JSON list"),
    (CORP, "valid list"),
    ([{"name": "corp"}], "issuer\n.*Field required"),
    ([{key: CORP[key] for key in ("name", "issuer")}], "audience\n.*Field required"),
    ([CORP | {"audience": []}], "name the audience"),
    ([CORP | {"audience": " "}], "name the audience"),
    ([CORP | {"secret": "x"}], "secret\n.*not permitted"),
    ([CORP | {"name": "Corp"}], "a name has 1 to 32"),
    ([CORP | {"name": "a:b"}], "a name has 1 to 32"),
    ([CORP | {"issuer": "https://id.example?x=1"}], "no query"),
    ([CORP | {"algorithms": ["HS256"]}], "HS256 is not accepted; possible are RS256"),
    ([CORP | {"algorithms": ["RS256", "none"]}], "none is not accepted"),
    ([CORP | {"algorithms": "HS512"}], "HS512 is not accepted"),
    ([CORP | {"algorithms": ["rs256"]}], "rs256 is not accepted"),
    ([CORP | {"algorithms": []}], "an empty list is not accepted"),
    ([CORP | {"user_claim": ""}], "at least 1 character"),
    ([CORP | {"user_prefix": "a b"}], "no spaces"),
    ([CORP | {"user_prefix": "x" * 65}], "64 characters"),
    ([CORP | {"role_claim": "role"}], "belong together"),
    ([CORP | {"roles": {"boss": "admin"}}], "belong together"),
    ([CORP | {"role_claim": "role", "roles": {"x": "service"}}], "are shopper, staff, admin"),
    ([CORP | {"role_claim": "role", "roles": {"x": "king"}}], "Input should be 'shopper'"),
    ([CORP | {"leeway_seconds": 301}], "less than or equal to 300"),
    ([CORP | {"leeway_seconds": -1}], "greater than or equal to 0"),
    ([CORP, CORP | {"issuer": "https://b.example"}], "two issuers have the name 'corp'"),
    ([CORP, CORP | {"name": "other"}], "or the issuer 'https://id.example'"),
    ([CORP, {**CORP, "name": "b", "issuer": "https://b.example", "user_prefix": "corp:b"}], "begin alike"),
    ([CORP | {"user_prefix": ""}, {**CORP, "name": "b", "issuer": "https://b.example", "user_prefix": ""}], "alike"),
]


@pytest.mark.parametrize(("value", "told"), MISTAKES, ids=[told for _, told in MISTAKES])
def test_mistakes_are_told(monkeypatch: pytest.MonkeyPatch, value: object, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        read(monkeypatch, value)


def test_one_issuer_may_be_without_a_prefix_beside_others(monkeypatch: pytest.MonkeyPatch) -> None:
    other = {**CORP, "name": "other", "issuer": "https://other.example"}

    issuers = read(monkeypatch, [CORP | {"user_prefix": ""}, other]).issuers

    assert [issuer.user_prefix for issuer in issuers] == ["", "other:"]


def test_the_examples_of_the_documentation_can_be_used_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(EXAMPLES) >= 5
    for example in EXAMPLES:
        assert len(read(monkeypatch, example).issuers) == 1
    together = [issuer for example in EXAMPLES for issuer in json.loads(example)]
    assert len(read(monkeypatch, together).issuers) == len(EXAMPLES)
