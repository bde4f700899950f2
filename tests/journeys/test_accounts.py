"""Stories of people and programs that get in, and out again."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import jwt
import pytest

from graphql_api.relay import encode_id
from shop.entities.access import Scope
from tests.fixtures.accounts import bearer
from tests.fixtures.queries import TRACK, new_user, products_in_stock
from tests.fixtures.shop import NOBODY_WAITS, Shop, open_shop, variant
from tests.fixtures.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import aiohttp

    from shop.settings import RateSettings, Settings

PASSWORD = "three words in a row"
SIGN_UP = "mutation ($input: SignUpInput!) { signUp(input: $input) { accepted userErrors { field code } } }"
SIGN_IN = """
mutation ($input: SignInInput!) {
  signIn(input: $input) {
    user { id email displayName role }
    tokens { accessToken refreshToken accessExpiresAt refreshExpiresAt }
    mergedSession
    userErrors { field code message }
  }
}
"""
REFRESH = """
mutation ($token: String) {
  refreshSession(input: { refreshToken: $token }) { user { id } tokens { accessToken refreshToken } }
}
"""
SIGN_OUT = "mutation ($input: SignOutInput) { signOut(input: $input) { endedCount } }"
CHANGE = """
mutation ($now: String!, $new: String!) {
  changePassword(input: { currentPassword: $now, newPassword: $new }) { changed userErrors { field code } }
}
"""
SESSIONS = "{ sessions { id client current } }"
VIEWER = "{ viewer { id email role } }"
HISTORY = "{ viewer { interactions(first: 10) { nodes { type product { id } } } } }"
LIVE = "subscription { recommendationsUpdated { list { items { product { id } } } } }"


def an_email() -> str:
    return f"Shopper-{uuid4().hex[:10]}@Example.org"


def authorized(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def sign_up(shop: Shop, email: str, password: str = PASSWORD, **more: Any) -> dict[str, Any]:
    variables = {"input": {"email": email, "password": password, **more}}
    return dict((await shop.data(SIGN_UP, variables))["signUp"])


async def sign_in(shop: Shop, email: str, password: str = PASSWORD, **more: Any) -> dict[str, Any]:
    variables = {"input": {"email": email, "password": password, **more}}
    return dict((await shop.data(SIGN_IN, variables))["signIn"])


async def a_shopper(shop: Shop) -> tuple[str, dict[str, Any]]:
    """An e-mail address with an account, and what signing in gave."""
    email = an_email()
    await sign_up(shop, email)
    return email, await sign_in(shop, email)


@contextlib.asynccontextmanager
async def live(shop: Shop, token: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A socket over which lists are followed, after the first list."""
    async with shop.http.ws_connect(f"{shop.url}/graphql", protocols=["graphql-transport-ws"]) as socket:
        await socket.send_json({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}})
        assert (await socket.receive_json(timeout=20))["type"] == "connection_ack"
        await socket.send_json({"id": "1", "type": "subscribe", "payload": {"query": LIVE}})
        assert (await socket.receive_json(timeout=20))["type"] == "next"
        yield socket


