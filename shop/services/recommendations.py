"""The heart: one request to one explained list."""

from __future__ import annotations

import asyncio
import time
import uuid
import zlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from scoring.ranking.rules import RuleContext, Segment
from scoring.types import Caps, Query, Reason, Scenario, Tastes
from shop.bounded import BoundedDict
from shop.entities.evidence import Evidence
from shop.entities.recommendations import (
    Degradation,
    Freshness,
    Recommendation,
    RecommendationList,
    RecommendationRequest,
)
from shop.entities.usage import Purpose
from shop.errors import BadInputError, NotFoundError, UnavailableError
from shop.services.history import with_behavior

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from scoring.types import Component, RankedItem
    from shop.entities.catalog import Product
    from shop.entities.explanations import Explanation
    from shop.entities.users import Actor, User
    from shop.services.bandit import BanditService
    from shop.services.budgets import BudgetService
    from shop.services.catalog import CatalogService
    from shop.services.explanations import ExplanationService, WantedExplanation
    from shop.services.history import ActorHistory, HistoryService
    from shop.services.merchandising import MerchandisingService
    from shop.services.models import ActiveModel, ModelService
    from shop.settings import ModelSettings
    from shop.store.recommendation_log import RecommendationLog

MAX_LIMIT = 100
_SEEDED = {Scenario.SIMILAR, Scenario.BOUGHT_TOGETHER, Scenario.CART}
_CACHED_LISTS = 5_000
_LONGEST_CACHED = 20  # items; longer lists are rare, and large
_CACHE_SECONDS = 1800  # a list without new events is ranked anew this often
_REFILLS = 8  # each knows what the ones before found missing


@dataclass(frozen=True, slots=True)
class _Ranked:
    """A place of a list before anything is looked up."""

    product_id: str
    place: RankedItem
    claim: WantedExplanation


