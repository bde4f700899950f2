"""Profiles: what a user's events add up to."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from scoring.types import EventType
from shop.entities.catalog import Money
from shop.entities.users import Actor, UserProfile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shop.services.catalog import CatalogService
    from shop.store.corrections import CorrectionStore
    from shop.store.interactions import InteractionStore
    from shop.store.users import UserStore

_TOP = 5


class ProfileService:
    def __init__(
        self, users: UserStore, interactions: InteractionStore, corrections: CorrectionStore, catalog: CatalogService
    ) -> None:
        self._users = users
        self._interactions = interactions
        self._corrections = corrections
        self._catalog = catalog

    async def roll_up(self, user_id: str) -> UserProfile:
        """Rebuilds the profile from all interactions that count, and stores it."""
        profile = await self._build(user_id)
        await self._users.save_profile(profile)
        return profile

    async def _build(self, user_id: str) -> UserProfile:
        actor = Actor(user_id=user_id)
        excluded = await self._corrections.excluded_of(actor)
        bought: defaultdict[str, set[str]] = defaultdict(set)  # by product, its orders
        lines = 0
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
            lines += 1
            order = interaction.order_id or interaction.at.date().isoformat()
            bought[interaction.product_id].add(order)
            orders.add(order)
            if interaction.price is not None:
                prices.append(interaction.price)
        categories, brands = await self._count_attributes(bought)
        return UserProfile(
            user_id=user_id,
            categories=tuple(categories.most_common(_TOP)),
            brands=tuple(brands.most_common(_TOP)),
            purchase_count=lines,
            order_count=len(orders),
            event_count=events,
            average_price=_average(prices),
            last_event_at=last,
            updated_at=datetime.now(UTC),
        )

    async def _count_attributes(self, bought: Mapping[str, set[str]]) -> tuple[Counter[str], Counter[str]]:
        """In how many orders each category and each brand was: five yoghurts in one basket are one purchase."""
        categories: defaultdict[str, set[str]] = defaultdict(set)
        brands: defaultdict[str, set[str]] = defaultdict(set)
        products = await self._catalog.get_many(bought, also_withdrawn=True)
        for product_id, orders in bought.items():
            product = products.get(product_id)
            if product is None:
                continue
            if product.category_id:
                categories[product.category_id] |= orders
            if product.brand:
                brands[product.brand] |= orders
        return _lengths(categories), _lengths(brands)


def _lengths(orders: Mapping[str, set[str]]) -> Counter[str]:
    return Counter({name: len(own) for name, own in orders.items()})


def _average(prices: list[Money]) -> Money | None:
    """In the currency of the newest price; amounts of other currencies are left out."""
    if not prices:
        return None
    currency = prices[-1].currency
    minors = [price.minor for price in prices if price.currency == currency]
    return Money.from_minor(round(sum(minors) / len(minors)), currency)
