"""Composition of the schema; what is in it lives in the domain folders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import strawberry
from graphql import GraphQLError
from strawberry.tools import merge_types
from strawberry.types.execution import PreExecutionError

from graphql_api.accounts.admin import AdminMutation
from graphql_api.accounts.mutations import AccountMutation
from graphql_api.accounts.queries import AccountQuery
from graphql_api.admission.documents import Documents
from graphql_api.admission.executor import YieldingExecutor
from graphql_api.admission.extension import Admission, Gate
from graphql_api.admission.persisted import TrustedDocuments
from graphql_api.admission.shape import ShapeLimits
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
from graphql_api.limits.sizes import InputSizes, describe_sizes
from graphql_api.merchandising.mutations import MerchandisingMutation
from graphql_api.merchandising.queries import MerchandisingQuery
from graphql_api.models.mutations import ModelMutation
from graphql_api.models.queries import ModelQuery
from graphql_api.models.subscriptions import ModelSubscription
from graphql_api.node import NodeQuery
from graphql_api.permissions.guard import guard
from graphql_api.privacy.mutations import PrivacyMutation
from graphql_api.privacy.queries import PrivacyQuery
from graphql_api.recommendations.queries import RecommendationQuery
from graphql_api.recommendations.subscriptions import RecommendationSubscription
from graphql_api.tracing import tracing_extensions
from graphql_api.usage.queries import UsageQuery
from graphql_api.users.mutations import UserMutation
from graphql_api.users.queries import UserQuery
from shop.errors import ShopError

if TYPE_CHECKING:
    from collections.abc import Callable

    from strawberry.extensions import SchemaExtension
    from strawberry.extensions.runner import SchemaExtensionsRunner
    from strawberry.types import ExecutionContext

    from graphql_api.metrics import Metrics
    from shop.settings import Settings

Query = merge_types(
    "Query",
    (
        NodeQuery,
        CatalogQuery,
        UserQuery,
        AccountQuery,
        RecommendationQuery,
        InsightQuery,
        ExplanationQuery,
        FeedbackQuery,
        MerchandisingQuery,
        ModelQuery,
        JobQuery,
        UsageQuery,
        AuditQuery,
        PrivacyQuery,
    ),
)
Mutation = merge_types(
    "Mutation",
    (
        InteractionMutation,
        UserMutation,
        AccountMutation,
        AdminMutation,
        CatalogMutation,
        InsightMutation,
        ExplanationMutation,
        FeedbackMutation,
        MerchandisingMutation,
        ModelMutation,
        JobMutation,
        PrivacyMutation,
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


class ShopSchema(strawberry.Schema):
    def process_errors(
        self,
        errors: list[GraphQLError],
        execution_context: ExecutionContext | None = None,  # noqa: ARG002 (the base class's signature)
    ) -> None:
        make_public(errors)

    async def _prepare_operation_async(
        self, context: ExecutionContext, extensions_runner: SchemaExtensionsRunner
    ) -> PreExecutionError | None:
        """What an extension refuses while it reads the document is an answer, also in a stream."""
        try:
            return await super()._prepare_operation_async(context, extensions_runner)
        except (ShopError, GraphQLError) as error:
            refused = error if isinstance(error, GraphQLError) else GraphQLError(error.message, original_error=error)
            context.pre_execution_errors = [refused]
            return PreExecutionError(data=None, errors=[refused])


@dataclass(frozen=True, slots=True)
class ServedSchema:
    """The schema, and the documents that are asked of it."""

    schema: ShopSchema
    documents: Documents
    trusted: TrustedDocuments | None


def serve(settings: Settings, metrics: Metrics) -> ServedSchema:
    """The schema as strangers may ask it: each operation is admitted by the limits of the settings."""
    path = settings.api.trusted_documents
    trusted = TrustedDocuments.load(path) if path is not None else None
    schema = build_schema(lambda: Admission(gate), *tracing_extensions())
    documents = Documents(
        schema._schema,
        ShapeLimits(depth=settings.api.max_query_depth),
        max_length=settings.api.max_query_length,
        max_tokens=settings.api.max_query_tokens,
        kept_bytes=settings.api.query_cache_bytes,
        hide_suggestions=settings.introspection != "everyone",
    )
    sizes = InputSizes(schema._schema)
    gate = Gate(documents, trusted, sizes, settings, metrics)
    return ServedSchema(schema, documents, trusted)


def build_schema(*extensions: Callable[[], SchemaExtension]) -> ShopSchema:
    schema = ShopSchema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        execution_context_class=YieldingExecutor,
        extensions=extensions,
    )
    describe_sizes(schema._schema)
    guard(schema._schema)
    return schema
