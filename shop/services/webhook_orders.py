"""Orders that another shop system tells of: each line is a purchase, once, until the order is taken back."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import structlog

from scoring.types import EventType
from shop import values
from shop.entities.interactions import InteractionDraft
from shop.entities.users import Actor
from shop.entities.webhooks import Outcome, Processed
from shop.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shop.entities.webhooks import OrderLine, OrderUpdate
    from shop.services.catalog import CatalogService
    from shop.services.corrections import CorrectionService
    from shop.services.interactions import InteractionService
    from shop.services.user_changes import UserChangeService
    from shop.store.interactions import InteractionStore
    from shop.store.webhooks import WebhookStore

_log = structlog.get_logger(__name__)
_MOST_LINES = 1_000


class WebhookOrders:
    """`currency` is that of orders which name none."""

    def __init__(
        self,
        store: WebhookStore,
        events: InteractionStore,
        catalog: CatalogService,
        interactions: InteractionService,
        corrections: CorrectionService,
        users: UserChangeService,
        currency: str,
    ) -> None:
        self._store = store
        self._events = events
        self._catalog = catalog
        self._interactions = interactions
        self._corrections = corrections
        self._users = users
        self._currency = currency

    async def update(self, told: OrderUpdate) -> Processed:
        """Raises UnavailableError."""
        actor = _actor(told)
        if isinstance(actor, Problem):
            return Processed(Outcome.REFUSED, (actor,))
        if actor is None or await self._users.was_erased_since(actor, told.ordered_at):
            _log.info("order_without_shopper", order=_nameless(told.subject))
            return Processed(Outcome.IGNORED)
        if len(told.lines) > _MOST_LINES:
            problem = Problem("line_items", "TOO_MANY", f"At most {_MOST_LINES:,} lines of one order.")
            return Processed(Outcome.REFUSED, (problem,))
        if not await self._store.advance(_nameless(told.subject), told.at):
            return Processed(Outcome.STALE)
        if actor.user_id is not None:
            await self._users.ensure({actor.user_id})
        problems = await self._record(actor, told) if told.counts else []
        await self._take_back(actor, told)
        refused = told.counts and len(problems) >= len(told.lines) > 0
        return Processed(Outcome.REFUSED if refused else Outcome.DONE, tuple(problems))

    async def _record(self, actor: Actor, told: OrderUpdate) -> list[Problem]:
        """Stores the lines as purchases; returns why some are not."""
        earlier = await self._events.of_order(actor, told.number)
        imported = {product for id_, product in earlier.items() if f":{told.subject}:" not in id_}
        products = await self._products(told.lines)
        places: list[int] = []
        drafts: list[InteractionDraft] = []
        problems: list[Problem] = []
        for place, line in enumerate(told.lines):
            product_id = products.get(line)
            if product_id is None:
                _log.info("order_line_without_product", order=told.subject, line=line.id)
                problems.append(Problem(f"line_items.{place}", "NOT_FOUND", "This product is not known here."))
            elif product_id not in imported:  # else the same order came in by a file
                places.append(place)
                drafts.append(self._draft(told, line, product_id))
        recorded = await self._interactions.record(actor, drafts)
        problems += [
            Problem(f"line_items.{places[index]}.{problem.field}", problem.code, problem.message)
            for index, problem in recorded.refused
        ]
        return problems

    def _draft(self, told: OrderUpdate, line: OrderLine, product_id: str) -> InteractionDraft:
        currency = told.currency or self._currency
        return InteractionDraft(
            type=EventType.PURCHASE,
            product_id=product_id,
            key=f"{told.subject}:{line.id}",
            at=told.ordered_at,
            quantity=line.quantity,
            price=values.rounded(line.price, currency),
            currency=currency,
            order_id=told.number,
        )

    async def _products(self, lines: Sequence[OrderLine]) -> dict[OrderLine, str]:
        """Our ids of the products: of those that were told of, of those that have the SKU, and of those whose ids are
        the other system's."""
        subjects = {line.subject for line in lines if line.subject}
        by_subject = await self._store.products_of(subjects)
        by_sku = await self._catalog.by_skus({line.sku for line in lines if line.sku})
        ids = {subject: subject.rpartition(":")[2] for subject in subjects - by_subject.keys()}
        same = await self._catalog.get_many(ids.values(), also_withdrawn=True)
        found: dict[OrderLine, str] = {}
        for line in lines:
            of_sku = by_sku.get(line.sku or "")
            known = by_subject.get(line.subject or "") or (of_sku.id if of_sku else ids.get(line.subject or ""))
            if known and (of_sku or known in same or line.subject in by_subject):
                found[line] = known
        return found

    async def _take_back(self, actor: Actor, told: OrderUpdate) -> None:
        """An order that is cancelled no longer counts; one that is not any more counts again."""
        shopper = await self._interactions.shopper_of(actor)
        own = await self._events.of_order(shopper, told.number)
        await self._corrections.take_back(shopper, own, counts=told.counts)


def _actor(told: OrderUpdate) -> Actor | Problem | None:
    """None for an order that says nothing of its shopper."""
    try:
        user_id = values.clean_user_id(told.user_id) if told.user_id else None
        session_id = values.clean_id(told.session_id) if told.session_id else None
    except values.RefusedValueError as error:
        return Problem("customer", error.code, error.message)
    return Actor(user_id, session_id) if user_id or session_id else None


def _nameless(subject: str) -> str:
    """What is remembered of an order does not tell which one it is: it would outlive whoever has their data erased."""
    system, _, number = subject.rpartition(":")
    return f"{system}:{hashlib.sha256(number.encode()).hexdigest()}"
