"""Composition of the schema; what is in it lives in the domain folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import strawberry
from strawberry.extensions import (
    AddValidationRules,
    MaxAliasesLimiter,
    MaxTokensLimiter,
    ParserCache,
    QueryDepthLimiter,
    ValidationCache,
)
from strawberry.tools import merge_types

from graphql_api.audit.queries import AuditQuery
from graphql_api.catalog.mutations import CatalogMutation
from graphql_api.catalog.queries import CatalogQuery
from graphql_api.catalog.subscriptions import CatalogSubscription
from graphql_api.errors import make_public
from graphql_api.explanations.mutations import ExplanationMutation
from graphql_api.explanations.queries import ExplanationQuery
from graphql_api.explanations.subscriptions import ExplanationSubscription
from graphql_api.feedback.mutations import FeedbackMutation
from graphql_api.feedback.queries import FeedbackQuery
from graphql_api.insights.mutations import InsightMutation
from graphql_api.insights.queries import InsightQuery
from graphql_api.insights.subscriptions import InsightSubscription
from graphql_api.interactions.mutations import InteractionMutation
from graphql_api.jobs.mutations import JobMutation
from graphql_api.jobs.queries import JobQuery
from graphql_api.jobs.subscriptions import JobSubscription
from graphql_api.merchandising.mutations import MerchandisingMutation
from graphql_api.merchandising.queries import MerchandisingQuery
from graphql_api.models.mutations import ModelMutation
from graphql_api.models.queries import ModelQuery
from graphql_api.models.subscriptions import ModelSubscription
from graphql_api.node import NodeQuery
from graphql_api.recommendations.queries import RecommendationQuery
from graphql_api.recommendations.subscriptions import RecommendationSubscription
from graphql_api.usage.queries import UsageQuery
from graphql_api.users.mutations import UserMutation
from graphql_api.users.queries import UserQuery
from shop.settings import ApiSettings

if TYPE_CHECKING:
    from graphql import GraphQLError
    from strawberry.types import ExecutionContext

Query = merge_types(
    "Query",
    (
        NodeQuery,
        CatalogQuery,
        UserQuery,
        RecommendationQuery,
        InsightQuery,
        ExplanationQuery,
        FeedbackQuery,
        MerchandisingQuery,
        ModelQuery,
        JobQuery,
        UsageQuery,
        AuditQuery,
    ),
)
Mutation = merge_types(
    "Mutation",
    (
        InteractionMutation,
        UserMutation,
        CatalogMutation,
        InsightMutation,
        ExplanationMutation,
        FeedbackMutation,
        MerchandisingMutation,
        ModelMutation,
        JobMutation,
    ),
)
Subscription = merge_types(
    "Subscription",
    (
        RecommendationSubscription,
        ExplanationSubscription,
        InsightSubscription,
        CatalogSubscription,
        ModelSubscription,
        JobSubscription,
    ),
)

_MAX_ALIASES = 30


class ShopSchema(strawberry.Schema):
    def process_errors(
        self,
        errors: list[GraphQLError],
        execution_context: ExecutionContext | None = None,  # noqa: ARG002 (the base class's signature)
    ) -> None:
        make_public(errors)


def build_schema(settings: ApiSettings) -> ShopSchema:
    depth, aliases = QueryDepthLimiter(settings.max_query_depth), MaxAliasesLimiter(_MAX_ALIASES)
    # One list of rules for all requests: ValidationCache knows a query again by them.
    rules = [*depth.validation_rules, *aliases.validation_rules]
    return ShopSchema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        extensions=[
            lambda: AddValidationRules(rules),
            lambda: MaxTokensLimiter(max_token_count=settings.max_query_tokens),
            # Parsing and validating would cost several times what running a usual query costs.
            lambda: ParserCache(maxsize=1000),
            lambda: ValidationCache(maxsize=1000),
        ],
    )
