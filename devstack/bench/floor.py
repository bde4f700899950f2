"""The floor of the benchmark: the product's own schema types over constant data, in a process of its own."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import strawberry
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route
from strawberry.asgi import GraphQL
from strawberry.extensions import ParserCache, ValidationCache

from devstack.stack.ports import HOST
from graphql_api.recommendations.types import RecommendationInput, RecommendationList
from scoring.types import Component, ComponentScore, ReasonKind, Scenario
from shop.entities import recommendations as entities
from shop.entities.catalog import Money, Product
from shop.entities.evidence import Evidence
from shop.entities.explanations import Explanation, Text, TextSource, TextStatus
from shop.entities.users import Actor

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_TEXT = "Shoppers who bought Whole Milk, 1 gal often put this into the same basket. You buy from Cereal every week."


def constant_list(limit: int) -> RecommendationList:
    """A list of the usual size, converted once."""
    evidence = Evidence(ReasonKind.SAME_CATEGORY, label="grocery/cereal", count=9, value=None)
    part = ComponentScore(value=1.25, weight=0.25, share=0.25)
    items = tuple(
        entities.Recommendation(
            product=Product(f"product-{rank}", f"sku-{rank}", "Kids Cereal, 14.5 oz", price=Money(Decimal("3.49"))),
            rank=rank,
            score=0.5,
            breakdown=dict.fromkeys(Component, part),
            reasons=(evidence,) * 3,
            explanation=Explanation(
                f"key-{rank}",
                "u:someone",
                f"product-{rank}",
                TextStatus.READY,
                (evidence,) * 3,
                text=Text(_TEXT, TextSource.TEMPLATE, None, "template-1", _NOW),
            ),
            exploration=False,
            propensity=1.0,
        )
        for rank in range(1, limit + 1)
    )
    return RecommendationList.of(
        entities.RecommendationList(
            id="constant",
            actor=Actor(user_id="someone"),
            scenario=Scenario.FOR_YOU,
            items=items,
            insight=None,
            model_version="constant",
            generated_at=_NOW,
            freshness=entities.Freshness(None, None),
        )
    )


class ConstantView(GraphQL[Any, None]):
    """Strawberry's endpoint, encoding as the product's does."""

    def encode_json(self, data: object) -> bytes:
        return orjson.dumps(data, default=str)


def app(limit: int) -> Starlette:
    constant = constant_list(limit)

    @strawberry.type
    class Query:
        @strawberry.field
        async def recommendations(self, input: RecommendationInput | None = None) -> RecommendationList:  # noqa: A002, ARG002
            return constant

    extensions = [lambda: ParserCache(maxsize=1000), lambda: ValidationCache(maxsize=1000)]
    schema = strawberry.Schema(query=Query, extensions=extensions)
    return Starlette(routes=[Route("/graphql", ConstantView(schema))])


if __name__ == "__main__":
    uvicorn.run(app(int(sys.argv[2])), host=HOST, port=int(sys.argv[1]), log_config=None, access_log=False)
