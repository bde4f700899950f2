"""Facts that tests write about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scoring.types import ReasonKind
from shop.texts.facts import ExplanationTask, Fact, InsightTask, ItemTask, ProductFacts, ShopperFacts
from workers.llm.breaker import Breaker, BreakerLimits, GuardedProvider
from workers.llm.writer import Writer

if TYPE_CHECKING:
    from workers.llm.protocol import LlmProvider

MILK = ProductFacts("Organic Oat Milk", "Kroger", "Plant Milk", "$3.49", "64 oz", "Creamy oat drink.")
CEREAL = ProductFacts("Honey Nut Rings", "General Mills", "Cereal", "$4.25", "12 oz")

TOGETHER = Fact(ReasonKind.BOUGHT_TOGETHER, "Whole Milk, 1 gal", None, 312, 2.41)
CATEGORY = Fact(ReasonKind.SAME_CATEGORY, None, "Cereal", 9)

TASK = ExplanationTask(
    "en",
    (ItemTask(MILK, (TOGETHER,)), ItemTask(CEREAL, (CATEGORY, Fact(ReasonKind.POPULAR, count=540)))),
    ShopperFacts(("Dairy", "Cereal"), ("vegan",)),
)

INSIGHT = InsightTask("en", (("Cereal", 42), ("Plant Milk", 30)), (("Kroger", 25),), 120, "$3.20", ("vegan",))


def writer_of(provider: LlmProvider) -> Writer:
    """A writer that asks this provider alone."""
    return Writer([GuardedProvider(provider, Breaker(provider.source, BreakerLimits()), max_concurrency=4)])


# One fact of each kind, with all that it can carry.
EVERY_KIND = {
    ReasonKind.BOUGHT_TOGETHER: TOGETHER,
    ReasonKind.ALSO_BOUGHT: Fact(ReasonKind.ALSO_BOUGHT, "Whole Milk, 1 gal", None, 312, 2.41),
    ReasonKind.SIMILAR_TO: Fact(ReasonKind.SIMILAR_TO, "Almond Drink Plain", None, None, 0.83),
    ReasonKind.SAME_CATEGORY: CATEGORY,
    ReasonKind.SAME_BRAND: Fact(ReasonKind.SAME_BRAND, None, "Kroger", 25),
    ReasonKind.SHOPPERS_LIKE_YOU: Fact(ReasonKind.SHOPPERS_LIKE_YOU, None, None, 1540),
    ReasonKind.TRENDING: Fact(ReasonKind.TRENDING, None, None, None, 3.27),
    ReasonKind.POPULAR: Fact(ReasonKind.POPULAR, None, None, 540),
    ReasonKind.BUY_AGAIN: Fact(ReasonKind.BUY_AGAIN, None, None, 4, 12.3),
    ReasonKind.DUE_AGAIN: Fact(ReasonKind.DUE_AGAIN, None, None, 9, -2.5),
    ReasonKind.RECENTLY_VIEWED: Fact(ReasonKind.RECENTLY_VIEWED, None, None, None, 3.0),
    ReasonKind.STATED_TASTE: Fact(ReasonKind.STATED_TASTE, None, "vegan"),
    ReasonKind.EXPLORATION: Fact(ReasonKind.EXPLORATION, None, None, None, 0.05),
    ReasonKind.PROMOTED: Fact(ReasonKind.PROMOTED),
    ReasonKind.CATALOGUE: Fact(ReasonKind.CATALOGUE, None, "Cereal"),
}
