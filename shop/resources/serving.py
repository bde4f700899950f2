"""Everything that the API answers with: the model in memory, and whatever ranks, records and corrects."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from shop.resources.accounts import account_resources
from shop.resources.stores import open_stores
from shop.resources.texts import TextResources, text_resources
from shop.resources.training import TrainingResources
from shop.services.attribution import AttributionService
from shop.services.audit import AuditService
from shop.services.bandit import BanditService
from shop.services.corrections import CorrectionService
from shop.services.explanation_stream import ExplanationStream
from shop.services.feedback import FeedbackService
from shop.services.forgetting import ForgettingService
from shop.services.freshness import FreshnessService
from shop.services.history import HistoryService
from shop.services.interactions import InteractionService
from shop.services.listing import ListingService
from shop.services.merchandising import MerchandisingService
from shop.services.models import ModelService
from shop.services.neighbours import NeighbourService
from shop.services.pace import PaceService
from shop.services.product_changes import ProductChangeService
from shop.services.ranking import Ranker
from shop.services.rates import RateService
from shop.services.recommendations import RecommendationService
from shop.services.resolution import RequestResolver
from shop.services.session_owners import SessionOwnerService
from shop.services.spelling import SpellingService
from shop.services.user_changes import UserChangeService
from shop.services.webhook_orders import WebhookOrders
from shop.services.webhook_products import WebhookProducts
from shop.services.webhooks import WebhookService
from shop.store.bandit import BanditStore
from shop.store.listing import ListingStore
from shop.store.merchandising import MerchandisingStore
from shop.warming import warm

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.services.access import AccessService
    from shop.services.accounts import AccountService
    from shop.services.api_keys import ApiKeyService
    from shop.services.sign_ins import SignInService
    from shop.services.signing_keys import SigningKeys
    from shop.settings import Settings

_POLL_SECONDS = 30


@dataclass(frozen=True, slots=True)
class ServingResources(TextResources):
    """The services of a process that serves lists."""

    models: ModelService
    product_changes: ProductChangeService
    user_changes: UserChangeService
    listings: ListingService
    spelling: SpellingService
    history: HistoryService
    merchandising: MerchandisingService
    bandit: BanditService
    recommendations: RecommendationService
    neighbours: NeighbourService
    interactions: InteractionService
    corrections: CorrectionService
    feedback: FeedbackService
    explanation_stream: ExplanationStream
    audit: AuditService
    rates: RateService
    session_owners: SessionOwnerService
    keys: SigningKeys
    access: AccessService
    sign_ins: SignInService
    accounts: AccountService
    api_keys: ApiKeyService
    forgetting: ForgettingService

    @property
    def training(self) -> TrainingResources:
        """The part of it that a training in the same process would use."""
        return TrainingResources(self.settings, self.stores, self.models)

    @property
    def webhooks(self) -> WebhookService:
        """What takes the messages of other shop systems; it keeps nothing."""
        stores, settings = self.stores, self.settings.webhook
        return WebhookService(
            stores.webhooks,
            WebhookProducts(stores.webhooks, stores.catalog, self.catalog, self.product_changes, settings.currency),
            WebhookOrders(
                stores.webhooks,
                stores.interactions,
                self.catalog,
                self.interactions,
                self.corrections,
                self.user_changes,
                settings.currency,
            ),
            settings,
        )


def _over(texts: TextResources, closing: contextlib.AsyncExitStack) -> ServingResources:
    settings, stores, hub, catalog = texts.settings, texts.stores, texts.hub, texts.catalog
    models = ModelService(stores.snapshots, hub, settings.model.cache_dir)
    models.follow()
    history = HistoryService(
        stores.interactions, stores.corrections, stores.sessions, hub, settings.model.history_limit
    )
    freshness = FreshnessService(stores.sessions, history, texts.insights, hub)
    owners = SessionOwnerService(stores.session_owners, freshness)
    merchandising = MerchandisingService(MerchandisingStore(stores.database), catalog, hub)
    bandit = BanditService(
        BanditStore(stores.database, stores.redis, stores.keys),
        stores.recommendation_log,
        settings.model.bandit_half_life_days,
    )
    rates = RateService(stores.rates, settings.rate)
    entrance = account_resources(settings, stores, texts.users, hub, rates, closing)
    listing_store = ListingStore(stores.database)
    spelling = SpellingService(listing_store, hub)
    ranker = Ranker(catalog, merchandising, bandit, texts.explanations, settings.model)
    forgetful = (texts.users, texts.explanations, owners, bandit, rates, stores.recommendation_log)
    return ServingResources(
        **{field.name: getattr(texts, field.name) for field in fields(texts)},
        models=models,
        product_changes=ProductChangeService(stores.catalog, stores.withdrawals, catalog),
        user_changes=UserChangeService(stores.users, stores.user_batches, texts.users, catalog),
        listings=ListingService(listing_store, catalog, spelling),
        spelling=spelling,
        history=history,
        merchandising=merchandising,
        bandit=bandit,
        recommendations=RecommendationService(
            RequestResolver(models, history, owners, catalog, settings.api.default_locale),
            ranker,
            texts.explanations,
            stores.recommendation_log,
            bandit,
        ),
        neighbours=NeighbourService(models, catalog, merchandising),
        interactions=InteractionService(
            stores.interactions,
            owners,
            catalog,
            AttributionService(stores.recommendation_log, owners, bandit),
            freshness,
            PaceService(stores.rates, settings.rate.events_per_minute),
        ),
        corrections=CorrectionService(
            stores.corrections, stores.interactions, stores.sessions, history, texts.explanations, texts.insights, hub
        ),
        feedback=FeedbackService(stores.feedback, texts.explanations),
        explanation_stream=ExplanationStream(texts.explanations, hub),
        audit=AuditService(stores.audit),
        rates=rates,
        session_owners=owners,
        keys=entrance.keys,
        access=entrance.access,
        sign_ins=entrance.sign_ins,
        accounts=entrance.accounts,
        api_keys=entrance.api_keys,
        forgetting=ForgettingService(hub, history, ranker, forgetful),
    )


@contextlib.asynccontextmanager
async def open_serving(settings: Settings, *, start: bool = True) -> AsyncIterator[ServingResources]:
    """Connected lazily. `start` also loads the model, follows the event log and fills the catalogue's cache."""
    async with open_stores(settings) as stores, contextlib.AsyncExitStack() as closing:
        resources = _over(text_resources(settings, stores), closing)
        closing.push_async_callback(resources.usage.stop)
        if start:
            await _start(resources, closing)
        yield resources


