"""A shop of its own for each measurement: real MongoDB and Valkey, a sample of the demo data, a trained model."""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from devstack.bench.serving import Connection
from devstack.stack.binaries import find_mongod, find_valkey
from devstack.stack.data_dir import DataDir
from devstack.stack.environment import child_environment, connected
from devstack.stack.ports import HOST, free_port
from devstack.stack.process import running
from devstack.stack.programs import api_program, worker_program
from devstack.stack.servers import mongo_server, valkey_server
from graphql_api.relay import decode_id, encode_id
from shop.entities.events import Topic
from shop.resources.serving import open_serving
from shop.settings import MongoSettings, RedisSettings, Settings
from shop.store.database import iterate
from shop.store.event_log import EventLog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from shop.entities.explanations import Explanation
    from shop.resources.serving import ServingResources

QUERY = """
query ($input: RecommendationInput) {
  recommendations(input: $input) { items { product { id } explanation { status } } }
}
"""


@dataclass(frozen=True, slots=True)
class Ask:
    """A list that a shopper asks for; `seeds` are the products that the page is about."""

    user: str
    scenario: str
    limit: int
    seeds: tuple[str, ...] = ()

    def request(self) -> bytes:
        seeds = [encode_id("Product", id_) for id_ in self.seeds]
        given: dict[str, Any] = {"scenario": self.scenario, "limit": self.limit} | (
            {"productIds": seeds} if seeds else {}
        )
        body = orjson.dumps({"query": QUERY, "variables": {"input": given}})
        head = f"POST /graphql HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nX-User: {self.user}\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@dataclass(frozen=True, slots=True)
class BenchShop:
    """`settings` name its databases; everything is gone when the measurement is over."""

    settings: Settings
    data: DataDir

    async def shoppers(self, count: int) -> list[str]:
        """Shoppers of the demo data, always the same ones. Raises ClickException when there are not as many."""
        async with open_serving(self.settings, start=False) as resources:
            query = {"role": "shopper"}
            found = sorted(
                [row["_id"] async for row in iterate(resources.stores.database, "users", query, fields=["_id"])]
            )
        if len(found) < count:
            raise click.ClickException(f"There are {len(found)} shoppers only; --households makes more.")
        return found[:count]

    async def favourites(self, count: int) -> list[str]:
        """Products that most shoppers have bought."""
        async with open_serving(self.settings, start=False) as resources:
            return [product.id async for product in resources.stores.catalog.most_popular(count)]

    @contextlib.asynccontextmanager
    async def serving(self, name: str, writer: Mapping[str, str]) -> AsyncIterator[Front]:
        """API and worker with a writer of texts, and with queue, cache and event log of their own."""
        redis = self.settings.redis.model_copy(update={"prefix": f"bench-{name}"})
        settings = self.settings.model_copy(update={"redis": redis})
        environment = child_environment(settings, self.data) | {
            "MONGODB_DATABASE": settings.mongo.database,
            "REDIS_PREFIX": redis.prefix,
            "WHYBUY_ENV": "development",
            "WHYBUY_LOG_LEVEL": "INFO",
            "WHYBUY_LOG_JSON": "true",
            **writer,
        }
        api = api_program(environment, HOST, free_port())
        log = self.data.logs / f"{name}-worker.log"
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(running(api, self.data.logs / f"{name}-api.log"))
            await stack.enter_async_context(running(worker_program(environment), log))
            resources = await stack.enter_async_context(open_serving(settings, start=False))
            connection = await Connection.open(api.port or 0)
            stack.push_async_callback(connection.close)
            yield Front(connection, resources, log)


@dataclass(frozen=True, slots=True)
class Front:
    """A served shop: where lists are asked for, and where their texts are found."""

    connection: Connection
    resources: ServingResources
    worker_log: Path

    async def ask(self, ask: Ask) -> tuple[list[tuple[str, str]], float]:
        """Who and what was recommended, for each text on order, and the seconds that the answer took."""
        request = ask.request()
        began = time.perf_counter()
        body = await self.connection.post(request)
        seconds = time.perf_counter() - began
        items = orjson.loads(body)["data"]["recommendations"]["items"]
        pending = [item["product"]["id"] for item in items if item["explanation"]["status"] in {"PENDING", "STALE"}]
        return [(ask.user, decode_id("Product", id_)) for id_ in pending], seconds

    async def announced(self) -> Counter[str]:
        """How often each text, by its key, was announced as ready."""
        log = EventLog(self.resources.stores.redis, self.resources.stores.redis, self.resources.stores.keys)
        newest, at, keys = await log.newest_id(), "0-0", Counter[str]()
        while events := await log.between(at, newest):
            keys.update(event.data["key"] for event in events if event.topic is Topic.EXPLANATION_READY)
            at = events[-1].id
        return keys

    async def texts(self, keys: Iterable[str]) -> dict[str, Explanation]:
        """The stored texts of these keys."""
        return await self.resources.stores.explanations.stored(list(keys))

    def said(self) -> Counter[str]:
        """What the worker said about the provider, counted: failures by their error, texts that were not proved."""
        counts: Counter[str] = Counter()
        for line in self.worker_log.read_text().splitlines():
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                if str(entry.get("event", "")).startswith("llm."):
                    counts[" ".join(filter(None, (entry["event"], entry.get("error"))))] += 1
        return counts


@contextlib.asynccontextmanager
async def bench_shop(households: int) -> AsyncIterator[BenchShop]:
    """A freshly seeded and trained shop in a temporary folder."""
    libraries = DataDir(Settings().stack.data_dir).libraries
    async with contextlib.AsyncExitStack() as stack:
        data = DataDir(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="whybuy-bench-"))))
        mongod = mongo_server(find_mongod(libraries), data.mongod, free_port())
        valkey = valkey_server(find_valkey(), data.valkey, free_port())
        for program in (mongod, valkey):
            await stack.enter_async_context(running(program, data.logs / f"{program.name}.log"))
        bare = Settings().model_copy(update={"mongo": MongoSettings(database="bench"), "redis": RedisSettings()})
        bare = bare.model_copy(update={"model": bare.model.model_copy(update={"cache_dir": data.models})})
        settings = connected(bare, data, mongod.url, valkey.url)
        await _fill(settings, households)
        yield BenchShop(settings, data)


async def _fill(settings: Settings, households: int) -> None:
    from mongo_seed.seed import seed
    from workers.training.run import train_and_activate

    async with open_serving(settings, start=False) as resources:
        click.echo(f"seeding {households} households", err=True)
        await seed(resources.stores.database, sample=households)
        click.echo("training", err=True)
        await train_and_activate(resources.training, guarded=False)
