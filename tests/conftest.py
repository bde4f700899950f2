"""Real servers for every test: one `mongod` and one Valkey for each pytest process, a fresh database for each test."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

import hypothesis
import pytest
from pydantic_settings import BaseSettings

from devstack.stack.binaries import find_mongod, find_valkey
from devstack.stack.data_dir import DataDir
from devstack.stack.ports import free_port
from devstack.stack.process import running
from devstack.stack.servers import mongo_server, valkey_server
from shop.settings import ModelSettings, MongoSettings, Settings
from shop.store.database import connect
from tests.fixtures.accounts import auth_settings
from tests.fixtures.memory import quick_folder
from tests.fixtures.redis import redis_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from shop.store.database import Database


pytest_plugins = ["tests.fixtures.shop", "tests.fixtures.aws", "tests.fixtures.job_bodies", "tests.fixtures.terminal"]


def pytest_configure(config: pytest.Config) -> None:
    """The developer's own environment and `.env` say nothing to the tests; nor does the speed of the machine.

    Invented examples are the same in every run, so that a commit that was green stays green; `--hypothesis-profile
    explore` invents new ones, and more of them.
    """
    hypothesis.settings.register_profile("whybuy", deadline=None, derandomize=True)
    hypothesis.settings.register_profile("explore", deadline=None, max_examples=2_000)
    if config.getoption("hypothesis_profile", None) is None:
        hypothesis.settings.load_profile("whybuy")
    prefixes = ["ANTHROPIC_", "OPENAI_"]
    for field in Settings.model_fields.values():
        group = field.annotation
        assert isinstance(group, type)
        assert issubclass(group, BaseSettings)
        group.model_config["env_file"] = None
        prefixes.append(group.model_config["env_prefix"])
    for name in list(os.environ):
        if name.startswith(tuple(prefixes)) and not name.startswith("WHYBUY_TEST_"):
            del os.environ[name]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, then those that need a server, so that no process is left alone with one at
    the end.

    One that needs the shared shop is the very first, and other slow ones come before the next: then its model is
    trained by the time that another process needs it.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    serving, shopping = _needing(items, "mongo_uri", "redis_url"), _needing(items, "stocked")
    first = next((item.path for item in items if item.path in slow & shopping), None)

    def place(item: pytest.Item) -> tuple[bool, ...]:
        path = item.path
        return path != first, path not in slow, path in slow & shopping, path not in serving

    items.sort(key=place)


def _needing(items: list[pytest.Item], *fixtures: str) -> set[Path]:
    """The files with tests that need one of the fixtures."""
    return {item.path for item in items if not set(fixtures).isdisjoint(getattr(item, "fixturenames", ()))}


@pytest.fixture(scope="session")
async def mongo_uri(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A real MongoDB, a replica set of one; `WHYBUY_TEST_MONGODB_URI` names another to use."""
    if uri := os.environ.get("WHYBUY_TEST_MONGODB_URI"):
        yield uri
        return
    folder = tmp_path_factory.mktemp("mongod")
    with quick_folder(folder) as quick:
        server = mongo_server(find_mongod(DataDir(Settings().stack.data_dir).libraries), quick / "data", free_port())
        # In ms. Dropping a database waits for it: 0.1 s by default, in hundreds of tests; 2 ms would keep a CPU busy.
        server = replace(server, command=(*server.command, "--journalCommitInterval", "10"))
        async with running(server, folder / "mongod.log"):
            yield server.url


@pytest.fixture(scope="session")
async def redis_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A real Valkey; `WHYBUY_TEST_REDIS_URL` names another to use."""
    if url := os.environ.get("WHYBUY_TEST_REDIS_URL"):
        yield url
        return
    folder = tmp_path_factory.mktemp("valkey")
    server = valkey_server(find_valkey(), folder / "data", free_port())
    async with running(server, folder / "valkey.log"):
        yield server.url


@pytest.fixture
def settings(mongo_uri: str, redis_url: str, tmp_path: Path) -> Settings:
    """Settings of a shop of its own: a database, keys and a model cache that no other test sees."""
    name = f"test_{uuid4().hex[:12]}"
    return Settings(
        mongo=MongoSettings(uri=mongo_uri, database=name),
        redis=redis_settings(redis_url, name),
        model=ModelSettings(cache_dir=tmp_path / "models"),
        auth=auth_settings(),
    )


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    """The empty database of `settings`, dropped afterwards."""
    client, database = connect(settings.mongo)
    yield database
    await client.drop_database(database.name)
    client.close()
