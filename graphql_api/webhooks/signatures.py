"""Signatures of webhooks: HMAC-SHA256 over the body as it came, in base64, as Shopify and WooCommerce make it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def signature(secret: bytes, body: bytes) -> str:
    return base64.b64encode(hmac.new(secret, body, hashlib.sha256).digest()).decode()


def is_signed(stated: str, secrets: Sequence[bytes], body: bytes) -> bool:
    """Whether it was made with one of the secrets; all are tried, so that the time tells nothing."""
    sent = stated.strip().encode("utf-8", "replace")
    matches = [hmac.compare_digest(signature(secret, body).encode(), sent) for secret in secrets]
    return any(matches)
