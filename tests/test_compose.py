"""compose.yaml: both databases want TLS and a password, and every service has what it needs for that, and no more."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from devstack.transport import Transport, main
from shop.services.signing_keys import SigningKeys
from shop.settings import MongoSettings, RedisSettings

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS, DATABASES = ("migrate", "api", "worker"), ("mongo", "valkey")
SECRETS = "/run/whybuy"


def mounted(service: str) -> dict[str, str]:
    """Where its volumes are, and whether it may write, by their names."""
    parts = (volume.split(":", 1) for volume in SERVICES[service]["volumes"])
    return {name: place for name, place in parts if not name.startswith(".")}


def made(folder: Path, *options: str) -> str:
    result = CliRunner().invoke(main, [str(folder), *options])
    assert result.exit_code == 0, result.output
    return result.output


def content(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("transport")
    made(folder)
    return folder


@pytest.mark.parametrize("service", OURS)
def test_our_services_connect_with_tls_and_passwords_from_files(service: str, files: Path) -> None:
    environment = SERVICES[service]["environment"]
    own = {name: str(value).replace(SECRETS, str(files / "app")) for name, value in environment.items()}
    mongo = MongoSettings(
        uri=own["MONGODB_URI"],
        password_file=Path(own["MONGODB_PASSWORD_FILE"]),
        tls_ca_file=Path(own["MONGODB_TLS_CA_FILE"]),
    )
    redis = RedisSettings(
        url=own["REDIS_URL"],
        password_file=Path(own["REDIS_PASSWORD_FILE"]),
        tls_ca_file=Path(own["REDIS_TLS_CA_FILE"]),
    )

    assert mongo.uri == "mongodb://whybuy@mongo:27017/?replicaSet=rs0&tls=true"
    assert redis.url == "rediss://whybuy@valkey:6379/0"
    assert mongo.password == (files / "mongo/password").read_text()
    assert redis.password == (files / "valkey/password").read_text()


def test_no_address_is_without_tls_and_none_has_a_password() -> None:
    words = TEXT.replace('"', " ").split()

    assert [word for word in words if word.startswith("mongodb://") and "tls=true" not in word] == []
    assert [word for word in words if word.startswith("redis://")] == []
    assert [word for word in words if "://" in word and ":" in word.partition("://")[2].rpartition("@")[0]] == []


def test_the_servers_take_no_connection_without_tls_and_user() -> None:
    mongo, valkey = SERVICES["mongo"]["command"], SERVICES["valkey"]["command"]
    options = dict(zip(valkey[1::2], valkey[2::2], strict=True))

    assert {"--tlsMode=requireTLS", "--keyFile=/run/whybuy/replica.key"} <= set(mongo)
    assert options["--port"] == "0"
    assert options["--tls-port"] == "6379"
    assert options["--aclfile"] == "/run/whybuy/users.acl"


@pytest.mark.parametrize("server", DATABASES)
def test_a_server_finds_each_file_that_its_command_and_its_health_check_name(server: str, files: Path) -> None:
    named = shlex.join([*SERVICES[server]["command"], *SERVICES[server]["healthcheck"]["test"]])
    for name in ("=", " ", '"', ")", "'"):
        named = named.replace(name, "\n")
    names = {line.removeprefix(f"{SECRETS}/") for line in named.splitlines() if line.startswith(f"{SECRETS}/")}

    assert {"server.pem", "ca.pem"} <= names
    assert [name for name in names if not (files / server / name).is_file()] == []


def test_health_checks_use_tls_and_keep_the_password_out_of_the_arguments() -> None:
    mongo, valkey = (SERVICES[server]["healthcheck"]["test"] for server in DATABASES)

    assert {"--tls", "--tlsCAFile=/run/whybuy/ca.pem"} <= set(mongo)
    assert (ROOT / "deploy/compose/mongo.js").is_file()
    assert "--tls --cacert /run/whybuy/ca.pem" in valkey[1]
    assert 'REDISCLI_AUTH="$$(cat /run/whybuy/password)"' in valkey[1]
    assert not {"--password", "-p", "-a", "--pass"} & {*mongo, *valkey[1].split()}


def test_every_service_reads_its_own_secrets_alone() -> None:
    own = {"mongo": "mongo-secrets", "valkey": "valkey-secrets"} | dict.fromkeys(OURS, "app-secrets")
    secret = {"authority", "mongo-secrets", "valkey-secrets", "app-secrets"}

    for service, volume in own.items():
        assert {name: place for name, place in mounted(service).items() if name in secret} == {volume: "/run/whybuy:ro"}
    assert mounted("certificates").keys() == secret
    assert secret <= COMPOSE["volumes"].keys()


def test_the_databases_wait_for_their_certificates() -> None:
    for server in DATABASES:
        assert SERVICES[server]["depends_on"]["certificates"]["condition"] == "service_completed_successfully"
    assert SERVICES["certificates"]["network_mode"] == "none"


def test_the_command_that_makes_certificates_is_the_one_that_there_is(tmp_path: Path) -> None:
    python, option, module, folder, *owners = SERVICES["certificates"]["command"]
    own = [f"{owner.partition('=')[0]}={owner.split('=')[1]}={os.getuid()}" for owner in owners]

    assert (python, option, module, folder) == ("python", "-m", "devstack.transport", "/run/transport")
    made(tmp_path, *own)
    assert {owner.split("=")[1] for owner in owners} == {path.name for path in tmp_path.iterdir()} - {"authority"}


def test_what_is_there_stays_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    made(tmp_path)
    before = content(tmp_path)

    assert made(tmp_path) == "all is there\n"

    assert content(tmp_path) == before
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert set(modes.values()) == {0o600, 0o700}


@pytest.mark.parametrize(
    ("option", "changed"),
    [
        ("--renew", {"mongo/server.pem", "valkey/server.pem"}),
        (
            "--new-passwords",
            {
                *("mongo/password", "valkey/password", "valkey/users.acl"),
                *("app/mongo-password", "app/valkey-password"),
            },
        ),
    ],
)
def test_certificates_and_passwords_are_changed_on_demand(tmp_path: Path, option: str, changed: set[str]) -> None:
    made(tmp_path)
    before = content(tmp_path)

    said = made(tmp_path, option)

    after = content(tmp_path)
    assert {name for name, text in after.items() if text != before[name]} == changed
    assert not [text for text in after.values() if text.strip() in said]


def test_a_new_signing_key_leaves_the_tokens_of_before_valid(tmp_path: Path) -> None:
    first = Transport(tmp_path).prepare()
    before = SigningKeys(tmp_path / "app/signing-keys.json").sign("anna", "a-sign-in", 60)[0]

    again = Transport(tmp_path).prepare(new_signing_key=True)

    assert "app/signing-keys.json" in first
    assert again == ["app/signing-keys.json"]
    assert SigningKeys(tmp_path / "app/signing-keys.json").verify(before).user_id == "anna"
