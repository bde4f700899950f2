"""Health checks over HTTP."""

from __future__ import annotations

import urllib.request

HEALTHY = "ok"
_SECONDS = 3


def http_health(url: str) -> str:
    """`ok`, or what is wrong in a few words."""
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as response:  # noqa: S310  our own address
            return HEALTHY if response.status == 200 else f"HTTP {response.status}"
    except OSError as error:
        return f"not ready ({error})"
