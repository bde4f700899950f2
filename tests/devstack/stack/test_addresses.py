"""Addresses of databases have passwords: they are shown without, and kept where their owner alone may read."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from devstack.stack.data_dir import DataDir, StackState
from devstack.stack.environment import connected, shown_address
from shop.settings import MongoSettings, RedisSettings, Settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("mongodb://shop:p4ss@a:1,b:2/?replicaSet=rs0", "mongodb://a:1,b:2/"),
        ("mongodb://shop:p@ss@db/?tlsCertificateKeyFilePassword=p4ss", "mongodb://db/"),
        ("rediss://:p4ss@cache:6379/0", "rediss://cache:6379/0"),
        ("redis://cache/0?password=p4ss", "redis://cache/0"),
    ],
)
def test_an_address_is_shown_without_what_is_secret(address: str, shown: str) -> None:
    assert shown_address(address) == shown


def test_the_state_of_a_stack_is_for_its_owner_alone(tmp_path: Path) -> None:
    data = DataDir(tmp_path)
    with data.locked():
        data.write_state(StackState(pid=1, mongo_uri="mongodb://shop:p4ss@db/", redis_url="redis://cache/0"))

        assert stat.S_IMODE((tmp_path / "state.json").stat().st_mode) == 0o600
        state = data.state()

    assert state is not None
    assert state.mongo_uri == "mongodb://shop:p4ss@db/"


def test_files_of_the_users_own_servers_are_not_used_for_those_of_the_stack(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("p4ss")
    named = Settings(
        mongo=MongoSettings(uri="mongodb://shop@db/", password_file=password),
        redis=RedisSettings(url="redis://cache/0", password_file=password),
    )
    data = DataDir(tmp_path)

    own = connected(named, data, "mongodb://127.0.0.1:1/", "redis://127.0.0.1:2/0")
    users = connected(named, data, "mongodb://shop@db/", "redis://cache/0")

    assert (own.mongo.password, own.redis.password) == (None, None)
    assert (users.mongo.password, users.redis.password) == ("p4ss", "p4ss")
