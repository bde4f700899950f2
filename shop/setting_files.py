"""Files that settings name (certificates, passwords), and settings as a person is told of a wrong one."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qsl, urlsplit

from pydantic import ValidationError

from shop.errors import BadInputError
from shop.validation import describe

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_settings import BaseSettings

T = TypeVar("T", bound="BaseSettings")
_UNCHECKED = {"tlsinsecure", "tlsallowinvalidcertificates", "tlsallowinvalidhostnames"}


def read_settings(group: type[T]) -> T:
    """The settings of a group, or all. Raises BadInputError that names the wrong one, without its value."""
    try:
        return group()
    except ValidationError as error:
        wrong = describe(error).replace("Value error, ", "").removesuffix(".")
        raise BadInputError(f"A setting is wrong: {wrong}. All settings are in docs/settings.md.") from None


def read_secret(path: Path) -> str:
    """The content of a file with one password, without the end of its line. Raises OSError."""
    return path.read_text(encoding="utf-8").rstrip("\r\n")


def require_secret(name: str, path: Path) -> None:
    """Raises ValueError unless the file can be read and holds something."""
    if not _readable(name, path).strip():
        raise ValueError(f"{name} names {path}, which is empty.")


def require_authorities(name: str, path: Path) -> None:
    """Raises ValueError unless the file can be read and holds certificates."""
    _readable(name, path)
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError as error:
        raise ValueError(f"{name} names {path}, which holds no certificate in PEM form.") from error


def require_certificate(name: str, path: Path) -> None:
    """Raises ValueError unless the file can be read and holds a certificate and its key."""
    _readable(name, path)
    try:
        ssl.create_default_context().load_cert_chain(path, password="")  # without one it would ask at the terminal
    except (ssl.SSLError, ValueError) as error:
        raise ValueError(
            f"{name} names {path}, which must hold a certificate and its key, unencrypted, in PEM form."
        ) from error


def _readable(name: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ValueError(f"{name} names {path}, which cannot be read: {error.strerror}.") from error


def require_address(name: str, address: str, *schemes: str) -> None:
    """Raises ValueError for an address that cannot be one, without repeating it."""
    if not address.startswith(schemes):
        raise ValueError(f"{name} must begin with {' or '.join(schemes)}.")
    user_and_password = address.partition("://")[2].partition("?")[0].rpartition("@")[0]
    if not address.startswith("unix:") and any(sign in user_and_password for sign in "/#@"):
        raise ValueError(f"{name} has one of the signs / # @ in its password: write them as %2F, %23 and %40.")


def require_checks(uri: str) -> None:
    """Raises ValueError for an address of MongoDB that would have certificates go unchecked."""
    for option, value in parse_qsl(urlsplit(uri).query):
        if option.lower() in _UNCHECKED and value.lower() != "false":
            raise ValueError(
                f"MONGODB_URI has the option {option}, which would take any server for yours. Remove it, and name the "
                "authority of the server's certificate in MONGODB_TLS_CA_FILE."
            )


def user_and_password(address: str) -> tuple[bool, bool]:
    """Whether an address names a user, and a password."""
    user, _, password = urlsplit(address).netloc.rpartition("@")[0].partition(":")
    return bool(user), bool(password)
