"""A resolved request to products in their order: rules, stock and exploration applied, lists kept while they hold."""

from __future__ import annotations

import asyncio
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from scoring.ranking.query import Query
from scoring.ranking.rules import RuleContext, Segment
from scoring.types import Caps, Reason, Scenario, Tastes
from shop.bounded import BoundedDict
from shop.entities.evidence import Evidence
from shop.errors import UnavailableError
from shop.services.history import with_behavior

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from scoring.types import RankedItem
    from shop.entities.catalog import Product
    from shop.entities.explanations import WantedExplanation
    from shop.entities.recommendations import RecommendationRequest
    from shop.services.bandit import BanditService
    from shop.services.catalog import CatalogService
    from shop.services.explanations import ExplanationService
    from shop.services.merchandising import MerchandisingService
    from shop.services.models import ActiveModel
    from shop.services.resolution import ResolvedRequest
    from shop.settings import ModelSettings

_CACHED_LISTS = 5_000
_LONGEST_CACHED = 20  # items; longer lists are rare, and large
_REFILLS = 8  # each knows what the ones before found missing


@dataclass(frozen=True, slots=True)
class RankedProduct:
    """A product of a list, before it is looked up. What its explanation rests on is derived once for a kept list: it
    costs more than the look-up."""

    product_id: str
    item: RankedItem
    wanted: WantedExplanation


@dataclass(frozen=True, slots=True)
class Ranking:
    """Products in their order. With `memory_only` MongoDB was needed and away: those not in memory are missing."""

    ranked: tuple[RankedProduct, ...]
    products: Mapping[str, Product]
    memory_only: bool


class Ranker:
    def __init__(
        self,
        catalog: CatalogService,
        merchandising: MerchandisingService,
        bandit: BanditService,
        explanations: ExplanationService,
        settings: ModelSettings,
    ) -> None:
        self._catalog = catalog
        self._merchandising = merchandising
        self._bandit = bandit
        self._explanations = explanations
        self._exploration_share = settings.exploration_share
        self._caps = Caps(settings.max_per_category, settings.max_per_brand)
        self._seed_share = settings.max_share_per_seed
        # One list at a time: more threads would take turns with each other, and the event loop with all of them.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ranking")
        self._stock: tuple[tuple[str, int], NDArray[np.bool_], NDArray[np.bool_]] | None = None  # in stock, and out
        self._lists: BoundedDict[tuple[object, ...], tuple[RankedProduct, ...]] = BoundedDict(_CACHED_LISTS)

    def forget_lists(self) -> None:
        """Drops all lists that are kept: they are made again when they are asked for."""
        self._lists.clear()

    async def rank(self, asked: ResolvedRequest) -> Ranking:
        """The list over products that are on offer and in stock (or out of it, if asked for); what does not fit is
        replaced by what comes next. What goes with an empty cart is nothing.

        Where positions were drawn, all that could have been drawn must fit as well: a draw among products that cannot
        be shown would have another probability than the one that is logged.
        """
        request = asked.request
        if request.scenario is Scenario.CART and not request.product_ids:
            return Ranking((), {}, memory_only=False)
        missing: tuple[str, ...] = ()
        stock = self._catalog.stock_version if not request.in_stock else None
        for _ in range(_REFILLS):
            ranked = await self._ranked(_without(asked, missing), stock)
            shown = [entry.product_id for entry in ranked]
            products, memory_only = await self._products(shown)
            unfit = tuple(id_ for id_ in shown if not _fits(products.get(id_), request))
            unfit += await self._unfit_rivals(asked, ranked)
            if not unfit:
                break
            missing += unfit
            # Only lists that meet a product out of stock are ranked by stock: it changes too often for all of them.
            stock = self._catalog.stock_version
        fit = tuple(entry for entry in ranked if entry.product_id not in missing)
        return Ranking(fit, products, memory_only)

    async def _unfit_rivals(self, asked: ResolvedRequest, ranked: Sequence[RankedProduct]) -> tuple[str, ...]:
        """What could have been drawn for a position, though it cannot be shown; as far as memory knows where MongoDB is
        away."""
        ids = asked.model.recommender.catalogue_ids
        shown = {entry.product_id for entry in ranked}
        rivals = dict.fromkeys(ids[item] for entry in ranked for item in entry.item.drawn_among)
        asked_for = [id_ for id_ in rivals if id_ not in shown]
        if not asked_for:
            return ()
        products, memory_only = await self._products(asked_for)
        return tuple(
            id_
            for id_ in asked_for
            if not _fits(products.get(id_), asked.request) and (id_ in products or not memory_only)
        )

    async def _products(self, ids: list[str]) -> tuple[dict[str, Product], bool]:
        """The products, and whether MongoDB was needed but away."""
        try:
            return await self._catalog.get_many(ids), False
        except UnavailableError:
            return self._catalog.in_memory(ids), True

    async def _ranked(self, asked: ResolvedRequest, stock: int | None) -> tuple[RankedProduct, ...]:
        """A kept list, or a new one. `stock` is the version of the stock that the list must fit, None for any."""
        model = asked.model
        rules = self._merchandising.apply(model, _rule_context(asked))
        key = (
            model.version,
            asked.request,
            asked.preferences,
            asked.language,
            asked.history.stamp,
            asked.now,
            stock,
            rules.key,
        )
        ranked = self._lists.get(key)
        if ranked is None:
            available = self._available(model, in_stock=asked.request.in_stock) if stock is not None else None
            query = replace(self._query(asked), rules=rules.ruling(), available=available)
            items = await asyncio.get_running_loop().run_in_executor(self._thread, model.recommender.recommend, query)
            ranked = tuple(self._ranked_product(asked, item, turn) for turn, item in enumerate(items))
            if asked.request.limit <= _LONGEST_CACHED:
                self._lists.put(key, ranked)
        return ranked

    def _query(self, asked: ResolvedRequest) -> Query:
        request, behavior = asked.request, asked.request.behavior
        index_of = asked.model.recommender.index_of
        return Query(
            scenario=request.scenario,
            history=with_behavior(asked.history.history, index_of, behavior.viewed, behavior.purchased, asked.now),
            now=asked.now,
            limit=request.limit,
            seeds=tuple(index_of[id_] for id_ in request.product_ids if id_ in index_of),
            exclude=tuple(index_of[id_] for id_ in request.exclude_product_ids if id_ in index_of),
            include_purchased=request.include_purchased,
            diversity=request.diversity,
            filter=request.filter,
            caps=Caps(
                self._caps.per_category if request.max_per_category is None else request.max_per_category,
                self._caps.per_brand if request.max_per_brand is None else request.max_per_brand,
                max(1, int(self._seed_share * request.limit + 1e-9)) if self._seed_share < 1 else 0,
            ),
            tastes=_tastes(asked),
            local_hour=request.context.local_hour,
            device=request.context.device,
            exploration_share=self._exploration_share,
            bandit=self._bandit.state,
            seed=_seed(asked),
        )

    def _available(self, model: ActiveModel, *, in_stock: bool) -> NDArray[np.bool_]:
        """The model's products that are in stock, or those that are not, as far as is known, and not withdrawn; shape
        (items,)."""
        version = (model.version, self._catalog.stock_version)
        if self._stock is None or self._stock[0] != version:
            index_of = model.recommender.index_of
            masks = np.ones((2, model.recommender.n_items), dtype=bool)
            for mask, ids in zip(masks, (self._catalog.out_of_stock, self._catalog.withdrawn), strict=True):
                mask[[index_of[id_] for id_ in ids if id_ in index_of]] = False
            stocked, offered = masks
            self._stock = (version, stocked & offered, ~stocked & offered)
        _, available, sold_out = self._stock
        return available if in_stock else sold_out

    def _ranked_product(self, asked: ResolvedRequest, item: RankedItem, turn: int) -> RankedProduct:
        ids = asked.model.recommender.catalogue_ids
        product_id = ids[item.item]
        evidence = tuple(_evidence(reason, ids) for reason in item.reasons)
        wanted = self._explanations.identify(asked.actor, product_id, evidence, asked.language, turn)
        return RankedProduct(product_id, item, wanted)