async def closing_code(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    async with asyncio.timeout(20):
        while not socket.closed:
            await socket.receive()
    return socket.close_code


async def test_a_visitor_signs_up_goes_on_with_the_visit_and_signs_out_everywhere(shop: Shop) -> None:
    visit, email = uuid4().hex, an_email()
    (product,) = await products_in_stock(shop)
    await shop.data(TRACK, {"input": {"interaction": {"productId": product, "type": "LIKE"}, "sessionId": visit}})

    assert await sign_up(shop, email, displayName="Ada") == {"accepted": True, "userErrors": []}
    here = await sign_in(shop, email.lower(), sessionId=visit)
    there = await sign_in(shop, f" {email.upper()} ")

    assert here["mergedSession"]
    assert (here["user"]["email"], here["user"]["displayName"], here["user"]["role"]) == (
        email.lower(), "Ada", "SHOPPER",
    )  # fmt: skip
    mine = authorized(here["tokens"]["accessToken"])
    history = (await shop.ask(HISTORY, headers=mine)).data
    assert history is not None
    assert history["viewer"]["interactions"]["nodes"] == [{"type": "LIKE", "product": {"id": product}}]
    stranger = authorized((await a_shopper(shop))[1]["tokens"]["accessToken"])
    assert (await shop.ask(HISTORY, headers=stranger)).data == {"viewer": {"interactions": {"nodes": []}}}
    sessions = (await shop.ask(SESSIONS, headers=mine)).data
    assert sessions is not None
    assert sorted(session["current"] for session in sessions["sessions"]) == [False, True]

    events = {"Accept": "text/event-stream", **authorized(there["tokens"]["accessToken"])}
    async with (
        live(shop, here["tokens"]["accessToken"]) as socket,
        shop.http.post(f"{shop.url}/graphql", json={"query": LIVE}, headers=events) as stream,
    ):
        assert b"event: next" in await stream.content.readuntil(b"\n\n")
        ended = await shop.ask(SIGN_OUT, {"input": {"everywhere": True}}, headers=mine)
        assert ended.data == {"signOut": {"endedCount": 2}}
        assert await closing_code(socket) == 4403
        rest = (await asyncio.wait_for(stream.read(), 20)).decode()
        assert "UNAUTHENTICATED" in rest
    for tokens in (here["tokens"], there["tokens"]):
        old = authorized(tokens["accessToken"])
        assert (await shop.ask(VIEWER, headers=old)).status == 401
        assert (await shop.ask(REFRESH, {"token": tokens["refreshToken"]})).code == "UNAUTHENTICATED"
    async with shop.http.ws_connect(f"{shop.url}/graphql", protocols=["graphql-transport-ws"]) as socket:
        token = here["tokens"]["accessToken"]
        await socket.send_json({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}})
        assert await closing_code(socket) == 4403


async def test_who_signs_up_can_sign_in_with_the_same_request(shop: Shop) -> None:
    both = """
    mutation ($up: SignUpInput!, $in: SignInInput!, $track: TrackInteractionInput!) {
      signUp(input: $up) { accepted } signIn(input: $in) { user { id } tokens { accessToken } }
      trackInteraction(input: $track) { interaction { type } }
    }
    """
    words = {"email": an_email(), "password": PASSWORD}
    (product,) = await products_in_stock(shop)
    track = {"interaction": {"productId": product, "type": "VIEW"}}

    answer = await shop.data(both, {"up": words, "in": words, "track": track})

    mine = authorized(answer["signIn"]["tokens"]["accessToken"])
    history = (await shop.ask(HISTORY, headers=mine)).data
    assert history == {"viewer": {"interactions": {"nodes": [{"type": "VIEW", "product": {"id": product}}]}}}


async def test_an_answer_does_not_tell_who_has_an_account(shop: Shop) -> None:
    email, _ = await a_shopper(shop)

    assert await sign_up(shop, email, "quite another password") == await sign_up(shop, an_email())
    wrong, unknown, nonsense = [
        await sign_in(shop, address, "a wrong password") for address in (email, an_email(), "no address at all")
    ]

    assert wrong == unknown == nonsense
    assert wrong["userErrors"][0]["code"] == "UNAUTHENTICATED"
    assert (await sign_in(shop, email, "quite another password"))["tokens"] is None
    assert (await sign_in(shop, email))["tokens"] is not None, "nothing was changed by signing up once more"


@pytest.mark.parametrize(
    ("email", "password", "problem"),
    [
        ("anna", PASSWORD, {"field": "email", "code": "INVALID"}),
        ("anna@exam ple.org", PASSWORD, {"field": "email", "code": "INVALID"}),
        ("x" * 300 + "@example.org", PASSWORD, {"field": "email", "code": "TOO_LONG"}),
        ("anna@example.org", "short", {"field": "password", "code": "TOO_SHORT"}),
        ("anna@example.org", "x" * 300, {"field": "password", "code": "TOO_LONG"}),
        ("anna@example.org", "aaaaaaaaaaaa", {"field": "password", "code": "TOO_WEAK"}),
        ("anna@example.org", "anna@example.org", {"field": "password", "code": "TOO_WEAK"}),
        ("anna@example.org", "Password123!", {"field": "password", "code": "TOO_WEAK"}),
        ("anna1990@example.org", "Anna1990!!", {"field": "password", "code": "TOO_WEAK"}),
        ("1anna@example.org", "1anna@example.org", {"field": "password", "code": "TOO_WEAK"}),
    ],
)
async def test_what_is_wrong_with_a_new_account_is_said(
    shop: Shop, email: str, password: str, problem: dict[str, str]
) -> None:
    assert await sign_up(shop, email, password) == {"accepted": False, "userErrors": [problem]}


