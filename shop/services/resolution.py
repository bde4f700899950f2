"""What a recommendation request asks for, checked and resolved once: all that its list depends on."""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scoring.types import SEEDED_SCENARIOS, Scenario
from shop.entities.recommendations import MAX_LIMIT
from shop.errors import BadInputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shop.entities.catalog import Product
    from shop.entities.recommendations import RecommendationRequest
    from shop.entities.users import Actor, Preferences, User
    from shop.services.catalog import CatalogService
    from shop.services.history import ActorHistory, HistoryService
    from shop.services.models import ActiveModel, ModelService
    from shop.services.session_owners import SessionOwnerService

_STEP_SECONDS = 1800  # a list without new events is ranked anew this often


@dataclass(frozen=True, slots=True)
class ResolvedRequest:
    """A request with the model that answers it, the shopper's past, and the products and categories that it names."""

    request: RecommendationRequest
    model: ActiveModel
    history: ActorHistory
    seeds: Mapping[str, Product]
    categories: frozenset[str]  # of the page and of the seeds, with all above them
    preferences: Preferences | None
    language: str
    now: int  # unix seconds, in steps of half an hour

    @property
    def actor(self) -> Actor:
        return self.request.actor


class RequestResolver:
    def __init__(
        self,
        models: ModelService,
        history: HistoryService,
        owners: SessionOwnerService,
        catalog: CatalogService,
        default_locale: str,
    ) -> None:
        self._models = models
        self._history = history
        self._owners = owners
        self._catalog = catalog
        self._default_locale = default_locale

    async def resolve(self, request: RecommendationRequest, user: User | None) -> ResolvedRequest:
        """`user` adds stated preferences and language.

        Raises BadInputError or NotFoundError for what the caller can correct, UnavailableError while there is no model.
        """
        _validate(request)
        model = self._models.require()
        seeds = await self._seeds(request)
        await self._owners.try_named(request.actor)
        return ResolvedRequest(
            request=request,
            model=model,
            history=await self._history.read(request.actor, model),
            seeds=seeds,
            categories=await self._categories(request, seeds),
            preferences=user.preferences if user else None,
            language=self._language(request, user),
            now=_steady_now(request.actor),
        )

    def _language(self, request: RecommendationRequest, user: User | None) -> str:
        """The page's, else the shopper's, else the shop's own."""
        locale = request.context.locale or (user.locale if user else None) or self._default_locale
        return locale.replace("_", "-").split("-")[0].lower()

    async def _seeds(self, request: RecommendationRequest) -> dict[str, Product]:
        if not request.product_ids:
            return {}
        # One that is withdrawn may be in a cart, or on a page that is still open: it is where the list starts from, and
        # is not in it.
        products = await self._catalog.get_many(request.product_ids, also_withdrawn=True)
        for id_ in request.product_ids:
            if id_ not in products:
                raise NotFoundError("product", id_)
        return products

    async def _categories(self, request: RecommendationRequest, seeds: Mapping[str, Product]) -> frozenset[str]:
        categories = {id_ for seed in seeds.values() for id_ in seed.category_path}
        page = request.context.category_id
        if page is not None:
            known = await self._catalog.categories()
            categories |= {page, *(known[page].path if page in known else ())}
        return frozenset(categories)


def _validate(request: RecommendationRequest) -> None:
    if not 1 <= request.limit <= MAX_LIMIT:
        raise BadInputError(f"limit must be between 1 and {MAX_LIMIT}, not {request.limit}.", field="limit")
    for name, cap in (("maxPerCategory", request.max_per_category), ("maxPerBrand", request.max_per_brand)):
        if cap is not None and cap < 0:
            raise BadInputError(f"{name} must be 0 (no limit) or more, not {cap}.", field=name)
    if not 0 <= request.diversity <= 1:
        raise BadInputError(f"diversity must be between 0 and 1, not {request.diversity}.", field="diversity")
    if request.scenario in SEEDED_SCENARIOS - {Scenario.CART} and not request.product_ids:
        message = f"{request.scenario} needs productIds or productSkus: the products to start from."
        raise BadInputError(message, field="productIds")
    hour = request.context.local_hour
    if hour is not None and not 0 <= hour <= 23:
        raise BadInputError(f"localHour must be between 0 and 23, not {hour}.", field="context.localHour")


def _steady_now(actor: Actor) -> int:
    """The time of day in steps, so that lists can be kept; shoppers step at different moments, not all at once."""
    offset = zlib.crc32(actor.key.encode()) % _STEP_SECONDS
    return (int(time.time()) + offset) // _STEP_SECONDS * _STEP_SECONDS - offset
