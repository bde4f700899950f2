"""Secrets of a function: parameters of SSM's parameter store, read when the function starts."""

from __future__ import annotations

import os
from typing import Any

from shop.store.aws import AwsClient

PATH_VARIABLE = "WHYBUY_PARAMETERS"
_PATIENCE_SECONDS = 5


async def load_parameters() -> list[str]:
    """Sets the variables that the parameters below WHYBUY_PARAMETERS are named after, as `/shop/secrets/MONGODB_URI`,
    unless they are set; returns their names. Without that variable nothing is read.

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
        os.environ.setdefault(name, value)
    return sorted(found)