async def test_passwords_are_the_same_however_the_keyboard_writes_them(shop: Shop) -> None:
    email = an_email()
    await sign_up(shop, email, "café au lait \u212b")

    assert (await sign_in(shop, email, "cafe\u0301 au lait \u00c5"))["tokens"] is not None


async def test_a_stolen_refresh_token_that_is_used_again_signs_out_thief_and_owner(shop: Shop) -> None:
    _, signed_in = await a_shopper(shop)
    stolen = signed_in["tokens"]["refreshToken"]
    refreshed = (await shop.data(REFRESH, {"token": stolen}))["refreshSession"]
    owner = authorized(refreshed["tokens"]["accessToken"])
    assert refreshed["user"]["id"] == signed_in["user"]["id"]
    assert not (await shop.ask(VIEWER, headers=owner)).errors

    async with live(shop, refreshed["tokens"]["accessToken"]) as socket:
        assert (await shop.ask(REFRESH, {"token": stolen})).code == "UNAUTHENTICATED"
        assert await closing_code(socket) == 4403

    assert (await shop.ask(VIEWER, headers=owner)).status == 401
    assert (await shop.ask(REFRESH, {"token": refreshed["tokens"]["refreshToken"]})).code == "UNAUTHENTICATED"


async def test_a_new_password_ends_all_other_sign_ins(shop: Shop) -> None:
    email, here = await a_shopper(shop)
    there = await sign_in(shop, email)
    mine = authorized(here["tokens"]["accessToken"])

    wrong = await shop.ask(CHANGE, {"now": "a wrong password", "new": "another three words"}, headers=mine)
    weak = await shop.ask(CHANGE, {"now": PASSWORD, "new": "short"}, headers=mine)
    done = await shop.ask(CHANGE, {"now": PASSWORD, "new": "another three words"}, headers=mine)

    for answer, field, code in ((wrong, "currentPassword", "UNAUTHENTICATED"), (weak, "newPassword", "TOO_SHORT")):
        assert answer.data == {"changePassword": {"changed": False, "userErrors": [{"field": field, "code": code}]}}
    assert done.data == {"changePassword": {"changed": True, "userErrors": []}}
    assert not (await shop.ask(VIEWER, headers=mine)).errors
    assert (await shop.ask(VIEWER, headers=authorized(there["tokens"]["accessToken"]))).status == 401
    assert (await sign_in(shop, email))["tokens"] is None
    assert (await sign_in(shop, email, "another three words"))["tokens"] is not None


async def test_one_sign_in_of_several_is_ended_and_only_by_its_owner(shop: Shop) -> None:
    email, here = await a_shopper(shop)
    there = await sign_in(shop, email)
    mine = authorized(here["tokens"]["accessToken"])
    found = (await shop.ask(SESSIONS, headers=mine)).data
    assert found is not None
    other = next(session["id"] for session in found["sessions"] if not session["current"])
    stranger = authorized((await a_shopper(shop))[1]["tokens"]["accessToken"])

    by_stranger = await shop.ask(SIGN_OUT, {"input": {"sessionId": other}}, headers=stranger)
    by_owner = await shop.ask(SIGN_OUT, {"input": {"sessionId": other}}, headers=mine)

    assert by_stranger.data == {"signOut": {"endedCount": 0}}
    assert by_owner.data == {"signOut": {"endedCount": 1}}
    assert (await shop.ask(VIEWER, headers=authorized(there["tokens"]["accessToken"]))).status == 401
    assert not (await shop.ask(VIEWER, headers=mine)).errors
    assert (await shop.ask(SIGN_OUT)).code == "UNAUTHENTICATED"
    with_refresh = await shop.ask(SIGN_OUT, {"input": {"refreshToken": here["tokens"]["refreshToken"]}})
    assert with_refresh.data == {"signOut": {"endedCount": 1}}


@pytest.fixture(scope="module")
async def strict(stocked: Settings) -> AsyncIterator[Shop]:
    """Few attempts are allowed; a client's address is what `X-Forwarded-For` says."""
    few = {"attempts_per_account": 3, "attempts_per_address": 8, "sign_ins_per_account": 10, "refused_per_address": 4}
    rate: RateSettings = NOBODY_WAITS.model_copy(update=few)
    settings = variant(stocked, rate=rate, own_keys=f"strict-{uuid4().hex[:6]}")
    api = settings.api.model_copy(update={"trusted_proxies": ["127.0.0.1"]})
    async with open_shop(settings.model_copy(update={"api": api})) as served:
        yield served