class RecommendationService:
    def __init__(  # noqa: PLR0913, PLR0917 (the heart is wired to everything; each is one part)
        self,
        model: ModelService,
        history: HistoryService,
        catalog: CatalogService,
        rules: MerchandisingService,
        explanations: ExplanationService,
        log: RecommendationLog,
        bandit: BanditService,
        llm_budget: BudgetService,
        settings: ModelSettings,
    ) -> None:
        self._model = model
        self._history = history
        self._catalog = catalog
        self._rules = rules
        self._explanations = explanations
        self._log = log
        self._bandit = bandit
        self._llm_budget = llm_budget
        self._exploration_share = settings.exploration_share
        self._caps = Caps(settings.max_per_category, settings.max_per_brand)
        self._stock: tuple[tuple[str, int], NDArray[np.bool_]] | None = None
        self._ranked: BoundedDict[tuple[object, ...], tuple[_Ranked, ...]] = BoundedDict(_CACHED_LISTS)

    async def recommend(self, request: RecommendationRequest, user: User | None = None) -> RecommendationList:
        """Ranks, looks up, logs. `user` adds stated tastes and language.

        Raises BadInputError or NotFoundError for what the caller can mend, UnavailableError while there is no model.
        """
        started = time.perf_counter()
        _validate(request)
        model = self._model.require()
        seeds = await self._seeds(request)
        history = await self._history.read(request.actor, model)
        degraded = _history_flags(history)
        ranked, products, memory_only = await self._in_stock(request, user, model, history, seeds)
        claims = [place.claim for place in ranked]
        explanations, ordered = await self._explanations.lookup(request.actor, _language(request, user), claims)
        if memory_only:
            degraded.append(Degradation.CATALOG)
        if not ordered:
            degraded.append(Degradation.EXPLANATIONS)
        if self._llm_budget.exhausted(Purpose.EXPLAIN):
            degraded.append(Degradation.LLM_BUDGET)
        shown = RecommendationList(
            id=uuid.uuid4().hex,
            actor=request.actor,
            scenario=request.scenario,
            items=_items(ranked, products, explanations),
            insight=None,
            model_version=model.version,
            generated_at=datetime.now(UTC),
            freshness=Freshness(history.last_event_at, model.snapshot.trained_at),
            degraded=tuple(degraded),
        )
        return self._logged(shown, model.recommender.weights, started)

    async def neighbours(self, product_ids: Sequence[str], scenario: Scenario, limit: int) -> list[list[Product]]:
        """Similar or bought-together products of each id, for listings: one catalogue query for all, nothing logged.

        In stock, and not where an EXCLUDE rule forbids it; the shop's other rules are for recommendation lists.
        """
        model = self._model.active
        if model is None:
            return [[] for _ in product_ids]
        neighbours = [self._neighbour_ids(model, id_, scenario)[:limit] for id_ in product_ids]
        products = await self._catalog.get_many({id_ for row in neighbours for id_ in row})
        return [[products[id_] for id_ in row if id_ in products and products[id_].in_stock] for row in neighbours]

    def _neighbour_ids(self, model: ActiveModel, product_id: str, scenario: Scenario) -> list[str]:
        index_of, ids, facts = model.recommender.index_of, model.recommender.catalogue_ids, model.recommender.facts
        if product_id not in index_of:
            return []
        near = (facts.similar if scenario is Scenario.SIMILAR else facts.together).items[index_of[product_id]]
        seed = self._catalog.in_memory((product_id,)).get(product_id)
        context = RuleContext(scenario, frozenset(seed.category_path if seed else ()))
        ruling = self._rules.apply(model, context).ruling()
        shown = near[(near >= 0) & ~ruling.excluded[near]] if ruling else near[near >= 0]
        return [ids[place] for place in shown.tolist() if ids[place] not in self._catalog.out_of_stock]

    async def _seeds(self, request: RecommendationRequest) -> dict[str, Product]:
        if not request.product_ids:
            return {}
        products = await self._catalog.get_many(request.product_ids)
        for id_ in request.product_ids:
            if id_ not in products:
                raise NotFoundError("product", id_)
        return products

    async def _in_stock(
        self,
        request: RecommendationRequest,
        user: User | None,
        model: ActiveModel,
        history: ActorHistory,
        seeds: Mapping[str, Product],
    ) -> tuple[tuple[_Ranked, ...], dict[str, Product], bool]:
        """The list over products that still exist and are in stock (or out of it, if asked for); what does not fit is
        replaced by what comes next."""
        gone: tuple[str, ...] = ()
        stock = self._catalog.stock_version if not request.in_stock else None
        for _ in range(_REFILLS):
            widened = replace(request, exclude_product_ids=request.exclude_product_ids + gone) if gone else request
            ranked = await self._rank(widened, user, model, history, seeds, stock)
            products, memory_only = await self._products([place.product_id for place in ranked])
            missing = tuple(
                place.product_id
                for place in ranked
                if place.product_id not in products or products[place.product_id].in_stock != request.in_stock
            )
            if not missing:
                break
            gone += missing
            # Only lists that meet a product out of stock are ranked by stock: it changes too often for all of them.
            stock = self._catalog.stock_version
        ranked = tuple(place for place in ranked if place.product_id not in gone)
        return ranked, products, memory_only

    async def _products(self, ids: list[str]) -> tuple[dict[str, Product], bool]:
        """The products, and whether MongoDB was needed but away."""
        try:
            return await self._catalog.get_many(ids), False
        except UnavailableError:
            return self._catalog.in_memory(ids), True

    async def _rank(
        self,
        request: RecommendationRequest,
        user: User | None,
        model: ActiveModel,
        history: ActorHistory,
        seeds: Mapping[str, Product],
        stock: int | None,
    ) -> tuple[_Ranked, ...]:
        """`stock` is the version of the stock that the list must fit, None for any."""
        now = _steady_now(request.actor)
        preferences = user.preferences if user else None
        language = _language(request, user)
        rules = self._rules.apply(model, await self._rule_context(request, language, history, seeds))
        key = (model.version, request, preferences, language, history.stamp, now, stock, rules.key)
        ranked = self._ranked.get(key)
        if ranked is None:
            query = self._query(request, user, model, history, seeds, now)
            available = self._available(model, in_stock=request.in_stock) if stock is not None else None
            query = replace(query, rules=rules.ruling(), available=available, caps=self._capped(request))
            places = await asyncio.to_thread(model.recommender.recommend, query)
            ranked = tuple(self._claimed(model, place, request.actor, language) for place in places)
            if request.limit <= _LONGEST_CACHED:
                self._ranked.put(key, ranked)
        return ranked

    def _query(
        self,
        request: RecommendationRequest,
        user: User | None,
        model: ActiveModel,
        history: ActorHistory,
        seeds: Mapping[str, Product],
        now: int,
    ) -> Query:
        index_of = model.recommender.index_of
        behavior = request.behavior
        return Query(
            scenario=request.scenario,
            history=with_behavior(history.history, index_of, behavior.viewed, behavior.purchased, now),
            now=now,
            limit=request.limit,
            seeds=tuple(index_of[id_] for id_ in request.product_ids if id_ in index_of),
            exclude=tuple(index_of[id_] for id_ in request.exclude_product_ids if id_ in index_of),
            include_purchased=request.include_purchased,
            diversity=request.diversity,
            filter=request.filter,
            tastes=_tastes(request, user, [seed for id_, seed in seeds.items() if id_ not in index_of]),
            local_hour=request.context.local_hour,
            device=request.context.device,
            exploration_share=self._exploration_share,
            bandit=self._bandit.state,
            seed=zlib.crc32(f"{request.actor.key}:{model.version}:{history.stamp[1]!r}:{now}".encode()),
        )

    def _capped(self, request: RecommendationRequest) -> Caps:
        category, brand = request.max_per_category, request.max_per_brand
        return Caps(
            self._caps.per_category if category is None else category,
            self._caps.per_brand if brand is None else brand,
        )

    def _available(self, model: ActiveModel, *, in_stock: bool) -> NDArray[np.bool_]:
        """The model's products that are in stock, or those that are not, as far as is known; shape (items,)."""
        version = (model.version, self._catalog.stock_version)
        if self._stock is None or self._stock[0] != version:
            index_of = model.recommender.index_of
            mask = np.ones(model.recommender.n_items, dtype=bool)
            mask[[index_of[id_] for id_ in self._catalog.out_of_stock if id_ in index_of]] = False
            self._stock = (version, mask)
        return self._stock[1] if in_stock else ~self._stock[1]

    async def _rule_context(
        self, request: RecommendationRequest, language: str, history: ActorHistory, seeds: Mapping[str, Product]
    ) -> RuleContext:
        categories = {id_ for seed in seeds.values() for id_ in seed.category_path}
        page = request.context.category_id
        if page is not None:
            known = await self._catalog.categories()
            categories |= {page, *(known[page].path if page in known else ())}
        return RuleContext(
            scenario=request.scenario,
            categories=frozenset(categories),
            segment=Segment.of(len(history.history.items)),
            language=request.context.locale or language,
            device=request.context.device,
        )

    def _claimed(self, model: ActiveModel, place: RankedItem, actor: Actor, language: str) -> _Ranked:
        ids = model.recommender.catalogue_ids
        product_id = ids[place.item]
        evidence = tuple(_evidence(reason, ids) for reason in place.reasons)
        return _Ranked(product_id, place, self._explanations.claim(actor, product_id, evidence, language))

    def _logged(
        self, shown: RecommendationList, weights: Mapping[Component, float], started: float
    ) -> RecommendationList:
        self._bandit.shown(shown)
        latency_ms = (time.perf_counter() - started) * 1000
        named = {component.value: weight for component, weight in weights.items()}
        if self._log.append(shown, named, latency_ms):
            return shown
        return replace(shown, degraded=(*shown.degraded, Degradation.LOG))


