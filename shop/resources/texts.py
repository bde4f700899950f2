"""What writes texts: explanations and insights, their budgets, and the jobs that order them. Imports no numerics."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shop.resources.stores import open_stores
from shop.services.budgets import BudgetService
from shop.services.catalog import CatalogService
from shop.services.erasures import ErasureService
from shop.services.events import EventHub
from shop.services.explanation_writing import ExplanationWriting
from shop.services.explanations import ExplanationService
from shop.services.insights import InsightService
from shop.services.jobs import JobService
from shop.services.profiles import ProfileService
from shop.services.retention import RetentionService
from shop.services.usage import UsageService
from shop.services.user_exports import UserExportService
from shop.services.users import UserService

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.resources.stores import Stores
    from shop.settings import Settings


@dataclass(frozen=True, slots=True)
class TextResources:
    """The services of a process that writes texts, and the base of what any other one has."""

    settings: Settings
    stores: Stores
    hub: EventHub
    users: UserService
    catalog: CatalogService
    jobs: JobService
    explanations: ExplanationService
    explanation_writing: ExplanationWriting
    insights: InsightService
    budgets: BudgetService
    usage: UsageService
    user_exports: UserExportService
    erasures: ErasureService
    retention: RetentionService


def text_resources(settings: Settings, stores: Stores) -> TextResources:
    """Composed; nothing runs yet."""
    hub = EventHub(stores.event_log)
    catalog = CatalogService(stores.catalog, hub, settings.api.product_cache_size)
    budgets = BudgetService(stores.spent, stores.usage, settings.llm)
    usage = UsageService(stores.usage, budgets, settings.llm)
    jobs = JobService(stores.jobs, stores.queue, hub)
    data, keys, privacy = stores.shopper_data, stores.shopper_keys, settings.privacy
    return TextResources(
        settings=settings,
        stores=stores,
        hub=hub,
        users=UserService(stores.users, stores.erasures, hub),
        catalog=catalog,
        jobs=jobs,
        explanations=ExplanationService(stores.explanations, stores.queue, catalog, settings.llm, usage, budgets),
        explanation_writing=ExplanationWriting(stores.explanations, stores.users, stores.erasures, catalog, hub),
        insights=InsightService(
            stores.insights,
            stores.users,
            ProfileService(stores.users, stores.interactions, stores.corrections, catalog),
            catalog,
            stores.queue,
            hub,
            settings,
        ),
        budgets=budgets,
        usage=usage,
        user_exports=UserExportService(stores.exports, data, keys, jobs, privacy),
        erasures=ErasureService(stores.erasures, data, keys, jobs, hub, privacy),
        retention=RetentionService(stores.retention, stores.exports, settings.retention),
    )


@contextlib.asynccontextmanager
async def open_texts(settings: Settings) -> AsyncIterator[TextResources]:
    """Connected lazily. At the end the usage that was counted and not yet stored is stored."""
    async with open_stores(settings) as stores:
        resources = text_resources(settings, stores)
        try:
            yield resources
        finally:
            await resources.usage.stop()
