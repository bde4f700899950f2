"""The shop's merchandising rules: validated, stored, and in memory for every list of this process."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog

from scoring.ranking.compiled_rules import CompiledRules
from scoring.ranking.rules import RuleAction
from shop.entities.events import Event, Topic
from shop.entities.recommendations import MAX_LIMIT
from shop.errors import Problem, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scoring.ranking.rules import Rule, RuleContext
    from scoring.types import Ruling
    from shop.entities.merchandising import MerchandisingRule
    from shop.entities.paging import Page, PageRequest
    from shop.services.catalog import CatalogService
    from shop.services.events import EventHub
    from shop.services.models import ActiveModel
    from shop.store.merchandising import MerchandisingStore

_log = structlog.get_logger(__name__)
MAX_RULES = 1_000
MAX_FACTOR = 100.0
LONGEST_RULE_NAME = 200
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")


@dataclass(frozen=True, slots=True)
class AppliedRules:
    """The rules that apply to one request. `key` is the same for all requests to which the same ones apply."""

    key: tuple[object, ...]
    compiled: CompiledRules
    applied: tuple[int, ...]

    def ruling(self) -> Ruling | None:
        return self.compiled.ruling(self.applied)


@dataclass(frozen=True, slots=True)
class SavedRule:
    """The rule as it is stored, and what in it may not be meant so."""

    stored: MerchandisingRule
    warnings: list[Problem]


class MerchandisingService:
    """Rules are kept in memory, read anew after a change in the event log, and by a slow poll in case it was lost."""

    def __init__(self, store: MerchandisingStore, catalog: CatalogService, hub: EventHub) -> None:
        self._store = store
        self._catalog = catalog
        self._hub = hub
        self._rules: tuple[Rule, ...] = ()
        self._version = 0
        self._compiled: tuple[tuple[str, int], CompiledRules] | None = None
        self._loading = asyncio.Lock()
        self._refreshing: asyncio.Task[None] | None = None
        hub.listen(Topic.RULES_CHANGED, self._on_change)

    def apply(self, model: ActiveModel, context: RuleContext) -> AppliedRules:
        """The rules that hold now for such a request, over the model's catalogue."""
        compiled = self._compile(model)
        applied = compiled.applicable(int(time.time()), context)
        return AppliedRules((self._version, applied), compiled, applied)

    def _compile(self, model: ActiveModel) -> CompiledRules:
        version = (model.version, self._version)
        if self._compiled is None or self._compiled[0] != version:
            recommender = model.recommender
            self._compiled = (version, CompiledRules(self._rules, recommender.index, recommender.index_of))
        return self._compiled[1]

    async def refresh(self) -> None:
        """Reads all rules anew. Raises UnavailableError."""
        async with self._loading:
            rules = tuple(stored.rule for stored in await self._store.all())
            if rules != self._rules:
                self._rules = rules
                self._version += 1

    async def try_refresh(self) -> None:
        """As refresh, but what goes wrong is only logged: the rules in memory stay."""
        try:
            await self.refresh()
        except Exception as error:  # noqa: BLE001 (whatever it is, lists still come)
            _log.warning("rules_refresh_failed", reason=repr(error))

    async def get(self, rule_id: str) -> MerchandisingRule | None:
        return await self._store.get(rule_id)

    async def page(self, request: PageRequest, active: bool | None) -> Page[MerchandisingRule]:
        return await self._store.page(request, active, datetime.now(UTC))

    async def count(self, active: bool | None) -> int:
        return await self._store.count(active)

    async def save(self, draft: MerchandisingRule, by: str) -> SavedRule | list[Problem]:
        """Creates a rule, or replaces the one with the draft's id. It holds in the next list of this process, and a
        moment later in those of all others."""
        problems = [*_problems(draft), *await self._unknown(draft.rule)]
        before = await self._store.get(draft.id) if draft.id else None
        if draft.id and before is None:
            problems.append(Problem("id", "NOT_FOUND", f"There is no rule {draft.id!r}; leave id out to create one."))
        if not draft.id and await self._store.count() >= MAX_RULES:
            problems.append(Problem("id", "LIMIT", f"There are {MAX_RULES} rules already; delete some first."))
        if problems:
            return problems
        now = datetime.now(UTC).replace(microsecond=0)
        saved = replace(
            draft,
            rule=replace(draft.rule, id=draft.id or uuid4().hex),
            created_at=before.created_at if before else now,
            updated_at=now,
            updated_by=by,
        )
        target = saved.rule.target
        unknown = await self._catalog.unknown_labels(target.brands, target.tags)
        await self._store.save(saved)
        await self._announce(saved.id, "SAVED")
        return SavedRule(saved, [replace(one, field=f"target.{one.field}") for one in unknown])

    async def delete(self, rule_id: str, by: str) -> bool:
        """False if there is no such rule."""
        deleted = await self._store.delete(rule_id, by)
        if deleted:
            await self._announce(rule_id, "DELETED")
        return deleted

    async def _announce(self, rule_id: str, change: str) -> None:
        """The change is stored: a failure here only delays it."""
        await self.try_refresh()
        with contextlib.suppress(UnavailableError):
            await self._hub.publish([Event(Topic.RULES_CHANGED, rule_id, {"change": change})])

    async def _on_change(self, _event: Event) -> None:
        """Reads in the background: other events must not wait for it."""
        self._refreshing = asyncio.create_task(self.try_refresh())

    async def _unknown(self, rule: Rule) -> list[Problem]:
        products = await self._catalog.get_many(rule.target.products, also_withdrawn=True)
        categories = await self._catalog.categories()
        named = [("target.productIds", "product", id_, id_ in products) for id_ in rule.target.products]
        named += [("target.categoryIds", "category", id_, id_ in categories) for id_ in rule.target.categories]
        named += [("scope.categoryIds", "category", id_, id_ in categories) for id_ in sorted(rule.scope.categories)]
        return [
            Problem(field, "NOT_FOUND", f"There is no {kind} {id_!r}.")
            for field, kind, id_, known in named
            if not known
        ]


