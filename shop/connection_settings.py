"""How to reach MongoDB and Redis: addresses, passwords, certificates."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shop.setting_files import (
    read_secret,
    require_address,
    require_authorities,
    require_certificate,
    require_checks,
    require_secret,
    user_and_password,
)


def config(prefix: str) -> SettingsConfigDict:
    return SettingsConfigDict(
        env_prefix=prefix,
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,  # it may be a password
    )


def _require_files(prefix: str, group: MongoSettings | RedisSettings, address_name: str, address: str | None) -> None:
    """Raises ValueError for a file that is of no use."""
    checks = (
        ("PASSWORD_FILE", group.password_file, require_secret),
        ("TLS_CA_FILE", group.tls_ca_file, require_authorities),
        ("TLS_CERTIFICATE_FILE", group.tls_certificate_file, require_certificate),
    )
    for name, path, require in checks:
        if path is not None:
            if not address:
                raise ValueError(f"{prefix}_{name} is set, and {address_name} is not.")
            require(f"{prefix}_{name}", path)


class MongoSettings(BaseSettings):
    model_config = config("MONGODB_")

    uri: str | None = Field(None, repr=False, description="MongoDB to use; when empty, `whybuy up` starts its own.")
    password_file: Path | None = Field(
        None, description="File with the password of the user in MONGODB_URI, in place of one in the address."
    )
    tls_ca_file: Path | None = Field(
        None,
        description="File (PEM) with the authority of MongoDB's certificate; turns TLS on. Empty: those of the system.",
    )
    tls_certificate_file: Path | None = Field(
        None, description="File (PEM) with our own certificate and its key, where MongoDB asks for one."
    )
    database: str = Field("whybuy", description="Database name.")
    timeout_ms: int = Field(3000, description="How long to look for a server before saying it is away.")
    app_name: str = Field(
        "whybuy",
        max_length=128,
        description="Name of this process's connections in MongoDB's own log, profiler and `currentOp`.",
    )
    max_connections: int = Field(
        100,
        gt=0,
        description="Connections that one process opens at most; a server takes a limited number of them all.",
    )

    @property
    def password(self) -> str | None:
        """That of the file; None: that of the address, if it has one. Raises OSError."""
        return read_secret(self.password_file) if self.password_file else None

    @model_validator(mode="after")
    def _transport_is_sound(self) -> MongoSettings:
        _require_files("MONGODB", self, "MONGODB_URI", self.uri)
        if self.uri:
            require_address("MONGODB_URI", self.uri, "mongodb://", "mongodb+srv://")
            require_checks(self.uri)
            user, password = user_and_password(self.uri)
            if self.password_file and not user:
                raise ValueError("MONGODB_PASSWORD_FILE is set, and MONGODB_URI names no user (mongodb://user@host/).")
            if user and not password and not self.password_file and "authmechanism" not in self.uri.lower():
                raise ValueError("MONGODB_URI names a user and no password: set MONGODB_PASSWORD_FILE.")
        return self


class RedisSettings(BaseSettings):
    model_config = config("REDIS_")

    url: str | None = Field(
        None, repr=False, description="Redis or Valkey to use; when empty, `whybuy up` starts its own."
    )
    password_file: Path | None = Field(
        None, description="File with the password of the user in REDIS_URL, in place of one in the address."
    )
    tls_ca_file: Path | None = Field(
        None,
        description="File (PEM) with the authority of the server's certificate, for `rediss://`. Empty: those of the "
        "system.",
    )
    tls_certificate_file: Path | None = Field(
        None, description="File (PEM) with our own certificate and its key, where the server asks for one."
    )
    prefix: str = Field("whybuy", description="First part of every key, so that several shops can share a server.")
    timeout_seconds: float = Field(1.0, description="How long a request waits for Redis before it goes on without.")
    max_connections: int = Field(200, gt=0, description="Connections that one process opens at most.")

    @property
    def password(self) -> str | None:
        """That of the file; None: that of the address, if it has one. Raises OSError."""
        return read_secret(self.password_file) if self.password_file else None

    @model_validator(mode="after")
    def _transport_is_sound(self) -> RedisSettings:
        _require_files("REDIS", self, "REDIS_URL", self.url)
        if self.url:
            require_address("REDIS_URL", self.url, "redis://", "rediss://", "unix://")
        if self.url and "ssl_" in self.url.partition("?")[2]:
            raise ValueError(
                "REDIS_URL has an option ssl_…: `rediss://` turns TLS on, certificates are always checked, and "
                "REDIS_TLS_CA_FILE and REDIS_TLS_CERTIFICATE_FILE name the files."
            )
        if self.url and not self.url.startswith("rediss://") and (self.tls_ca_file or self.tls_certificate_file):
            raise ValueError("REDIS_TLS_… files are set, and REDIS_URL does not begin with rediss://.")
        return self
