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

from devstack.bench.client import Connection, graphql_request
from devstack.bench.databases import announced_texts, own_databases, shopper_ids
from devstack.stack.data_dir import DataDir
from devstack.stack.environment import child_environment
from devstack.stack.ports import HOST, free_port
from devstack.stack.process import running
from devstack.stack.programs import api_program, worker_program
from graphql_api.relay import decode_id, encode_id
from shop.resources.stores import open_stores
from shop.resources.training import open_training
from shop.settings import MongoSettings, RedisSettings, Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from shop.entities.explanations import Explanation
    from shop.resources.stores import Stores

QUERY = """
query ($input: RecommendationInput) {
  recommendations(input: $input) { items { product { id name } reasons { kind } explanation { status text } } }
}
"""


@dataclass(frozen=True, slots=True)
class ListRequest:
    """A list that a shopper asks for; `seeds` are the products that the page is about."""

    user: str
    scenario: str
    limit: int
    seeds: tuple[str, ...] = ()
    locale: str | None = None

    def encoded(self) -> bytes:
        seeds = [encode_id("Product", id_) for id_ in self.seeds]
        given: dict[str, Any] = {"scenario": self.scenario, "limit": self.limit, "context": {"locale": self.locale}}
        return graphql_request(
            QUERY, {"input": given | ({"productIds": seeds} if seeds else {})}, {"X-User": self.user}
        )


@dataclass(frozen=True, slots=True)
class Told:
    """A product of a list, the kinds of its reasons, and what they read like."""

    product: str
    kinds: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class BenchShop:
    """`settings` name its databases; everything is gone when the measurement is over."""

    settings: Settings
    data: DataDir

    async def shoppers(self, count: int) -> list[str]:
        """Shoppers of the demo data, always the same ones. Raises ClickException when there are not as many."""
        async with open_stores(self.settings) as stores:
            found = await shopper_ids(stores.database)
        if len(found) < count:
            raise click.ClickException(f"There are {len(found)} shoppers only; --households makes more.")
        return found[:count]

    async def best_sellers(self, count: int) -> list[str]:
        """Products that most shoppers have bought."""
        async with open_stores(self.settings) as stores:
            return [product.id async for product in stores.catalog.most_popular(count)]

    @contextlib.asynccontextmanager
    async def serving(self, name: str, writer: Mapping[str, str]) -> AsyncIterator[ServedShop]:
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
            stores = await stack.enter_async_context(open_stores(settings))
            connection = await Connection.open(api.port or 0)
            stack.push_async_callback(connection.close)
            yield ServedShop(connection, stores, log)


@dataclass(frozen=True, slots=True)
class ServedShop:
    """An API to ask for lists, and the stores that their texts are in."""

    connection: Connection
    stores: Stores
    worker_log: Path

    async def ask(self, wanted: ListRequest) -> tuple[list[tuple[str, str]], float]:
        """(user, product) of each text that is not written yet, and the seconds that the answer took."""
        items, seconds = await self._ask(wanted)
        pending = [item["product"]["id"] for item in items if item["explanation"]["status"] in {"PENDING", "STALE"}]
        return [(wanted.user, decode_id("Product", id_)) for id_ in pending], seconds

    async def told(self, wanted: ListRequest) -> list[Told]:
        """The items of a list whose texts are there."""
        items, _ = await self._ask(wanted)
        return [
            Told(
                item["product"]["name"],
                tuple(reason["kind"] for reason in item["reasons"]),
                item["explanation"]["text"],
            )
            for item in items
            if item["explanation"]["text"]
        ]

    async def _ask(self, wanted: ListRequest) -> tuple[list[dict[str, Any]], float]:
        """The items, and the seconds that the answer took."""
        request = wanted.encoded()
        began = time.perf_counter()
        body = await self.connection.post(request)
        seconds = time.perf_counter() - began
        return orjson.loads(body)["data"]["recommendations"]["items"], seconds

    async def announced(self) -> Counter[str]:
        return await announced_texts(self.stores.event_log)

    async def texts(self, keys: Iterable[str]) -> dict[str, Explanation]:
        """The stored texts of these keys."""
        return await self.stores.explanations.stored(list(keys))

    def provider_events(self) -> Counter[str]:
        """What the worker logged of the provider, counted: failures by their error, texts that were not grounded."""
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
    with tempfile.TemporaryDirectory(prefix="whybuy-bench-") as folder:
        data = DataDir(Path(folder))
        bare = Settings().model_copy(update={"mongo": MongoSettings(database="bench"), "redis": RedisSettings()})
        bare = bare.model_copy(update={"model": bare.model.model_copy(update={"cache_dir": data.models})})
        async with own_databases(bare, data) as settings:
            await _fill(settings, households)
            yield BenchShop(settings, data)


async def _fill(settings: Settings, households: int) -> None:
    from mongo_seed.seed import seed
    from workers.training.pipeline import train_and_activate

    async with open_training(settings) as resources:
        click.echo(f"seeding {households} households", err=True)
        await seed(resources.stores.database, sample=households)
        click.echo("training", err=True)
        await train_and_activate(resources, guarded=False)
