"""Connections to MongoDB and Redis, and the repositories over them that every role may use."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shop.store import database as mongo
from shop.store import redis
from shop.store.api_keys import ApiKeyStore
from shop.store.audit import AuditStore
from shop.store.catalog import CatalogStore
from shop.store.corrections import CorrectionStore
from shop.store.credentials import CredentialStore
from shop.store.erasures import ErasureStore
from shop.store.event_log import BLOCK_SECONDS, EventLog
from shop.store.explanations import ExplanationStore
from shop.store.exports import ExportStore
from shop.store.feedback import FeedbackStore
from shop.store.insights import InsightStore
from shop.store.interactions import InteractionStore
from shop.store.jobs import JobStore
from shop.store.keys import Keys
from shop.store.models import SnapshotStore
from shop.store.rates import RateStore
from shop.store.recommendation_log import RecommendationLog
from shop.store.retention import RetentionStore
from shop.store.rollups import RollupStore
from shop.store.schedules import ScheduleStore
from shop.store.session_owners import SessionOwnerStore
from shop.store.sessions import SessionStore
from shop.store.shopper_data import ShopperDataStore
from shop.store.shopper_keys import ShopperKeyStore
from shop.store.sign_ins import SignInStore
from shop.store.usage import SpentStore, UsageStore
from shop.store.user_batches import UserBatchStore
from shop.store.users import UserStore
from shop.store.webhooks import WebhookStore
from shop.store.withdrawals import WithdrawalStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.jobs import JobQueue
    from shop.settings import QueueSettings, Settings
    from shop.store.database import Database


@dataclass(frozen=True, slots=True)
class Stores:
    """Repositories over one pair of connections."""

    database: Database
    redis: redis.Redis
    keys: Keys
    queue: JobQueue
    event_log: EventLog
    users: UserStore
    credentials: CredentialStore
    sign_ins: SignInStore
    api_keys: ApiKeyStore
    user_batches: UserBatchStore
    catalog: CatalogStore
    withdrawals: WithdrawalStore
    webhooks: WebhookStore
    interactions: InteractionStore
    corrections: CorrectionStore
    sessions: SessionStore
    session_owners: SessionOwnerStore
    explanations: ExplanationStore
    insights: InsightStore
    feedback: FeedbackStore
    snapshots: SnapshotStore
    jobs: JobStore
    schedules: ScheduleStore
    recommendation_log: RecommendationLog
    rollups: RollupStore
    usage: UsageStore
    spent: SpentStore
    audit: AuditStore
    rates: RateStore
    exports: ExportStore
    erasures: ErasureStore
    shopper_data: ShopperDataStore
    shopper_keys: ShopperKeyStore
    retention: RetentionStore


@contextlib.asynccontextmanager
async def open_stores(settings: Settings) -> AsyncIterator[Stores]:
    """All of them; nothing is sent before it is needed."""
    client, database = mongo.connect(settings.mongo)
    cache = redis.connect(settings.redis)
    reader = redis.connect(settings.redis, patience_seconds=BLOCK_SECONDS)
    async with contextlib.AsyncExitStack() as closing:  # each part is closed, even if another cannot be
        closing.callback(client.close)
        for connections in (cache, reader):
            closing.push_async_callback(connections.connection_pool.disconnect)
            closing.push_async_callback(connections.aclose)
        keys = Keys(settings.redis.prefix)
        queue = _queue(settings.queue, database, cache, keys, closing)
        yield _over(database, cache, reader, keys, queue)


def _queue(
    settings: QueueSettings, database: Database, client: redis.Redis, keys: Keys, closing: contextlib.AsyncExitStack
) -> JobQueue:
    """The one that is set; the library of the other need not be there."""
    if settings.backend == "arq":
        from shop.store.queue import ArqQueue

        return ArqQueue(client, keys)
    from shop.store.aws import AwsClient
    from shop.store.job_claims import JobClaims
    from shop.store.large_messages import LargeMessages
    from shop.store.sqs_queue import SqsQueue

    queue = SqsQueue(
        settings.urls, JobClaims(client, keys), LargeMessages(database), AwsClient("sqs", settings.timeout_seconds)
    )
    closing.push_async_callback(queue.aclose)
    return queue


def _over(database: Database, client: redis.Redis, reader: redis.Redis, keys: Keys, queue: JobQueue) -> Stores:
    insights, audit = InsightStore(database), AuditStore(database)
    event_log = EventLog(client, reader, keys)
    return Stores(
        database=database,
        redis=client,
        keys=keys,
        queue=queue,
        event_log=event_log,
        users=UserStore(database),
        credentials=CredentialStore(database),
        sign_ins=SignInStore(database),
        api_keys=ApiKeyStore(database, audit),
        user_batches=UserBatchStore(database),
        catalog=CatalogStore(database),
        withdrawals=WithdrawalStore(database, audit),
        webhooks=WebhookStore(database),
        interactions=InteractionStore(database),
        corrections=CorrectionStore(database, insights, audit),
        sessions=SessionStore(client, keys),
        session_owners=SessionOwnerStore(database),
        explanations=ExplanationStore(database, client, keys),
        insights=insights,
        feedback=FeedbackStore(database),
        snapshots=SnapshotStore(database),
        jobs=JobStore(database),
        schedules=ScheduleStore(database),
        recommendation_log=RecommendationLog(database),
        rollups=RollupStore(database),
        usage=UsageStore(database),
        spent=SpentStore(client, keys),
        audit=audit,
        rates=RateStore(client, keys),
        exports=ExportStore(database),
        erasures=ErasureStore(database),
        shopper_data=ShopperDataStore(database),
        shopper_keys=ShopperKeyStore(client, keys, queue, event_log),
        retention=RetentionStore(database),
    )
