"""Secrets of a function: parameters of SSM's parameter store, read when the function starts."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from shop.store.aws import AwsClient

PATH_VARIABLE = "WHYBUY_PARAMETERS"
_PATIENCE_SECONDS = 5


async def load_parameters() -> list[str]:
    """Sets the variables that the parameters below WHYBUY_PARAMETERS are named after, as `/shop/secrets/MONGODB_URI`,
    unless they are set; returns their names. Without that variable nothing is read.

    One that ends with `_FILE`, as MONGODB_TLS_CA_FILE, holds the content of the file.

    Raises UnavailableError.
    """
    path = os.environ.get(PATH_VARIABLE)
    if not path:
        return []
    found: dict[str, str] = {}
    client = AwsClient("ssm", _PATIENCE_SECONDS)
    try:
        more: dict[str, Any] = {}
        while True:
            page = await client.call("get_parameters_by_path", Path=path, WithDecryption=True, **more)
            found |= {one["Name"].rpartition("/")[2]: one["Value"] for one in page["Parameters"]}
            if not page.get("NextToken"):
                break
            more = {"NextToken": page["NextToken"]}
    finally:
        await client.aclose()
    for name, value in found.items():
        if name not in os.environ:
            os.environ[name] = _written(name, value) if name.endswith("_FILE") else value
    return sorted(found)


def _written(name: str, content: str) -> str:
    """The path of a file with this content, in a folder that nobody else may read. It lives as long as the function's
    environment, whose variable names it."""
    path = Path(tempfile.mkdtemp(prefix="whybuy-")) / name.lower()
    path.write_text(content, encoding="utf-8")
    return str(path)
