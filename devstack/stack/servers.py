"""Real MongoDB and Valkey on loopback ports: how each is started, and when it is ready."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from devstack.stack.ports import HOST
from devstack.stack.process import Program, accepts

if TYPE_CHECKING:
    from pathlib import Path

    from devstack.stack.binaries import Binary


def mongo_server(binary: Binary, data: Path, port: int) -> Program:
    """A one-node replica set (transactions and change streams need one) with its data in the folder `data`."""
    data.mkdir(parents=True, exist_ok=True)
    member = f"{HOST}:{port}"
    parameters = {
        "diagnosticDataCollectionEnabled": "false",
        # The default waits 15 s on SIGTERM for a secondary that is not there.
        "shutdownTimeoutMillisForSignaledShutdown": "100",
    }
    command = (
        *(str(binary.path), "--dbpath", str(data), "--port", str(port), "--bind_ip", HOST, "--nounixsocket"),
        *("--replSet", "rs0", "--oplogSize", "64", "--wiredTigerCacheSizeGB", "0.25", "--quiet"),
        *(part for name, value in parameters.items() for part in ("--setParameter", f"{name}={value}")),
        # 17 MB on disk instead of 300: journal files are neither large nor allocated ahead.
        *("--wiredTigerEngineConfigString", "log=(enabled=true,file_max=16MB,prealloc=false),file_extend=()"),
    )

    async def ready() -> bool:
        from shop.store.admin import initiate_replica_set, is_primary

        if not await accepts(HOST, port):
            return False
        uri = mongo_address(port)
        await initiate_replica_set(uri, member)
        return await is_primary(uri)

    url = f"{mongo_address(port)}/?replicaSet=rs0"
    return Program("mongod", command, binary.environment, ready, port, url, signal.SIGTERM)


def mongo_address(port: int) -> str:
    """The server itself, whether or not it is the primary of a replica set yet."""
    return f"mongodb://{HOST}:{port}"


def valkey_server(binary: Binary, data: Path, port: int) -> Program:
    """Valkey (or Redis) with an append-only file in the folder `data`: a crash of the process loses nothing."""
    data.mkdir(parents=True, exist_ok=True)
    url = f"redis://{HOST}:{port}/0"
    command = (
        *(str(binary.path), "--port", str(port), "--bind", HOST, "--dir", str(data)),
        *("--appendonly", "yes", "--save", "", "--daemonize", "no", "--loglevel", "notice"),
    )

    async def ready() -> bool:
        from shop.store.admin import redis_ready

        return await accepts(HOST, port) and await redis_ready(url)

    return Program("valkey", command, binary.environment, ready, port, url, signal.SIGTERM)