def _problems(draft: MerchandisingRule) -> Iterator[Problem]:
    """What is wrong with a rule by itself."""
    rule, target, schedule = draft.rule, draft.rule.target, draft.rule.schedule
    pinned = rule.action is RuleAction.PIN
    last = rule.position + max(len(target.products), 1) - 1
    labels = target.categories or target.brands or target.tags
    checks = (
        (
            len(draft.name) <= LONGEST_RULE_NAME,
            "name",
            "TOO_LONG",
            f"A name has {LONGEST_RULE_NAME} characters at most.",
        ),
        (bool(target.products or labels), "target", "REQUIRED", "Name at least one product, category, brand or tag."),
        (not pinned or not labels, "target", "INVALID", "PIN takes productIds alone: which, and in which order."),
        (
            not pinned or 1 <= rule.position <= last <= MAX_LIMIT,
            "position",
            "OUT_OF_RANGE",
            f"PIN needs a position from 1 to {MAX_LIMIT}; several products take the ones that follow.",
        ),
        (pinned or rule.position == 0, "position", "INVALID", "A position is for PIN alone; leave it out."),
        (
            rule.action is not RuleAction.BOOST or 1 < rule.factor <= MAX_FACTOR,
            "factor",
            "OUT_OF_RANGE",
            f"BOOST needs a factor above 1, {MAX_FACTOR:g} at most.",
        ),
        (
            rule.action is not RuleAction.BURY or 0 < rule.factor < 1,
            "factor",
            "OUT_OF_RANGE",
            "BURY needs a factor above 0 and below 1; use EXCLUDE to hide products.",
        ),
        (
            rule.action in {RuleAction.BOOST, RuleAction.BURY} or rule.factor == 1,
            "factor",
            "INVALID",
            "A factor is for BOOST and BURY alone; leave it out.",
        ),
        (
            schedule.starts_at is None or schedule.ends_at is None or schedule.starts_at < schedule.ends_at,
            "schedule.endsAt",
            "OUT_OF_RANGE",
            "A rule must end after it starts.",
        ),
        (all(0 <= hour <= 23 for hour in schedule.hours), "schedule.hours", "OUT_OF_RANGE", "Hours are 0 to 23."),
        (
            all(_LANGUAGE.fullmatch(tag) for tag in rule.scope.languages),
            "scope.languages",
            "INVALID",
            "A language is a BCP 47 tag, such as de or en-US.",
        ),
    )
    return (Problem(field, code, message) for holds, field, code, message in checks if not holds)