async def _start(resources: ServingResources, closing: contextlib.AsyncExitStack) -> None:
    await asyncio.to_thread(warm)
    await resources.bandit.start()  # stopped after the log: clicks are credited to lists that it has written
    closing.push_async_callback(resources.bandit.stop)
    log = resources.stores.recommendation_log
    log.start()
    closing.push_async_callback(log.stop)
    resources.usage.start()
    resources.budgets.start()
    closing.push_async_callback(resources.budgets.stop)
    await resources.hub.start()
    closing.push_async_callback(resources.hub.stop)
    await resources.models.try_refresh()
    await resources.merchandising.try_refresh()
    for work in (
        resources.catalog.warm(),
        resources.spelling.warm(),
        _poll_model(resources),
        _poll_merchandising(resources),
    ):
        closing.push_async_callback(_cancel, asyncio.create_task(work))


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _poll_model(resources: ServingResources) -> None:
    """A new model is announced by the event log; this is for announcements that were lost."""
    while True:
        await asyncio.sleep(_POLL_SECONDS if resources.models.active else 2)
        await resources.models.try_refresh()


async def _poll_merchandising(resources: ServingResources) -> None:
    """As for the model."""
    while True:
        await asyncio.sleep(_POLL_SECONDS)
        await resources.merchandising.try_refresh()
