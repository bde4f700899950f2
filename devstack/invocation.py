"""What each command begins with: its settings, and a loop that it runs in."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, TypeVar

_T = TypeVar("_T")

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from shop.settings import Settings


def settings() -> Settings:
    from shop.setting_files import read_settings
    from shop.settings import Settings

    return read_settings(Settings)


def run_to_end(command: Coroutine[Any, Any, _T]) -> _T:
    try:
        return asyncio.run(command)
    except KeyboardInterrupt:
        sys.exit(130)
