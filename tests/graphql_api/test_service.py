"""Around GraphQL: health, metrics, the IDE, other transports."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING

from graphql_api.view import STATIC

if TYPE_CHECKING:
    from tests.fixtures.shop import Shop


async def test_health(shop: Shop) -> None:
    async with shop.http.get(f"{shop.url}/health/live") as live:
        assert live.status == 200
    async with shop.http.get(f"{shop.url}/health/ready") as ready:
        assert ready.status == 200
        assert (await ready.json())["parts"] == {"mongodb": "ok", "redis": "ok", "model": "ok"}


async def test_metrics_count_requests(shop: Shop) -> None:
    async def requests() -> float:
        async with shop.http.get(f"{shop.url}/metrics") as response:
            text = await response.text()
        found = re.search(r'whybuy_http_request_seconds_count\{path="/graphql",status="200"\} (\S+)', text)
        return float(found[1]) if found else 0.0

    before = await requests()
    await shop.data("{ model { version } }")

    assert await requests() == before + 1


async def test_graphiql_needs_no_other_host(shop: Shop) -> None:
    async with shop.http.get(f"{shop.url}/graphql", headers={"Accept": "text/html"}) as response:
        page = await response.text()
    assert response.status == 200

    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(addresses) >= 7
    for address in addresses:
        if address.startswith("data:"):
            continue
        assert address.startswith("/graphiql/"), address
        async with shop.http.get(shop.url + address) as asset:
            assert asset.status == 200
            assert len(await asset.read()) == (STATIC / address.removeprefix("/")).stat().st_size


async def test_queries_come_over_get_too(shop: Shop) -> None:
    async with shop.http.get(f"{shop.url}/graphql", params={"query": "{ model { products } }"}) as response:
        assert (await response.json())["data"]["model"]["products"] > 0


async def test_a_subscription_over_server_sent_events(shop: Shop) -> None:
    query = "subscription { recommendationsUpdated { eventId list { items { rank } } } }"
    headers = {"Accept": "text/event-stream", "X-User": "household-250"}
    async with shop.http.post(f"{shop.url}/graphql", json={"query": query}, headers=headers) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        async with asyncio.timeout(20):
            while not (line := (await response.content.readline()).decode()).startswith("data: {"):
                pass
    event = json.loads(line.removeprefix("data: "))
    assert len(event["data"]["recommendationsUpdated"]["list"]["items"]) == 5


async def test_a_web_socket_with_a_bad_token_is_refused(shop: Shop) -> None:
    async with shop.http.ws_connect(f"{shop.url}/graphql", protocols=["graphql-transport-ws"]) as socket:
        await socket.send_json({"type": "connection_init", "payload": {"authorization": "Bearer nonsense"}})
        await socket.receive(timeout=20)
        assert socket.close_code == 4403
