"""The providers' SDKs, imported when they are needed and kept from logging what they send."""

from __future__ import annotations

import asyncio
import importlib
from typing import Any

from shop.logs import quiet_libraries


async def load_sdk(module: str) -> Any:
    """The module. A thread imports it, because that takes up to 1.8 s."""
    sdk = await asyncio.to_thread(importlib.import_module, module)
    quiet_libraries()
    return sdk
