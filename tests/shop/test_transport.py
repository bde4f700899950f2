"""TLS and passwords on real servers: what is right works, and each thing that is wrong has a sentence of its own."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from devstack.stack.ports import HOST
from shop.errors import BadInputError, UnavailableError
from shop.setting_files import read_settings
from shop.settings import MongoSettings, RedisSettings, Settings
from shop.store import database as mongo
from shop.store import redis
from tests.fixtures.secure import SecureDatabases, secure_databases
from tests.fixtures.terminator import tls_in_front_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

QUICK_MS = 500
PLANTED = "pl4nted-p4ssword"
DRIVERS_WORDS = ("SSL", "ssl", "errno", "Errno", "Topology", "Traceback", "_ssl.c", "-----", HOST)


@pytest.fixture(scope="module")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SecureDatabases]:
    async with secure_databases(tmp_path_factory.mktemp("secure")) as found:
        yield found


@dataclass(frozen=True)
class Certificates:
    """PEM files; `elsewhere` and `expired` are of the authority `ca`, `other_ca` is that of nothing."""

    ca: Path
    other_ca: Path
    server: Path
    elsewhere: Path
    expired: Path
    client: Path
    wrong_password: Path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder, authority, other = tmp_path_factory.mktemp("certificates"), trustme.CA(), trustme.CA()
    of = Certificates(*(folder / name for name in Certificates.__annotations__))
    authority.cert_pem.write_to_path(str(of.ca))
    other.cert_pem.write_to_path(str(of.other_ca))
    ended = datetime(2024, 1, 1, tzinfo=UTC)
    made = {
        of.server: authority.issue_cert(HOST),
        of.elsewhere: authority.issue_cert("elsewhere.example"),
        of.expired: authority.issue_cert(HOST, not_before=datetime(2023, 1, 1, tzinfo=UTC), not_after=ended),
        of.client: authority.issue_cert("shop@client.example"),
    }
    for path, certificate in made.items():
        certificate.private_key_and_cert_chain_pem.write_to_path(str(path))
    of.wrong_password.write_text(f"{PLANTED}\n")
    return of


@pytest.fixture(scope="module")
def showing(servers: SecureDatabases) -> Iterator[Callable[..., int]]:
    """The port of a terminator with a certificate, in front of Valkey; no test of MongoDB gets beyond its handshake."""
    with contextlib.ExitStack() as stack:
        ports: dict[Any, int] = {}

        def port(certificate: Path, clients_of: Path | None = None) -> int:
            key = certificate, clients_of
            if key not in ports:
                ports[key] = stack.enter_context(tls_in_front_of(servers.plain_redis_port, certificate, clients_of))
            return ports[key]

        yield port


async def mongo_says(settings: MongoSettings) -> str:
    """`ok`, or the message of the error; that of a read, which does not ask as thoroughly, is no driver's either."""
    client, database = mongo.connect(settings)
    try:
        await mongo.require_writes(database)
    except UnavailableError as error:
        return error.message
    finally:
        client.close()
    return "ok"


async def redis_says(settings: RedisSettings) -> str:
    client = redis.connect(settings)
    try:
        await redis.ping(client)
    except UnavailableError as error:
        return error.message
    finally:
        await client.aclose()
        await client.connection_pool.disconnect()
    return "ok"


def is_plain(message: str) -> bool:
    """At most three sentences, without a driver's words."""
    return len(message) < 260 and not [word for word in DRIVERS_WORDS if word in message]


async def test_both_let_the_application_in_over_tls(servers: SecureDatabases) -> None:
    assert await mongo_says(servers.mongo()) == "ok"
    assert await redis_says(servers.redis()) == "ok"


async def test_a_password_may_also_be_in_the_address(servers: SecureDatabases) -> None:
    secret, other = (servers.password_file(name).read_text() for name in ("mongo", "valkey"))
    uri = servers.mongo_uri.replace("whybuy@", f"whybuy:{secret}@")
    url = servers.redis_url.replace("whybuy@", f"whybuy:{other}@")

    assert await mongo_says(servers.mongo(uri=uri, password_file=None)) == "ok"
    assert await redis_says(servers.redis(url=url, password_file=None)) == "ok"