def _steady_now(actor: Actor) -> int:
    """The time of day in steps, so that lists can be kept; shoppers step at different moments, not all at once."""
    offset = zlib.crc32(actor.key.encode()) % _CACHE_SECONDS
    return (int(time.time()) + offset) // _CACHE_SECONDS * _CACHE_SECONDS - offset


def _validate(request: RecommendationRequest) -> None:
    if not 1 <= request.limit <= MAX_LIMIT:
        raise BadInputError(f"limit must be between 1 and {MAX_LIMIT}, not {request.limit}.", field="limit")
    for name, cap in (("maxPerCategory", request.max_per_category), ("maxPerBrand", request.max_per_brand)):
        if cap is not None and cap < 0:
            raise BadInputError(f"{name} must be 0 (no limit) or more, not {cap}.", field=name)
    if not 0 <= request.diversity <= 1:
        raise BadInputError(f"diversity must be between 0 and 1, not {request.diversity}.", field="diversity")
    if request.scenario in _SEEDED and not request.product_ids:
        raise BadInputError(f"{request.scenario} needs productIds: the products to start from.", field="productIds")
    hour = request.context.local_hour
    if hour is not None and not 0 <= hour <= 23:
        raise BadInputError(f"localHour must be between 0 and 23, not {hour}.", field="context.localHour")


def _history_flags(history: ActorHistory) -> list[Degradation]:
    flags = [(history.session_missing, Degradation.SESSION), (history.past_missing, Degradation.HISTORY)]
    return [flag for missing, flag in flags if missing]


def _language(request: RecommendationRequest, user: User | None) -> str:
    locale = request.context.locale or (user.locale if user else "en")
    return locale.replace("_", "-").split("-")[0].lower()


def _tastes(request: RecommendationRequest, user: User | None, unknown_seeds: Sequence[Product]) -> Tastes:
    """Stated preferences, what the page saw, and the categories of seed products that the model has not met yet."""
    stated = user.preferences if user else None
    seed_categories = tuple(seed.category_id for seed in unknown_seeds if seed.category_id)
    return Tastes(
        categories=(stated.categories if stated else ()) + request.behavior.recent_views + seed_categories,
        brands=stated.brands if stated else (),
        tags=stated.tags if stated else (),
    )


def _evidence(reason: Reason, ids: Sequence[str]) -> Evidence:
    """A reason in the shop's ids. Numbers are rounded, so that evidence changes only when it matters."""
    return Evidence(
        kind=reason.kind,
        product_id=None if reason.item is None else ids[reason.item],
        label=reason.label,
        count=reason.count,
        value=None if reason.value is None else round(reason.value, 2),
    )


def _items(
    ranked: Sequence[_Ranked], products: Mapping[str, Product], explanations: Mapping[str, Explanation]
) -> tuple[Recommendation, ...]:
    return tuple(
        Recommendation(
            product=products[entry.product_id],
            rank=rank,
            score=entry.place.score,
            breakdown=entry.place.breakdown,
            reasons=entry.claim.evidence,
            explanation=explanations[entry.claim.key],
            exploration=entry.place.exploration,
            propensity=entry.place.propensity,
            impression=entry.place.impression,
        )
        for rank, entry in enumerate(ranked, start=1)
    )
