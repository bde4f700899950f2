"""What a shop in production shows to strangers, and documents that are named by their hashes."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from graphql import get_introspection_query

from graphql_api.admission.persisted import TrustedDocuments
from shop.errors import BadInputError
from shop.settings import ApiSettings, StackSettings
from tests.fixtures.accounts import bearer
from tests.fixtures.shop import Shop, open_shop, variant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from shop.settings import Settings

MODEL = "{ model { version } }"


@pytest.fixture(scope="module")
async def closed(stocked: Settings) -> AsyncIterator[Shop]:
    """In production, with the settings that it has by itself."""
    settings = variant(stocked.model_copy(update={"api": ApiSettings()}), stack=StackSettings(env="production"))
    async with open_shop(settings) as served:
        yield served


async def test_strangers_may_not_ask_for_the_schema_and_staff_may(closed: Shop) -> None:
    hidden = "{ ...F } fragment F on Query { __schema { types { name } } }"
    for query in (get_introspection_query(), '{ __type(name: "User") { name } }', hidden):
        answer = await closed.ask(query)
        assert answer.errors[0]["extensions"]["code"] == "FORBIDDEN"
        assert answer.data is None
    assert not (await closed.ask(get_introspection_query(), headers=await bearer(closed, "demo-staff"))).errors
    assert (await closed.data("{ __typename }")) == {"__typename": "Query"}


async def test_errors_give_no_hints_of_names_that_strangers_may_not_ask_for(closed: Shop, shop: Shop) -> None:
    hidden, shown = await closed.ask("{ modell { version } }"), await shop.ask("{ modell { version } }")

    assert "Did you mean" in shown.errors[0]["message"]
    assert "Did you mean" not in hidden.errors[0]["message"]


async def test_graphiql_is_for_development(closed: Shop, shop: Shop) -> None:
    for served, status in ((shop, 200), (closed, 400)):
        async with served.http.get(f"{served.url}/graphql", headers={"Accept": "text/html"}) as response:
            assert response.status == status
    for served, status in ((shop, 200), (closed, 404)):
        async with served.http.get(f"{served.url}/graphiql/start.js") as response:
            assert response.status == status


async def test_metrics_are_for_those_who_have_the_token(closed: Shop, shop: Shop, stocked: Settings) -> None:
    async with shop.http.get(f"{shop.url}/metrics") as response:
        assert response.status == 200
    async with closed.http.get(f"{closed.url}/metrics") as response:
        assert response.status == 401
    api = ApiSettings(metrics_token="a-token-for-prometheus")
    settings = variant(stocked.model_copy(update={"api": api}), stack=StackSettings(env="production"))
    async with open_shop(settings) as served:
        for token, status in (("a-token-for-prometheus", 200), ("another", 401)):
            headers = {"Authorization": f"Bearer {token}"}
            async with served.http.get(f"{served.url}/metrics", headers=headers) as response:
                assert response.status == status


async def test_every_answer_tells_browsers_what_to_forbid_and_not_who_serves(closed: Shop, shop: Shop) -> None:
    for served in (closed, shop):
        for path in ("/graphql?query={__typename}", "/health/live", "/nowhere", "/graphql"):
            async with served.http.get(f"{served.url}{path}") as response:
                assert response.headers["X-Content-Type-Options"] == "nosniff"
                assert response.headers["X-Frame-Options"] == "DENY"
                assert response.headers["Referrer-Policy"] == "no-referrer"
                assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
                assert "Server" not in response.headers


# Documents by their hashes


def persisted(text: str) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": hashlib.sha256(text.encode()).hexdigest()}}


async def send(served: Shop, body: dict[str, Any]) -> dict[str, Any]:
    async with served.http.post(f"{served.url}/graphql", json=body) as response:
        return dict(await response.json())


async def test_a_client_sends_a_document_once_and_then_its_hash(shop: Shop) -> None:
    text = f"query Once{uuid4().hex} {{ model {{ version }} }}"

    unknown = await send(shop, {"extensions": persisted(text)})
    first = await send(shop, {"query": text, "extensions": persisted(text)})
    again = await send(shop, {"extensions": persisted(text)})
    params = {"extensions": json.dumps(persisted(text))}
    async with shop.http.get(f"{shop.url}/graphql", params=params) as response:
        by_get = await response.json()

    (error,) = unknown["errors"]
    assert (error["message"], error["extensions"]["code"]) == ("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND")
    assert first["data"]["model"]["version"]
    assert again["data"] == by_get["data"] == first["data"]


@pytest.mark.parametrize(
    "extensions",
    [
        {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}},
        {"persistedQuery": {"version": 2, "sha256Hash": "0" * 64}},
        {"persistedQuery": {"version": 1, "sha256Hash": 7}},
        {"persistedQuery": {}},
    ],
)
async def test_a_hash_of_something_else_is_refused(shop: Shop, extensions: dict[str, Any]) -> None:
    answer = await send(shop, {"query": MODEL, "extensions": extensions})

    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_where_documents_are_trusted_no_other_runs(stocked: Settings, tmp_path: Path) -> None:
    path = tmp_path / "documents.json"
    path.write_text(json.dumps({"sha256:abc": MODEL, "def": "subscription { modelActivated { eventId } }"}))
    api = ApiSettings(trusted_documents=path)
    async with open_shop(variant(stocked.model_copy(update={"api": api}))) as served:
        by_id = await send(served, {"documentId": "sha256:abc"})
        by_hash = await send(served, {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "abc"}}})
        by_text = await send(served, {"query": MODEL})
        others = [await send(served, {"query": "{ __typename }"}), await send(served, {"documentId": "ghi"})]
        socket = served.http.ws_connect(f"{served.url}/graphql", protocols=["graphql-transport-ws"])
        async with socket as opened:
            await opened.send_json({"type": "connection_init"})
            await opened.receive_json()
            payload = {"query": "subscription { productUpdated { eventId } }"}
            await opened.send_json({"type": "subscribe", "id": "1", "payload": payload})
            over_socket = await opened.receive_json()

    assert by_id["data"] == by_hash["data"] == by_text["data"]
    codes = [answer["errors"][0]["extensions"]["code"] for answer in others]
    assert codes == ["FORBIDDEN", "PERSISTED_QUERY_NOT_FOUND"]
    assert over_socket["payload"][0]["extensions"]["code"] == "FORBIDDEN"


@pytest.mark.parametrize("content", ["[", "[]", '{"abc": 1}'])
def test_a_file_of_documents_that_is_none_is_told_at_the_start(tmp_path: Path, content: str) -> None:

    path = tmp_path / "documents.json"
    path.write_text(content)

    with pytest.raises(BadInputError, match="API_TRUSTED_DOCUMENTS"):
        TrustedDocuments.load(path)