async def attempt(shop: Shop, email: str, password: str, address: str) -> str:
    variables = {"input": {"email": email, "password": password}}
    answer = await shop.ask(SIGN_IN, variables, headers={"X-Forwarded-For": address})
    if answer.errors:
        assert answer.errors[0]["extensions"]["retryAfter"] > 0
        return answer.code
    assert answer.data is not None
    return "in" if answer.data["signIn"]["tokens"] else "wrong"


async def test_attempts_are_few_for_an_account_and_for_an_address(strict: Shop) -> None:
    email, other = an_email(), an_email()
    for address in (email, other):
        await sign_up(strict, address)
    assert [await attempt(strict, email, PASSWORD, "192.0.2.1") for _ in range(5)] == ["in"] * 5, "right ones are free"

    from_many = [await attempt(strict, email, "a wrong password", f"192.0.2.{number}") for number in range(10, 14)]
    assert from_many == ["wrong"] * 3 + ["RATE_LIMITED"]
    assert await attempt(strict, email, PASSWORD, "192.0.2.1") == "RATE_LIMITED", "the right one gets in no sooner"
    nobody = an_email()
    unknown = [await attempt(strict, nobody, "a wrong password", f"192.0.2.{number}") for number in range(20, 24)]
    assert unknown == from_many, "whether there is an account or not"

    of_one = [await attempt(strict, an_email(), "a wrong password", "192.0.2.99") for _ in range(9)]
    assert of_one == ["wrong"] * 8 + ["RATE_LIMITED"]
    often = [await attempt(strict, other, PASSWORD, "192.0.2.98") for _ in range(11)]
    assert often == ["in"] * 10 + ["RATE_LIMITED"], "right ones too, for each makes work"


async def test_an_address_that_guesses_tokens_waits_and_those_who_are_known_do_not(strict: Shop) -> None:
    mine = await bearer(strict, await new_user(strict))
    key = await strict.resources.api_keys.create("of a program", {Scope.USERS_READ}, None, None)

    async def codes(*authorizations: str) -> list[tuple[int, str]]:
        sent = [{"X-Forwarded-For": "192.0.2.150", "Authorization": each} for each in authorizations]
        answers = [await strict.ask(VIEWER, headers=headers) for headers in sent]
        return [(answer.status, answer.code if answer.errors else "") for answer in answers]

    known = await codes(mine["Authorization"], f"Bearer {key[1]}")
    guessed = await codes("Bearer x", "Basic x", "Bearer wbk_0123456789abcdef_x", "Bearer y", *["Bearer z"] * 2)

    assert known == [(200, ""), (200, "")]
    assert guessed == [(401, "UNAUTHENTICATED")] * 4 + [(429, "RATE_LIMITED")] * 2
    assert await codes(mine["Authorization"], f"Bearer {key[1]}") == known
    other, fresh = {"X-Forwarded-For": "192.0.2.150"}, (await bearer(strict, await new_user(strict)))["Authorization"]
    assert await codes(f"Bearer wbk_{key[0].id}_x") == [(429, "RATE_LIMITED")], "an id is no secret"
    cookie = {**other, "Cookie": f"whybuy-access={fresh.removeprefix('Bearer ')}"}

    async def fresh_one_waits() -> bool:
        await codes("Bearer z")
        answer = await strict.ask(VIEWER, headers=cookie)
        return bool(answer.errors) and answer.code == "RATE_LIMITED"

    await until(fresh_one_waits, "a cookie that is not known being told to wait, rather than nobody's answer")
    assert (await strict.ask(VIEWER, headers=other)).data == {"viewer": None}
    opening = strict.http.ws_connect(f"{strict.url}/graphql", protocols=["graphql-transport-ws"], headers=other)
    async with opening as socket:
        await socket.send_json({"type": "connection_init", "payload": {"authorization": "Bearer z"}})
        assert await closing_code(socket) == 4429
    elsewhere = await strict.ask(VIEWER, headers={"X-Forwarded-For": "192.0.2.151", "Authorization": "Bearer z"})
    assert elsewhere.status == 401


