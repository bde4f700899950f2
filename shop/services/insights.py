"""Insights: one sentence on a shopper's taste, from a profile of what they did."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson

from scoring.types import EventType
from shop.entities.catalog import Money
from shop.entities.explanations import TEXT_VERSION, Insight, TextStatus
from shop.entities.people import Actor, UserProfile
from shop.errors import UnavailableError
from shop.jobs import JobQueue, RollUpSession, WriteInsight

if TYPE_CHECKING:
    from shop.entities.people import User
    from shop.services.catalog import CatalogService
    from shop.store.interactions import InteractionStore
    from shop.store.texts import InsightStore
    from shop.store.users import UserStore

_TOP = 5
_ROLL_UP_DELAY_SECONDS = 5


class InsightService:
    def __init__(
        self,
        store: InsightStore,
        users: UserStore,
        interactions: InteractionStore,
        catalog: CatalogService,
        queue: JobQueue,
    ) -> None:
        self._store = store
        self._users = users
        self._interactions = interactions
        self._catalog = catalog
        self._queue = queue

    async def get(self, user: User) -> Insight:
        """The newest insight; PENDING, and ordered, if there is none yet. Never waits for a writer."""
        insight = await self._store.latest(user.id)
        if insight is None:
            await self.order(user.id, user.locale)
            insight = Insight("", user.id, TextStatus.PENDING, user.locale)
        return insight

    async def by_key(self, key: str) -> Insight | None:
        return await self._store.get(key)

    async def order(self, user_id: str, language: str) -> None:
        await self._queue.enqueue(WriteInsight(user_id, language), job_id=f"insight:{user_id}")

    async def order_roll_up(self, user_id: str) -> None:
        """Soon, once for all events that arrive until then; later events get a roll-up of their own."""
        turn = int(time.time()) // _ROLL_UP_DELAY_SECONDS
        await self._queue.enqueue(
            RollUpSession(user_id), job_id=f"rollup:{user_id}:{turn}", delay_seconds=_ROLL_UP_DELAY_SECONDS
        )

    async def roll_up(self, user_id: str) -> tuple[UserProfile, bool]:
        """Rebuilds the profile from all interactions; True if it now supports another insight than before."""
        before = await self._users.profile(user_id)
        profile = await self._build_profile(user_id)
        await self._users.save_profile(profile)
        return profile, before is None or insight_key(before, "") != insight_key(profile, "")

    async def _build_profile(self, user_id: str) -> UserProfile:
        purchases: Counter[str] = Counter()
        orders: set[str] = set()
        prices: list[Money] = []
        events = 0
        last: datetime | None = None
        async for interaction in self._interactions.all(Actor(user_id=user_id)):
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

    async def save(self, insight: Insight) -> None:
        await self._store.save(insight, datetime.now(UTC))

    async def after_events(self, user_id: str) -> bool:
        """Orders the roll-up; False if the queue is away (the next event orders it again)."""
        try:
            await self.order_roll_up(user_id)
        except UnavailableError:
            return False
        return True


def _average(prices: list[Money]) -> Money | None:
    """In the currency of the newest price; amounts of other currencies are left out."""
    if not prices:
        return None
    currency = prices[-1].currency
    minors = [price.minor for price in prices if price.currency == currency]
    return Money.from_minor(round(sum(minors) / len(minors)), currency)


def insight_key(profile: UserProfile, language: str) -> str:
    """Hashes what an insight rests on, coarsely: a few more purchases of the usual do not change it."""
    rank = [name for name, _ in profile.categories[:3]]
    parts = [profile.user_id, rank, profile.purchase_count.bit_length(), language, TEXT_VERSION]
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()[:32]
