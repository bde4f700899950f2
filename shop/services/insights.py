"""Insights: one sentence on a shopper's taste, from a profile of what they did."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import orjson
import structlog

from scoring.types import EventType
from shop.entities.catalog import Money
from shop.entities.events import Event, Topic
from shop.entities.explanations import TEXT_VERSION, Insight, TextStatus
from shop.entities.users import Actor, UserProfile
from shop.errors import UnavailableError
from shop.jobs import JobQueue, RollUpSession, WriteInsight

if TYPE_CHECKING:
    from shop.entities.users import User
    from shop.services.catalog import CatalogService
    from shop.services.events import EventHub
    from shop.store.exclusions import ExclusionStore
    from shop.store.explanations import InsightStore
    from shop.store.interactions import InteractionStore
    from shop.store.users import UserStore

_log = structlog.get_logger(__name__)
_TOP = 5
_ROLL_UP_DELAY_SECONDS = 5
_REFRESH_INTERVAL = timedelta(seconds=60)
_PATIENCE = timedelta(seconds=30)


class InsightService:
    def __init__(  # noqa: PLR0913 (a profile is made of everything that is known of a shopper)
        self,
        store: InsightStore,
        users: UserStore,
        interactions: InteractionStore,
        exclusions: ExclusionStore,
        catalog: CatalogService,
        queue: JobQueue,
        hub: EventHub,
        refresh_events: int,
    ) -> None:
        self._store = store
        self._users = users
        self._interactions = interactions
        self._exclusions = exclusions
        self._catalog = catalog
        self._queue = queue
        self._hub = hub
        self._refresh_events = refresh_events

    async def get(self, user: User) -> Insight:
        """The insight as it is; ordered if there is none yet. Never waits for a writer. Raises UnavailableError."""
        insight = await self._store.get(user.id)
        if insight is None or insight.language != user.locale or insight.status is TextStatus.FAILED:
            return await self._order(user, _PATIENCE) or insight or _pending(user)
        if insight.status is TextStatus.PENDING and _is_older(insight.ordered_at, _PATIENCE):
            await self._enqueue(insight)  # the job may have been lost
        return insight

    async def current(self, user_id: str) -> Insight | None:
        return await self._store.get(user_id)

    async def refresh(self, user: User) -> Insight:
        """Orders it anew, unless it was ordered within the last minute. Raises UnavailableError."""
        return await self._order(user, _REFRESH_INTERVAL) or await self._store.get(user.id) or _pending(user)

    async def rewrite(self, user: User) -> Insight:
        """Puts the job for an insight that was withdrawn; if the queue is away, whoever asks for it next does."""
        insight = await self._store.get(user.id) or _pending(user)
        try:
            await self._enqueue(insight)
        except UnavailableError as error:
            _log.warning("insight_not_ordered", reason=str(error))
        return insight

    async def _order(self, user: User, interval: timedelta) -> Insight | None:
        now = datetime.now(UTC)
        ordered = await self._store.order(user.id, user.locale, now, now - interval)
        if ordered is not None:
            await self._enqueue(ordered)
        return ordered

    async def _enqueue(self, insight: Insight, turn: str = "") -> None:
        """One job for each edition and turn."""
        job_id = f"insight:{insight.user_id}:{insight.edition}:{turn}"
        await self._queue.enqueue(WriteInsight(insight.user_id), job_id=job_id)

    async def after_events(self, user_id: str) -> bool:
        """Orders a roll-up soon, one for all events that arrive until then; later events get one of their own.

        False if the queue is away (the next event orders it again).
        """
        turn = int(time.time()) // _ROLL_UP_DELAY_SECONDS
        job_id = f"rollup:{user_id}:{turn}"
        try:
            await self._queue.enqueue(RollUpSession(user_id), job_id=job_id, delay_seconds=_ROLL_UP_DELAY_SECONDS)
        except UnavailableError:
            return False
        return True

    async def roll_up(self, user_id: str) -> UserProfile:
        """Rebuilds the profile from all interactions that count."""
        profile = await self._build_profile(user_id)
        await self._users.save_profile(profile)
        return profile

    async def after_roll_up(self, user: User, profile: UserProfile) -> bool:
        """Orders an insight if the profile has outgrown the one that is shown, which stays until then; or the first
        one, once there is enough to say."""
        insight = await self._store.get(user.id)
        if insight is None:
            return profile.event_count >= self._refresh_events and await self._order(user, _PATIENCE) is not None
        if insight.text is None:  # it is on order
            return False
        new_events = abs(profile.event_count - insight.event_count)
        if new_events < self._refresh_events and insight.basis == insight_basis(profile, user):
            return False
        await self._enqueue(insight, turn=str(profile.event_count))
        return True

    async def settle(self, insight: Insight) -> bool:
        """Stores what became of an order and tells who waits; False if it was withdrawn since it was read."""
        settled = await self._store.settle(insight)
        if settled:
            await self._hub.publish([Event(Topic.INSIGHT_UPDATED, Actor(user_id=insight.user_id).key)])
        return settled

    async def _build_profile(self, user_id: str) -> UserProfile:
        actor = Actor(user_id=user_id)
        excluded = await self._exclusions.of(actor)
        purchases: Counter[str] = Counter()
        orders: set[str] = set()
        prices: list[Money] = []
        events = 0
        last: datetime | None = None
        async for interaction in self._interactions.all(actor):
            if interaction.id in excluded:
                continue
            events, last = events + 1, interaction.at
            if interaction.type is not EventType.PURCHASE:
                continue
            purchases[interaction.product_id] += 1
            orders.add(interaction.order_id or interaction.at.date().isoformat())
            if interaction.price is not None:
                prices.append(interaction.price)
        categories, brands = await self._count_attributes(purchases)
        return UserProfile(
            user_id=user_id,
            categories=tuple(categories.most_common(_TOP)),
            brands=tuple(brands.most_common(_TOP)),
            purchase_count=purchases.total(),
            order_count=len(orders),
            event_count=events,
            average_price=_average(prices),
            last_event_at=last,
            updated_at=datetime.now(UTC),
        )

    async def _count_attributes(self, purchases: Counter[str]) -> tuple[Counter[str], Counter[str]]:
        categories: Counter[str] = Counter()
        brands: Counter[str] = Counter()
        products = await self._catalog.get_many(purchases)
        for product_id, times in purchases.items():
            product = products.get(product_id)
            if product is None:
                continue
            if product.category_id:
                categories[product.category_id] += times
            if product.brand:
                brands[product.brand] += times
        return categories, brands


def _pending(user: User) -> Insight:
    return Insight(user.id, TextStatus.PENDING, user.locale)


def _is_older(at: datetime | None, age: timedelta) -> bool:
    return at is None or datetime.now(UTC) - at > age


def _average(prices: list[Money]) -> Money | None:
    """In the currency of the newest price; amounts of other currencies are left out."""
    if not prices:
        return None
    currency = prices[-1].currency
    minors = [price.minor for price in prices if price.currency == currency]
    return Money.from_minor(round(sum(minors) / len(minors)), currency)


def insight_basis(profile: UserProfile, user: User) -> str:
    """Hashes what an insight rests on, coarsely: a few more purchases of the usual do not change it."""
    rank = [name for name, _ in profile.categories[:3]]
    stated = asdict(user.preferences)
    parts = [rank, profile.purchase_count.bit_length(), stated, user.locale, TEXT_VERSION]
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()[:32]