def cookies_of(answer: aiohttp.ClientResponse) -> dict[str, str]:
    return {name: morsel.value for name, morsel in answer.cookies.items()}


async def post(shop: Shop, query: str, variables: dict[str, Any], headers: dict[str, str]) -> aiohttp.ClientResponse:
    body = json.dumps({"query": query, "variables": variables})
    sent = {"Content-Type": "application/json", **headers}
    answer = await shop.http.post(f"{shop.url}/graphql", data=body, headers=sent)
    await answer.read()
    return answer


async def test_a_browser_is_kept_signed_in_by_cookies_that_no_script_and_no_other_site_can_use(shop: Shop) -> None:
    email, own = an_email(), {"Origin": shop.url, "Sec-Fetch-Site": "same-origin"}
    await sign_up(shop, email)
    words = {"input": {"email": email, "password": PASSWORD, "delivery": "COOKIE"}}

    answer = await post(shop, SIGN_IN, words, own)

    assert (await answer.json())["data"]["signIn"]["tokens"] is None
    for morsel in answer.cookies.values():
        assert (morsel["httponly"], morsel["samesite"], morsel["path"]) == (True, "strict", "/")
    jar = "; ".join(f"{name}={value}" for name, value in cookies_of(answer).items())

    async def who(headers: dict[str, str]) -> str | None:
        answer = await post(shop, VIEWER, {}, {"Cookie": jar, **headers})
        viewer = (await answer.json())["data"]["viewer"]
        return viewer["email"] if viewer else None

    assert await who(own) == email.lower()
    for foreign in (
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://sub.shop.example", "Sec-Fetch-Site": "same-site"},
    ):
        assert await who(foreign) is None, foreign
    async with shop.http.ws_connect(
        f"{shop.url}/graphql", protocols=["graphql-transport-ws"], headers={"Cookie": jar, "Origin": shop.url}
    ) as socket:
        await socket.send_json({"type": "connection_init"})
        assert (await socket.receive_json(timeout=20))["type"] == "connection_ack"
        await socket.send_json({"id": "1", "type": "subscribe", "payload": {"query": VIEWER}})
        told = await socket.receive_json(timeout=20)
        assert told["payload"]["data"]["viewer"]["email"] == email.lower()

    sister = {"Origin": "https://sub.shop.example", "Sec-Fetch-Site": "same-site"}
    refused = await post(shop, SIGN_IN, words, sister)
    assert "BAD_USER_INPUT" in await refused.text()
    assert not refused.cookies, "nor can it sign the browser in as somebody else"

    refreshed = await post(shop, REFRESH, {"token": None}, {"Cookie": jar, **own})
    assert (await refreshed.json())["data"]["refreshSession"]["tokens"] is None
    before, jar = jar, "; ".join(f"{name}={value}" for name, value in cookies_of(refreshed).items())
    assert before != jar
    assert await who(own) == email.lower()
    another = authorized((await sign_in(shop, email))["tokens"]["accessToken"])
    by_token = await post(shop, SIGN_OUT, {"input": None}, {"Cookie": jar, **own, **another})
    assert not by_token.cookies, "those are of a sign-in that goes on"
    out = await post(shop, SIGN_OUT, {"input": None}, {"Cookie": jar, **own})
    assert (await out.json())["data"]["signOut"]["endedCount"] == 1
    assert all(value == "" for value in cookies_of(out).values())
    assert await who(own) is None, "a cookie that lets nobody in is as none"


async def test_cookies_are_for_https_alone_where_that_is_served(stocked: Settings) -> None:
    secure = stocked.auth.model_copy(update={"cookie_secure": True})
    async with open_shop(variant(stocked, auth=secure)) as served:
        email, own = an_email(), {"Origin": served.url}
        await sign_up(served, email)
        answer = await post(
            served, SIGN_IN, {"input": {"email": email, "password": PASSWORD, "delivery": "COOKIE"}}, own
        )
        assert sorted(answer.cookies) == ["__Host-whybuy-access", "__Host-whybuy-refresh"]
        assert all(morsel["secure"] for morsel in answer.cookies.values())
        tossed = f"whybuy-access={answer.cookies['__Host-whybuy-access'].value}"
        seen = await post(served, VIEWER, {}, {"Cookie": tossed, **own})
        assert (await seen.json())["data"]["viewer"] is None, "a cookie that another host could have set"


