"""Similar and bought-together products, for pages that list products."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scoring.ranking.rules import RuleContext
from scoring.types import Scenario

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shop.entities.catalog import Product
    from shop.services.catalog import CatalogService
    from shop.services.merchandising import MerchandisingService
    from shop.services.models import ActiveModel, ModelService


class NeighbourService:
    def __init__(self, models: ModelService, catalog: CatalogService, merchandising: MerchandisingService) -> None:
        self._models = models
        self._catalog = catalog
        self._merchandising = merchandising

    async def of(self, product_ids: Sequence[str], scenario: Scenario, limit: int) -> list[list[Product]]:
        """Those of each id, SIMILAR or BOUGHT_TOGETHER: one catalogue query for all, nothing logged.

        On offer, in stock, and not where an EXCLUDE rule forbids it; the shop's other rules are for lists.
        """
        model = self._models.active
        if model is None:
            return [[] for _ in product_ids]
        rows = [self._ids(model, id_, scenario)[:limit] for id_ in product_ids]
        products = await self._catalog.get_many({id_ for row in rows for id_ in row})
        return [[products[id_] for id_ in row if id_ in products and products[id_].in_stock] for row in rows]

    def _ids(self, model: ActiveModel, product_id: str, scenario: Scenario) -> list[str]:
        index_of, ids, facts = model.recommender.index_of, model.recommender.catalogue_ids, model.recommender.facts
        if product_id not in index_of:
            return []
        near = (facts.similar if scenario is Scenario.SIMILAR else facts.cooccurrence).items[index_of[product_id]]
        seed = self._catalog.in_memory((product_id,)).get(product_id)
        context = RuleContext(scenario, frozenset(seed.category_path if seed else ()))
        ruling = self._merchandising.apply(model, context).ruling()
        shown = near[(near >= 0) & ~ruling.excluded[near]] if ruling else near[near >= 0]
        hidden = (self._catalog.out_of_stock, self._catalog.withdrawn)
        return [ids[index] for index in shown.tolist() if not any(ids[index] in known for known in hidden)]
