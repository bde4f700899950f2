"""`/health/ready` says what an operator has to correct, and keeps the secret. The servers really ask for passwords."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import OperationFailure
from redis.asyncio import Redis

from devstack.stack.binaries import find_mongod, find_valkey
from devstack.stack.data_dir import DataDir
from devstack.stack.ports import HOST, free_port
from devstack.stack.process import accepts, running
from devstack.stack.servers import mongo_server, valkey_server
from shop.errors import UnavailableError
from shop.settings import ApiSettings, ModelSettings, MongoSettings, RedisSettings, Settings
from shop.store.database import store_errors
from tests.fixtures.shop import open_shop
from tests.fixtures.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SECRET, WRONG = "s3cret-0815", "wr0ng-4711"


@pytest.fixture(scope="module")
async def mongo(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A MongoDB with three users: one that may do what the shop needs, one that may only read, and its maker."""
    folder = tmp_path_factory.mktemp("mongod-auth")
    port = free_port()
    server = mongo_server(find_mongod(DataDir(Settings().stack.data_dir).libraries), folder / "data", port)
    at = server.command.index("--replSet")
    # A member of a replica set would need a key file.
    alone = (*server.command[:at], *server.command[at + 2 :], "--auth")

    async def ready() -> bool:
        return await accepts(HOST, port)

    async with running(replace(server, command=alone, ready=ready), folder / "mongod.log"):
        # Without any user, who comes from the same machine may make the first one.
        first: AsyncIOMotorClient[Any] = AsyncIOMotorClient(f"mongodb://{HOST}:{port}")
        await first.admin.command("createUser", "root", pwd=SECRET, roles=["root"])
        first.close()
        root: AsyncIOMotorClient[Any] = AsyncIOMotorClient(f"mongodb://root:{SECRET}@{HOST}:{port}")
        for name, role in (("shop", "readWriteAnyDatabase"), ("reader", "readAnyDatabase")):
            await root.admin.command("createUser", name, pwd=SECRET, roles=[role])
        root.close()
        yield f"{HOST}:{port}"


@pytest.fixture(scope="module")
async def redis(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A Valkey with a password, and a user who may do nothing."""
    folder = tmp_path_factory.mktemp("valkey-auth")
    port = free_port()
    server = valkey_server(find_valkey(), folder / "data", port)

    async def ready() -> bool:
        return await accepts(HOST, port)

    command = (*server.command, "--requirepass", SECRET)
    async with running(replace(server, command=command, ready=ready), folder / "valkey.log"):
        async with Redis.from_url(f"redis://:{SECRET}@{HOST}:{port}") as client:
            await client.execute_command("ACL", "SETUSER", "idle", "on", f">{SECRET}", "~*", "-@all")
        yield f"{HOST}:{port}"


async def says(tmp_path: Path, part: str, beginning: str, **addresses: str) -> str:
    """All that the API answers once its readiness says this of a part."""
    settings = Settings(
        mongo=MongoSettings(uri=addresses["mongo"], database="shop", timeout_ms=2_000),
        redis=RedisSettings(url=addresses["redis"]),
        model=ModelSettings(cache_dir=tmp_path / "models"),
        api=ApiSettings(port=free_port()),
    )
    async with open_shop(settings) as shop:
        answer = ""

        async def is_said() -> bool:
            nonlocal answer
            async with shop.http.get(f"{shop.url}/health/ready") as response:
                answer = await response.text()
                return bool((await response.json())["parts"][part].startswith(beginning))

        await until(is_said, f"{part}: {beginning}", 30)
        return answer


@pytest.mark.parametrize(
    ("credentials", "expected"),
    [
        (f"shop:{SECRET}@", "ok"),
        (f"shop:{WRONG}@", "MongoDB refuses the user name or password of MONGODB_URI."),
        ("", "MongoDB wants a user name and a password, and MONGODB_URI has none."),
        (f"reader:{SECRET}@", "MongoDB gives the user of MONGODB_URI too few rights."),
    ],
    ids=["right", "wrong password", "no user", "read only"],
)
async def test_mongodb_that_does_not_let_us_in_is_not_called_away(
    mongo: str, redis_url: str, tmp_path: Path, credentials: str, expected: str, capfd: pytest.CaptureFixture[str]
) -> None:
    said = await says(tmp_path, "mongodb", expected, mongo=f"mongodb://{credentials}{mongo}", redis=redis_url)

    keeps_secrets(said + "".join(capfd.readouterr()))


@pytest.mark.parametrize(
    ("credentials", "expected"),
    [
        (f":{SECRET}@", "ok"),
        (f":{WRONG}@", "Redis refuses the user name or password of REDIS_URL."),
        ("", "Redis wants a password, and REDIS_URL has none."),
        (f"idle:{SECRET}@", "Redis gives the user of REDIS_URL too few rights."),
    ],
    ids=["right", "wrong password", "no password", "no rights"],
)
async def test_redis_that_does_not_let_us_in_is_not_called_away(
    redis: str, mongo_uri: str, tmp_path: Path, credentials: str, expected: str, capfd: pytest.CaptureFixture[str]
) -> None:
    said = await says(tmp_path, "redis", expected, mongo=mongo_uri, redis=f"redis://{credentials}{redis}/0")

    keeps_secrets(said + "".join(capfd.readouterr()))


def keeps_secrets(text: str) -> None:
    assert not [secret for secret in (SECRET, WRONG) if secret in text]


def test_atlas_says_it_in_its_own_way() -> None:
    with pytest.raises(UnavailableError, match="refuses the user name or password"), store_errors():
        raise OperationFailure("bad auth : authentication failed", 8000)
    with pytest.raises(OperationFailure), store_errors():
        raise OperationFailure("this cluster tier does not support it", 8000)
