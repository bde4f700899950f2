"""What a training reads and writes."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shop.resources.stores import open_stores
from shop.services.events import EventHub
from shop.services.models import ModelService

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.resources.stores import Stores
    from shop.settings import Settings


@dataclass(frozen=True, slots=True)
class TrainingResources:
    settings: Settings
    stores: Stores
    models: ModelService


def training_resources(settings: Settings, stores: Stores, hub: EventHub) -> TrainingResources:
    """Over connections that are open already."""
    return TrainingResources(settings, stores, ModelService(stores.snapshots, hub, settings.model.cache_dir))


@contextlib.asynccontextmanager
async def open_training(settings: Settings) -> AsyncIterator[TrainingResources]:
    """Connected lazily."""
    async with open_stores(settings) as stores:
        yield training_resources(settings, stores, EventHub(stores.event_log))
