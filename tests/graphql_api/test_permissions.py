"""Every field of the schema is decided about, for every role, and what is decided is what happens."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import strawberry
from graphql import GraphQLObjectType

from graphql_api.permissions.document import permissions_document
from graphql_api.permissions.guard import UndecidedError, guard
from graphql_api.permissions.rules import May
from graphql_api.permissions.table import PERMISSIONS
from graphql_api.relay import encode_id
from graphql_api.schema import build_schema
from shop.entities.access import Scope
from shop.entities.users import Preferences, User
from tests.fixtures.accounts import bearer
from tests.fixtures.queries import TRACK, new_user, products_in_stock
from tests.fixtures.whole_schema import ROOTS, Asked, asking, asking_for_each, root_fields

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fixtures.shop import Shop

SCHEMA = build_schema()._schema
ROLES = ("anonymous", "shopper", "staff", "service", "service without the scope", "admin")


def test_a_field_that_nobody_decided_about_keeps_the_api_from_starting() -> None:
    @strawberry.type
    class Query:
        product: str
        secrets: str

    with pytest.raises(UndecidedError, match=r"Query\.secrets"):
        guard(strawberry.Schema(query=Query)._schema)


def test_every_decision_is_about_a_field_and_the_document_says_it() -> None:
    fields = sum(
        len(type_.fields)
        for type_ in SCHEMA.type_map.values()
        if isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__")
    )
    assert sum(map(len, PERMISSIONS.values())) == fields
    assert Path("docs/permissions.md").read_text() == permissions_document(), "run `make permissions`"


async def headers_of(shop: Shop, role: str, name: str, type_: str) -> dict[str, str]:
    """Of somebody with this role; of a program for this field."""
    if role == "anonymous":
        return {}
    if role.startswith("service"):
        scope = PERMISSIONS[type_][name].scope
        scopes = [each for each in Scope if each is not scope] if "without" in role else [scope or Scope.RULES_READ]
        _, secret = await shop.resources.api_keys.create(role, scopes, None, None)
        return {"Authorization": f"Bearer {secret}"}
    id_ = await new_user(shop)
    await shop.resources.stores.database["users"].update_one({"_id": id_}, {"$set": {"role": role}})
    return await bearer(shop, id_)


def is_about_the_role(code: str | None, message: str) -> bool:
    """Whether it is refused because of who asks, and not because of whom or what they name."""
    return code in {"UNAUTHENTICATED", "FORBIDDEN"} and not message.startswith(
        ("You may only", "Only staff see jobs", "Sign in, or name", "Pass the refreshToken", "The refresh token")
    )


async def answer_of(shop: Shop, asked: Asked, headers: dict[str, str]) -> str:
    """The whole answer, or the first event of a stream."""
    accept = {"Accept": "text/event-stream"} if asked.kind == "subscription" else {}
    body = {"query": asked.query, "variables": asked.variables}
    async with shop.http.post(f"{shop.url}/graphql", json=body, headers={**headers, **accept}) as response:
        if not accept:
            return await response.text()
        if "first" in asked.variables:
            return ""
        try:
            return (await response.content.readuntil(b"\n\n")).decode()
        except Exception:  # noqa: BLE001 (a stream that ended says all that it has)
            return ""


def first_error(text: str) -> tuple[str | None, str]:
    found = text.partition('"errors":[')[2]
    if not found:
        return None, ""
    error, _ = json.JSONDecoder().raw_decode(found)
    return error["extensions"]["code"], error["message"]


QUIET = {"modelActivated", "productUpdated", "explanationReady", "insightUpdated", "recommendationsUpdated"}


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_may_do_what_is_decided(shop: Shop, role: str) -> None:
    wrong: list[str] = []
    for kind in ROOTS:
        for type_, name, definition in root_fields(SCHEMA, kind):
            rule = PERMISSIONS[type_][name]
            may = getattr(rule, role.split(maxsplit=1)[0])
            if "without" in role:
                may = May.NO if rule.scope is not None else may
            if kind == "subscription" and may is not May.NO and name in QUIET:
                continue  # it waits for something to happen
            asked = asking(kind, name, definition)
            text = await answer_of(shop, asked, await headers_of(shop, role, name, type_))
            if is_about_the_role(*first_error(text)) != (may is May.NO):
                wrong.append(f"{type_}.{name}: {may} for {role}, and was answered {text[:200]}")
    assert wrong == []


@dataclass(frozen=True, slots=True)
class Somebody:
    """A shopper: what only they may read, and every word that names what is theirs."""

    id: str
    marks: tuple[str, ...]
    words: dict[str, list[Any]]


async def somebody(shop: Shop) -> Somebody:
    marks = {name: f"{name}-{uuid4().hex}" for name in ("mail", "name", "taste", "order")}
    id_, visit, email = f"alice-{uuid4().hex[:8]}", uuid4().hex, f"{marks['mail']}@example.org"
    await shop.resources.users.create(User(id_, email, marks["name"], preferences=Preferences(tags=(marks["taste"],))))
    hers = await bearer(shop, id_)
    (product,) = await products_in_stock(shop)
    event = {"productId": product, "type": "PURCHASE", "orderId": marks["order"]}
    tracked = await asked_by(shop, hers, TRACK, {"input": {"interaction": event, "sessionId": visit}})
    shown = (await asked_by(shop, hers, "{ recommendations { id items { explanation { id } product { id } } } }"))[
        "recommendations"
    ]
    sessions = (await asked_by(shop, hers, "{ sessions { id } }"))["sessions"]
    export = "mutation ($id: ID!) { exportUserData(input: { userId: $id }) { job { id } } }"
    job = (await asked_by(shop, hers, export, {"id": encode_id("User", id_)}))["exportUserData"]["job"]
    user, interaction = encode_id("User", id_), tracked["trackInteraction"]["interaction"]["id"]
    explanation, signed_in = shown["items"][0]["explanation"]["id"], [session["id"] for session in sessions]
    words: dict[str, list[Any]] = {
        "id": [user, interaction, shown["id"], explanation, *signed_in, job["id"]],
        "ids": [user, interaction],
        "userId": [user],
        "confirmUserId": [user],
        "sessionId": [visit, *signed_in],
        "recommendationId": [shown["id"]],
        "explanationId": [explanation],
        "productId": [shown["items"][0]["product"]["id"]],
        "excludeInteractionIds": [interaction],
        "includeInteractionIds": [interaction],
        "email": [email],
    }
    return Somebody(id_, tuple(marks.values()), words)


async def asked_by(
    shop: Shop, headers: dict[str, str], query: str, variables: dict[str, Any] | None = None
) -> dict[str, Any]:
    answer = await shop.ask(query, variables, headers=headers)
    assert answer.data is not None, answer.errors
    return answer.data


def everything_that_names(alice: Somebody) -> Iterator[Asked]:
    """All operations, with each word that names what is hers. Streams that wait are asked for hers alone."""
    for kind in ROOTS:
        for _, name, definition in root_fields(SCHEMA, kind):
            waits = kind == "subscription" and name in QUIET
            words = {"userId": alice.words["userId"]} if waits else alice.words
            for asked in asking_for_each(kind, name, definition, words, depth=3):
                if not waits or "userId" in str(asked.variables):
                    yield asked


async def test_nobody_reads_or_changes_what_is_another_shoppers(shop: Shop) -> None:
    """Bob, and somebody who is not signed in, ask for everything with everything that names Alice."""
    alice, bob = await somebody(shop), await new_user(shop)
    before = await everything_of(shop, alice.id)
    tried, leaks = 0, []
    for asked in everything_that_names(alice):
        for headers in (await bearer(shop, bob), {}):
            tried += 1
            text = await answer_of(shop, asked, headers)
            if any(mark in text for mark in alice.marks):
                leaks.append(f"{asked.name} {asked.variables}: {text[:300]}")

    print(f"{tried} operations tried, {len(leaks)} read what is another shopper's")
    assert leaks == []
    assert await everything_of(shop, alice.id) == before
    assert tried > 200


async def everything_of(shop: Shop, user_id: str) -> dict[str, list[dict[str, Any]]]:
    """What is stored of somebody, but for what their own jobs go on to write."""
    by_user = (
        "users",
        "credentials",
        "sessions",
        "interactions",
        "session_owners",
        "exclusions",
        "explanation_ratings",
    )
    found = {}
    for name in by_user:
        query = {"$or": [{"_id": user_id}, {"userId": user_id}, {"actorKey": f"u:{user_id}"}]}
        found[name] = await shop.resources.stores.database[name].find(query).sort("_id", 1).to_list(None)
    return found
