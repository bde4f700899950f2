"""What a list draws is drawn among what it can show."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from scoring.types import Scenario
from shop.entities.recommendations import RecommendationRequest
from shop.entities.users import Actor
from shop.services.freshness import FreshnessService
from shop.services.ranking import Ranker, Ranking
from shop.services.resolution import RequestResolver
from shop.services.session_owners import SessionOwnerService

if TYPE_CHECKING:
    from shop.resources.serving import ServingResources
    from shop.services.bandit import BanditService
    from tests.fixtures.shop import Shop


@pytest.fixture
def ranker(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Ranker:
    """Half of a list is drawn, evenly: nothing was learned from clicks."""
    monkeypatch.setattr(type(shop.resources.bandit), "state", property(_nothing_learned))
    resources = shop.resources
    settings = shop.settings.model.model_copy(update={"exploration_share": 0.5})
    return Ranker(resources.catalog, resources.merchandising, resources.bandit, resources.explanations, settings)


def _nothing_learned(_: BanditService) -> None:
    return None


async def ranked(resources: ServingResources, ranker: Ranker) -> Ranking:
    stores, history = resources.stores, resources.history
    owners = SessionOwnerService(
        stores.session_owners, FreshnessService(stores.sessions, history, resources.insights, resources.hub)
    )
    resolver = RequestResolver(resources.models, history, owners, resources.catalog, "en")
    request = RecommendationRequest(Actor(session_id="draws"), Scenario.FOR_YOU, limit=2, diversity=0.0)
    return await ranker.rank(await resolver.resolve(request, None))


async def set_stock(resources: ServingResources, ids: list[str], *, in_stock: bool) -> None:
    products = await resources.catalog.get_many(ids)
    await resources.catalog.upsert([replace(product, in_stock=in_stock) for product in products.values()])


async def test_a_sold_out_product_gives_its_chance_to_those_that_can_be_shown(shop: Shop, ranker: Ranker) -> None:
    """One of two positions is drawn among n products: each has the probability 1 / n, whatever was sold out before."""
    resources, ids = shop.resources, shop.resources.models.require().recommender.catalogue_ids
    before = (await ranked(resources, ranker)).ranked[1]
    rivals = [ids[item] for item in before.item.drawn_among]
    others = [id_ for id_ in rivals if id_ != before.product_id]
    gone = [before.product_id, *others[:10]]
    await set_stock(resources, others[:10], in_stock=False)
    try:
        same_shown = (await ranked(resources, ranker)).ranked[1]
        await set_stock(resources, gone, in_stock=False)
        redrawn = (await ranked(resources, ranker)).ranked[1]
    finally:
        await set_stock(resources, gone, in_stock=True)

    assert before.item.exploration
    assert before.item.propensity == pytest.approx(1 / len(rivals))
    for drawn, sold_out in ((same_shown, others[:10]), (redrawn, gone)):
        left = {ids[item] for item in drawn.item.drawn_among}
        assert drawn.product_id in left
        assert not left & set(sold_out)
        assert drawn.item.propensity == pytest.approx(1 / len(left))
