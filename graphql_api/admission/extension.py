"""Which operations run: their document is read, its cost, sizes and rate are checked, and a deadline is set."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from graphql import GraphQLError, OperationType
from strawberry.extensions import SchemaExtension

from graphql_api.admission.documents import Document, Documents
from shop.errors import CostExceededError, DeadlineError, ShopError

if TYPE_CHECKING:
    from graphql_api.admission.documents import Operation
    from graphql_api.admission.persisted import TrustedDocuments
    from graphql_api.context import Context
    from graphql_api.limits.sizes import InputSizes
    from graphql_api.metrics import Metrics
    from shop.settings import Settings


def reading_costs(text: str) -> float:
    """What a document costs that is not known: it has to be parsed and validated."""
    return 5 + len(text) / 100


@dataclass(frozen=True, slots=True)
class Gate:
    """What all operations of a process are admitted by."""

    documents: Documents
    trusted: TrustedDocuments | None
    sizes: InputSizes
    settings: Settings
    metrics: Metrics


class Admission(SchemaExtension):
    """One operation's."""

    _document: Document  # from on_parse on

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self._gate = gate
        self._cost: dict[str, Any] | None = None

    @property
    def _context(self) -> Context:
        return cast("Context", self.execution_context.context)

    async def on_parse(self) -> AsyncIterator[None]:
        """Raises GraphQLError for a document that cannot be parsed."""
        self._document = await self._read(self.execution_context.query or "")
        self.execution_context.graphql_document = self._document.node
        yield

    async def _read(self, text: str) -> Document:
        """What the transport has read already is in the request's state, an error too."""
        known = getattr(self._context.request.state, "read", None)
        if isinstance(known, Exception):
            raise known
        if isinstance(known, Document):
            return known
        if not self._gate.documents.knows(text):
            context = self._context
            await context.resources.rates.take(context.viewer, context.address, reading_costs(text))
        return await self._gate.documents.read(text)

    async def on_validate(self) -> AsyncIterator[None]:
        execution, document = self.execution_context, self._document
        execution.pre_execution_errors = list(document.errors)
        if not document.errors:
            try:
                await self._admit(document, document.operation(execution.operation_name))
            except ShopError as error:
                execution.pre_execution_errors = [GraphQLError(error.message, original_error=error)]
        yield

    async def on_execute(self) -> AsyncIterator[None]:
        """Raises DeadlineError when there is no more time; a subscription has as much as it wants."""
        execution = self.execution_context
        kind = execution.operation_type.value
        seconds = self._gate.settings.api.deadline_seconds
        started = time.perf_counter()
        try:
            async with asyncio.timeout(None if kind == OperationType.SUBSCRIPTION.value else seconds) as deadline:
                yield
        except TimeoutError as error:
            if deadline.expired():
                raise DeadlineError(seconds) from error
            raise
        finally:
            cost = self._cost["requested"] if self._cost else 0
            self._gate.metrics.operation(kind.lower(), execution.operation_name, time.perf_counter() - started, cost)

    def get_results(self) -> dict[str, Any]:
        return {} if self._cost is None else {"cost": self._cost}

    @property
    def _limit(self) -> int:
        """The most that an operation of this viewer may cost."""
        settings, viewer = self._gate.settings.api, self._context.viewer
        batches = settings.max_batch_cost if viewer is not None and viewer.is_staff else 0
        return max(settings.max_query_cost, batches)

    async def _admit(self, document: Document, operation: Operation) -> None:
        """Raises ShopError for an operation that must not run."""
        if self._gate.trusted is not None:
            self._gate.trusted.require(document.text)
        if document.introspects:
            self._context.require_introspection()
        variables = self.execution_context.variables
        cost, limit = operation.cost(variables), self._limit
        self._cost = {"requested": cost.units, "limit": limit}
        if cost.units > limit:
            raise CostExceededError(
                f"This costs {cost.units:,}, and {limit:,} is the limit. Ask for shorter lists or in several requests: "
                "`@cost` and `@listSize` in the schema say what fields cost."
            )
        context = self._context
        remaining = await context.resources.rates.take(context.viewer, context.address, cost.units, cost.writes)
        self._cost["remaining"] = int(remaining)
        self._gate.sizes.require(operation.sent, operation.node, variables)