def _fits(product: Product | None, request: RecommendationRequest) -> bool:
    """Whether a list may show it."""
    return product is not None and product.in_stock == request.in_stock


def _without(asked: ResolvedRequest, product_ids: tuple[str, ...]) -> ResolvedRequest:
    if not product_ids:
        return asked
    excluded = asked.request.exclude_product_ids + product_ids
    return replace(asked, request=replace(asked.request, exclude_product_ids=excluded))


def _rule_context(asked: ResolvedRequest) -> RuleContext:
    return RuleContext(
        scenario=asked.request.scenario,
        categories=asked.categories,
        segment=Segment.of(len(asked.history.history.items)),
        language=asked.request.context.locale or asked.language,
        device=asked.request.context.device,
    )


def _seed(asked: ResolvedRequest) -> int:
    """Equal requests explore equally until the shopper acts, the model changes, or a step of time passes."""
    stamp = asked.history.stamp[1]
    return zlib.crc32(f"{asked.actor.key}:{asked.model.version}:{stamp!r}:{asked.now}".encode())


def _tastes(asked: ResolvedRequest) -> Tastes:
    """Stated preferences, what the page saw, and the categories of seed products that the model has not met yet."""
    stated, index_of = asked.preferences, asked.model.recommender.index_of
    unknown = [seed for id_, seed in asked.seeds.items() if id_ not in index_of]
    seed_categories = tuple(seed.category_id for seed in unknown if seed.category_id)
    return Tastes(
        categories=stated.categories if stated else (),
        brands=stated.brands if stated else (),
        tags=stated.tags if stated else (),
        looked_at=asked.request.behavior.recent_views + seed_categories,
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
