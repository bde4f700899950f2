"""After an import: running processes clear their caches, and subscribers are told of changed products."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shop.errors import UnavailableError
from shop.resources.texts import open_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shop.settings import Settings


async def announce_import(settings: Settings, changed_products: Sequence[str]) -> bool:
    """False without Redis or while it is away: then no process serves, or those that do must be restarted."""
    if settings.redis.url is None:
        return False
    async with open_texts(settings) as resources:
        try:
            await resources.catalog.announce_import(changed_products)
        except UnavailableError:
            return False
    return True
