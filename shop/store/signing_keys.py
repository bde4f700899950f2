"""The file with the private keys that sign access tokens: a JSON Web Key Set (RFC 7517). The first key signs; the
others are of before or of soon, and what they have signed is valid as well."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from shop.errors import BadInputError

_OWNER_ONLY = 0o600


def read_keys(path: Path) -> list[dict[str, Any]]:
    """The keys as they are in the file. Raises BadInputError for a file that is not there or is no key set."""
    try:
        found = json.loads(path.read_text())
    except OSError as error:
        raise BadInputError(
            f"AUTH_SIGNING_KEYS: {path} cannot be read ({error.strerror}). `whybuy signing-keys {path}` makes it."
        ) from error
    except ValueError as error:
        raise BadInputError(
            f"AUTH_SIGNING_KEYS: {path} is not JSON. `whybuy signing-keys` makes such files."
        ) from error
    keys = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(keys, list) or not keys or not all(isinstance(key, dict) for key in keys):
        raise BadInputError(f"AUTH_SIGNING_KEYS: {path} holds no JSON Web Key Set with a key in it.")
    return keys


def write_keys(path: Path, keys: list[dict[str, Any]]) -> None:
    """Replaces the file at once; its owner alone can read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w") as file:
        os.fchmod(handle, _OWNER_ONLY)
        json.dump({"keys": keys}, file, indent=1)
    Path(name).replace(path)


def changed_at(path: Path) -> int:
    """When the file was written, in nanoseconds; 0 if it is not there."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