async def test_others_can_check_our_tokens_with_the_keys_that_we_publish(shop: Shop) -> None:
    _, signed_in = await a_shopper(shop)
    async with shop.http.get(f"{shop.url}/.well-known/jwks.json") as response:
        published = await response.json()
        assert "max-age" in response.headers["Cache-Control"]
    token = signed_in["tokens"]["accessToken"]
    kid = jwt.get_unverified_header(token)["kid"]

    key = jwt.PyJWKSet.from_dict(published)[kid]

    claims = jwt.decode(token, key, ["ES256"], issuer="whybuy")
    assert encode_id("User", claims["sub"]) == signed_in["user"]["id"]
    assert all("d" not in key for key in published["keys"])


CREATE_KEY = """
mutation ($scopes: [ApiScope!]!) {
  createApiKey(input: { name: "a test", scopes: $scopes, expiresInDays: 1 }) {
    apiKey { id name scopes } secret userErrors { field }
  }
}
"""
REVOKE_KEY = "mutation ($id: ID!) { revokeApiKey(input: { id: $id }) { apiKey { revokedAt } userErrors { field } } }"


async def test_a_program_does_what_its_scopes_say_until_its_key_is_revoked(shop: Shop) -> None:
    admin = await an_admin(shop)
    someone = encode_id("User", await new_user(shop))
    made = (await shop.ask(CREATE_KEY, {"scopes": ["RECOMMENDATIONS_READ"]}, headers=admin)).data
    assert made is not None
    program = authorized(made["createApiKey"]["secret"])
    lists = "query ($id: ID) { recommendations(input: { userId: $id, limit: 2 }) { items { rank } } }"

    assert not (await shop.ask(lists, {"id": someone}, headers=program)).errors
    assert (await shop.ask(VIEWER, headers=program)).data == {"viewer": None}
    for query, variables in (
        ("query ($id: ID!) { user(id: $id) { email } }", {"id": someone}),
        ("{ users { nodes { id } } }", {}),
        ("{ auditLog { nodes { id } } }", {}),
        ("{ apiKeys { id } }", {}),
        ("mutation { updatePreferences(input: {}) { userErrors { code } } }", {}),
        ('mutation { upsertProducts(input: { products: [{ sku: "x", name: "x" }] }) { products { id } } }', {}),
        (CREATE_KEY, {"scopes": ["USERS_WRITE"]}),
    ):
        assert (await shop.ask(query, variables, headers=program)).code == "FORBIDDEN", query
    node = await shop.ask("query ($id: ID!) { node(id: $id) { id } }", {"id": someone}, headers=program)
    assert node.data == {"node": None}

    async with live(shop, made["createApiKey"]["secret"]) as socket:
        revoked = await shop.ask(REVOKE_KEY, {"id": made["createApiKey"]["apiKey"]["id"]}, headers=admin)
        assert not revoked.errors
        assert await closing_code(socket) == 4403
    assert (await shop.ask(lists, {"id": someone}, headers=program)).status == 401


async def an_admin(shop: Shop) -> dict[str, str]:
    """The headers of an admin of the test's own."""
    id_ = await new_user(shop)
    await shop.resources.stores.database["users"].update_one({"_id": id_}, {"$set": {"role": "admin"}})
    return await bearer(shop, id_)


async def test_a_role_that_is_taken_away_ends_what_was_open_with_it(shop: Shop) -> None:
    admin, id_ = await an_admin(shop), await new_user(shop)
    set_role = (
        "mutation ($id: ID!, $role: Role!) { setUserRole(input: { userId: $id, role: $role }) { user { role } } }"
    )
    wanted = {"id": encode_id("User", id_)}
    await shop.ask(set_role, {**wanted, "role": "STAFF"}, headers=admin)
    member = await bearer(shop, id_)
    assert not (await shop.ask("{ users { nodes { id } } }", headers=member)).errors

    async with live(shop, member["Authorization"].removeprefix("Bearer ")) as socket:
        await shop.ask(set_role, {**wanted, "role": "SHOPPER"}, headers=admin)
        assert await closing_code(socket) == 4403

    assert (await shop.ask("{ users { nodes { id } } }", headers=member)).code == "FORBIDDEN"
    assert (await shop.ask(set_role, {**wanted, "role": "ADMIN"}, headers=member)).code == "FORBIDDEN"