async def test_mongodb_names_what_is_wrong_with_the_connection(
    servers: SecureDatabases, files: Certificates, showing: Callable[..., int], mongo_uri: str
) -> None:
    def at(port: int) -> dict[str, Any]:
        return {"uri": f"mongodb://{HOST}:{port}/?directConnection=true", "password_file": None}

    plain = {"tls_ca_file": None, "uri": servers.mongo_uri.replace("&tls=true", "")}
    nobody = {"uri": servers.mongo_uri.replace("whybuy@", ""), "password_file": None}
    reader = {"uri": servers.mongo_uri.replace("whybuy@", "reader@")}
    expected: dict[str, dict[str, Any]] = {
        "MongoDB has a certificate of an authority that is not trusted here. Name the file of its authority in "
        "MONGODB_TLS_CA_FILE.": {"tls_ca_file": files.other_ca},
        "MongoDB has a certificate that has expired. Renew it": {**at(showing(files.expired)), "tls_ca_file": files.ca},
        "MongoDB has a certificate for another host name than that of MONGODB_URI. Use a name": {
            **at(showing(files.elsewhere)),
            "tls_ca_file": files.ca,
        },
        "MongoDB closes our connections at once. If it wants TLS, add tls=true to MONGODB_URI;": plain,
        "MongoDB does not speak TLS at the address of MONGODB_URI. Turn TLS on": {
            "uri": mongo_uri,
            "password_file": None,
        },
        "MongoDB refuses the user name or password of MONGODB_URI. Check them, the authSource, and "
        "MONGODB_PASSWORD_FILE": {"password_file": files.wrong_password},
        "MongoDB wants a user name and a password, and MONGODB_URI has none.": nobody,
        "MongoDB gives the user of MONGODB_URI too few rights.": reader,
    }
    for beginning, changes in expected.items():
        said = await mongo_says(servers.mongo(timeout_ms=QUICK_MS, **changes))
        assert said.startswith(beginning)
        assert is_plain(said)


async def test_redis_names_what_is_wrong_with_the_connection(
    servers: SecureDatabases, files: Certificates, showing: Callable[..., int]
) -> None:
    def at(port: int, scheme: str = "rediss") -> str:
        return f"{scheme}://whybuy@{HOST}:{port}/0"

    clients = showing(files.server, files.ca)
    expected: dict[str, dict[str, Any]] = {
        "Redis has a certificate of an authority that is not trusted here. Name the file of its authority in "
        "REDIS_TLS_CA_FILE.": {"tls_ca_file": files.other_ca},
        "Redis has a certificate that has expired. Renew it": {
            "url": at(showing(files.expired)),
            "tls_ca_file": files.ca,
        },
        "Redis has a certificate for another host name than that of REDIS_URL. Use a name": {
            "url": at(showing(files.elsewhere)),
            "tls_ca_file": files.ca,
        },
        "Redis wants TLS. Let REDIS_URL begin with rediss://.": {
            "url": at(servers.redis_port, "redis"),
            "tls_ca_file": None,
        },
        "Redis does not speak TLS at the address of REDIS_URL. Turn TLS on": {"url": at(servers.plain_redis_port)},
        "Redis closes our connections at once. If it asks for a certificate, name the file of ours in "
        "REDIS_TLS_CERTIFICATE_FILE.": {"url": at(clients), "tls_ca_file": files.ca},
        "Redis refuses the user name or password of REDIS_URL. Check them, and REDIS_PASSWORD_FILE": {
            "password_file": files.wrong_password
        },
        "Redis wants a password, and REDIS_URL has none.": {
            "url": servers.redis_url.replace("whybuy@", ""),
            "password_file": None,
        },
    }
    for beginning, changes in expected.items():
        said = await redis_says(servers.redis(**({"timeout_seconds": 1} | changes)))
        assert said.startswith(beginning)
        assert is_plain(said)


async def test_a_certificate_of_ours_is_shown_to_who_asks_for_one(
    servers: SecureDatabases, files: Certificates, showing: Callable[..., int]
) -> None:
    url = f"rediss://whybuy@{HOST}:{showing(files.server, files.ca)}/0"
    own = servers.redis(url=url, tls_ca_file=files.ca, tls_certificate_file=files.client)

    assert await redis_says(own) == "ok"


