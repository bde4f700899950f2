"""The one composition root: opens everything a process needs, and closes it again."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from shop.services.accounts import AccountService
from shop.services.bandit import BanditService
from shop.services.catalog import CatalogService
from shop.services.corrections import CorrectionService
from shop.services.events import BLOCK_SECONDS, EventHub
from shop.services.explain import ExplanationService
from shop.services.explanation_stream import ExplanationStream
from shop.services.feedback import FeedbackService
from shop.services.history import HistoryService
from shop.services.insights import InsightService
from shop.services.jobs import JobService
from shop.services.llm_budget import BudgetService
from shop.services.llm_usage import UsageService
from shop.services.model import ModelService
from shop.services.recommend import RecommendationService
from shop.services.rules import RuleService
from shop.services.track import TrackService
from shop.store import database as mongo
from shop.store import redis
from shop.store.audit import AuditStore
from shop.store.bandit import BanditStore
from shop.store.event_log import EventLog
from shop.store.exclusions import ExclusionStore
from shop.store.feedback import FeedbackStore
from shop.store.interactions import InteractionStore
from shop.store.jobs import JobStore
from shop.store.keys import Keys
from shop.store.products import ProductStore
from shop.store.queue import ArqQueue
from shop.store.recommendation_log import RecommendationLog
from shop.store.rollups import RollupStore
from shop.store.rules import RuleStore
from shop.store.schedules import ScheduleStore
from shop.store.sessions import SessionStore
from shop.store.snapshots import SnapshotStore
from shop.store.texts import ExplanationStore, InsightStore
from shop.store.usage import SpentStore, UsageStore
from shop.store.users import UserStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.jobs import JobQueue
    from shop.settings import Settings
    from shop.store.database import Database

_log = structlog.get_logger(__name__)
_MODEL_POLL_SECONDS = 30
_RULES_POLL_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Resources:
    """Stores and services over one pair of connections."""

    settings: Settings
    database: Database
    keys: Keys
    redis: redis.Redis
    queue: JobQueue
    hub: EventHub
    users: UserStore
    products: ProductStore
    interactions: InteractionStore
    exclusions: ExclusionStore
    audit_log: AuditStore
    snapshots: SnapshotStore
    explanation_store: ExplanationStore
    recommendation_log: RecommendationLog
    accounts: AccountService
    catalog: CatalogService
    model: ModelService
    history: HistoryService
    explanations: ExplanationService
    explanation_stream: ExplanationStream
    insights: InsightService
    corrections: CorrectionService
    feedback: FeedbackService
    rules: RuleService
    recommendations: RecommendationService
    tracking: TrackService
    jobs: JobService
    schedules: ScheduleStore
    rollups: RollupStore
    bandit: BanditService
    llm_budget: BudgetService
    llm_usage: UsageService


def _compose(settings: Settings, database: Database, client: redis.Redis, reader: redis.Redis) -> Resources:
    keys = Keys(settings.redis.prefix)
    hub = EventHub(EventLog(client, reader, keys))
    queue = ArqQueue(client, keys)
    products, users, interactions = ProductStore(database), UserStore(database), InteractionStore(database)
    sessions, snapshots = SessionStore(client, keys), SnapshotStore(database)
    texts = ExplanationStore(database, client, keys)
    log = RecommendationLog(database)
    bandit = BanditService(BanditStore(database, client, keys), log, settings.model.bandit_half_life_days)
    catalog = CatalogService(products, hub, settings.api.product_cache_size)
    model = ModelService(snapshots, hub, settings.model.cache_dir)
    audit_log, insight_store = AuditStore(database), InsightStore(database)
    exclusions = ExclusionStore(database, insight_store, audit_log)
    history = HistoryService(interactions, exclusions, sessions, hub, settings.model.history_limit)
    usage_store = UsageStore(database)
    budget = BudgetService(SpentStore(client, keys), usage_store, settings.llm)
    usage = UsageService(usage_store, budget, settings.llm)
    explanations = ExplanationService(texts, queue, catalog, settings.llm, usage)
    rules = RuleService(RuleStore(database), catalog, hub)
    insights = InsightService(
        insight_store,
        users,
        interactions,
        exclusions,
        catalog,
        queue,
        hub,
        settings.llm.insight_refresh_events,
    )
    return Resources(
        settings=settings,
        database=database,
        keys=keys,
        redis=client,
        queue=queue,
        hub=hub,
        users=users,
        products=products,
        interactions=interactions,
        exclusions=exclusions,
        audit_log=audit_log,
        snapshots=snapshots,
        explanation_store=texts,
        recommendation_log=log,
        accounts=AccountService(users, hub, settings),
        catalog=catalog,
        model=model,
        history=history,
        explanations=explanations,
        explanation_stream=ExplanationStream(explanations, hub),
        insights=insights,
        corrections=CorrectionService(interactions, exclusions, sessions, history, explanations, insights, hub),
        feedback=FeedbackService(FeedbackStore(database), explanations),
        rules=rules,
        recommendations=RecommendationService(
            model, history, catalog, rules, explanations, log, bandit, budget, settings.model
        ),
        tracking=TrackService(interactions, sessions, history, catalog, insights, bandit, hub),
        jobs=JobService(JobStore(database), queue, hub),
        schedules=ScheduleStore(database),
        rollups=RollupStore(database),
        bandit=bandit,
        llm_budget=budget,
        llm_usage=usage,
    )


@contextlib.asynccontextmanager
async def open_resources(settings: Settings, *, serve: bool = False) -> AsyncIterator[Resources]:
    """Everything, connected lazily. `serve` also loads the model, follows the event log and warms the catalogue."""
    client, database = mongo.connect(settings.mongo)
    cache = redis.connect(settings.redis)
    reader = redis.connect(settings.redis, patience_seconds=BLOCK_SECONDS)
    resources = _compose(settings, database, cache, reader)
    async with contextlib.AsyncExitStack() as closing:  # each part is closed, even if another cannot be
        closing.callback(client.close)
        for connections in (cache, reader):
            closing.push_async_callback(connections.connection_pool.disconnect)
            closing.push_async_callback(connections.aclose)
        closing.push_async_callback(resources.llm_usage.stop)
        if serve:
            await _serve(resources, closing)
        yield resources


async def _serve(resources: Resources, closing: contextlib.AsyncExitStack) -> None:
    await resources.bandit.start()  # stopped after the log: clicks are credited to lists that it has written
    closing.push_async_callback(resources.bandit.stop)
    resources.recommendation_log.start()
    closing.push_async_callback(resources.recommendation_log.stop)
    resources.llm_usage.start()
    resources.llm_budget.start()
    closing.push_async_callback(resources.llm_budget.stop)
    await resources.hub.start()
    closing.push_async_callback(resources.hub.stop)
    await resources.model.try_refresh()
    await resources.rules.try_refresh()
    for work in (resources.catalog.warm(), _poll_model(resources), _poll_rules(resources)):
        closing.push_async_callback(_cancel, asyncio.create_task(work))


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _poll_model(resources: Resources) -> None:
    """The event log tells of a new model at once; this catches what it could not tell."""
    while True:
        await asyncio.sleep(_MODEL_POLL_SECONDS if resources.model.active else 2)
        await resources.model.try_refresh()


async def _poll_rules(resources: Resources) -> None:
    """As with the model: for what the event log could not tell."""
    while True:
        await asyncio.sleep(_RULES_POLL_SECONDS)
        await resources.rules.try_refresh()
