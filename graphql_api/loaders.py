"""Data loaders: what a page's rows need is fetched in one go."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from strawberry.dataloader import DataLoader

if TYPE_CHECKING:
    from scoring.types import Scenario
    from shop.entities.catalog import Product
    from shop.resources.serving import ServingResources

NeighbourKey = tuple[str, "Scenario", int]  # product id, SIMILAR or BOUGHT_TOGETHER, how many


class Loaders:
    """They batch within one turn of the event loop and keep nothing."""

    def __init__(self, resources: ServingResources, *, also_withdrawn: bool) -> None:
        self._resources = resources
        self._also_withdrawn = also_withdrawn
        self.products: DataLoader[str, Product | None] = DataLoader(self._load_products, cache=False)
        self.excluded: DataLoader[str, bool] = DataLoader(self._load_excluded, cache=False)
        self.neighbours: DataLoader[NeighbourKey, list[Product]] = DataLoader(self._load_neighbours, cache=False)

    async def _load_products(self, ids: list[str]) -> list[Product | None]:
        products = await self._resources.catalog.get_many(ids, also_withdrawn=self._also_withdrawn)
        return [products.get(id_) for id_ in ids]

    async def _load_excluded(self, interaction_ids: list[str]) -> list[bool]:
        excluded = await self._resources.corrections.excluded(interaction_ids)
        return [id_ in excluded for id_ in interaction_ids]

    async def _load_neighbours(self, keys: list[NeighbourKey]) -> list[list[Product]]:
        groups: dict[tuple[Scenario, int], list[str]] = defaultdict(list)
        for product_id, scenario, limit in keys:
            groups[scenario, limit].append(product_id)
        found: dict[NeighbourKey, list[Product]] = {}
        for (scenario, limit), ids in groups.items():
            rows = await self._resources.neighbours.of(ids, scenario, limit)
            found.update(((id_, scenario, limit), row) for id_, row in zip(ids, rows, strict=True))
        return [found[key] for key in keys]