def test_no_setting_turns_the_checks_off() -> None:
    wrong = [
        (MongoSettings, {"uri": f"mongodb://shop:{PLANTED}@db/?tls=true&tlsInsecure=true"}),
        (MongoSettings, {"uri": f"mongodb://shop:{PLANTED}@db/?tls=true&TLSAllowInvalidCertificates=true"}),
        (MongoSettings, {"uri": f"mongodb://shop:{PLANTED}@db/?tls=true&tlsAllowInvalidHostnames=true"}),
        (RedisSettings, {"url": f"rediss://:{PLANTED}@db/0?ssl_cert_reqs=none"}),
        (RedisSettings, {"url": f"rediss://:{PLANTED}@db/0?ssl_check_hostname=false"}),
    ]
    for group, values in wrong:
        with pytest.raises(ValueError, match=r"tls|TLS|ssl_") as raised:
            group(**values)
        assert PLANTED not in str(raised.value)
    fields = [*MongoSettings.model_fields, *RedisSettings.model_fields]
    assert not [name for name in fields if "insecure" in name or "verify" in name]


def test_a_file_that_is_of_no_use_is_named_at_the_start(
    files: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty, junk, missing = tmp_path / "empty", tmp_path / "junk.pem", tmp_path / "missing.pem"
    empty.write_text("\n")
    junk.write_text(PLANTED)
    uri = {"MONGODB_URI": "mongodb://shop@db/"}
    wrong = [
        (f"MONGODB_TLS_CA_FILE names {missing}, which cannot be read: No such file", {"TLS_CA_FILE": missing}),
        (f"MONGODB_TLS_CA_FILE names {junk}, which holds no certificate", {"TLS_CA_FILE": junk}),
        (f"MONGODB_TLS_CERTIFICATE_FILE names {files.ca}, which must hold", {"TLS_CERTIFICATE_FILE": files.ca}),
        (f"MONGODB_PASSWORD_FILE names {empty}, which is empty", {"PASSWORD_FILE": empty}),
        ("MONGODB_URI names a user and no password: set MONGODB_PASSWORD_FILE", {}),
    ]
    for sentence, named in wrong:
        with monkeypatch.context() as patch:
            for name, value in (uri | {f"MONGODB_{key}": str(path) for key, path in named.items()}).items():
                patch.setenv(name, value)
            with pytest.raises(BadInputError) as raised:
                read_settings(Settings)
        assert sentence in raised.value.message
        assert PLANTED not in raised.value.message


def test_files_for_a_server_that_is_not_named_or_not_encrypted_are_refused(files: Certificates) -> None:
    with pytest.raises(ValueError, match="MONGODB_TLS_CA_FILE is set, and MONGODB_URI is not"):
        MongoSettings(tls_ca_file=files.ca)
    with pytest.raises(ValueError, match="REDIS_URL does not begin with rediss://"):
        RedisSettings(url="redis://db/0", tls_ca_file=files.ca)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        (f"http://shop:{PLANTED}@db/", "must begin with"),
        (f"rediss://shop:{PLANTED}#1@db/0", "has one of the signs / # @ in its password"),
    ],
)
def test_an_address_that_is_none_is_not_repeated(address: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as raised:
        RedisSettings(url=address)

    assert PLANTED not in str(raised.value)


async def test_an_address_that_the_driver_refuses_is_not_repeated() -> None:
    with pytest.raises(UnavailableError, match="cannot be asked with this MONGODB_URI") as raised:
        mongo.connect(MongoSettings(uri=f"mongodb://shop:{PLANTED}@db:port/"))

    assert raised.value.__cause__ is None
    assert PLANTED not in raised.value.message


def test_addresses_are_in_no_description_of_the_settings() -> None:
    settings = Settings(
        mongo=MongoSettings(uri=f"mongodb://shop:{PLANTED}@db/"), redis=RedisSettings(url=f"redis://:{PLANTED}@db/0")
    )

    assert PLANTED not in repr(settings)
    assert PLANTED not in str(settings)
