"""Explanations: looked up at once, ordered once, written later by a worker, or at once by the template."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson
import structlog

from scoring.types import ReasonKind
from shop.bounded import BoundedDict
from shop.entities.explanations import TEXT_VERSION, Explanation, TextStatus, WantedExplanation
from shop.entities.usage import Lookups, Purpose
from shop.errors import UnavailableError
from shop.jobs import ExplainItem, ExplainList, JobQueue, StreamExplanation
from shop.services.template_texts import template_texts
from shop.texts.facts import DATED, SOON_DAYS, elapsed
from shop.texts.wording import text_language

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shop.entities.evidence import Evidence
    from shop.entities.privacy import Shopper
    from shop.entities.users import Actor
    from shop.services.budgets import BudgetService
    from shop.services.catalog import CatalogService
    from shop.services.usage import UsageService
    from shop.settings import LlmSettings
    from shop.store.explanations import ExplanationStore

_log = structlog.get_logger(__name__)
_RESERVED_SECONDS = 60
_CAPACITY = 100_000
_EXACT = 5  # counts up to this are distinguished
_STEP = 1.5  # larger ones when they differ by about this factor


class ExplanationService:
    def __init__(
        self,
        store: ExplanationStore,
        queue: JobQueue,
        catalog: CatalogService,
        llm: LlmSettings,
        usage: UsageService,
        budgets: BudgetService,
    ) -> None:
        self._store = store
        self._queue = queue
        self._catalog = catalog
        self._usage = usage
        self._budgets = budgets
        self._ready: BoundedDict[str, Explanation] = BoundedDict(_CAPACITY)
        self._by_template = not llm.chain
        model = {"anthropic": llm.anthropic_model, "openai": llm.openai_model, "local": llm.local_model}
        self._writer = f"{llm.provider}:{model.get(llm.provider, '')}:{TEXT_VERSION}"

    @property
    def budget_exhausted(self) -> bool:
        """Whether today's budget is used up, so that the template writes."""
        return self._budgets.exhausted(Purpose.EXPLAIN)

    def identify(
        self, actor: Actor, product_id: str, evidence: tuple[Evidence, ...], language: str, turn: int = 0
    ) -> WantedExplanation:
        """The key hashes shopper, product, language, writer and version, and of the evidence what matters."""
        facts = [_material(item) for item in evidence]
        parts = [actor.key, product_id, text_language(language), self._writer, facts]
        return WantedExplanation(hashlib.sha256(orjson.dumps(parts)).hexdigest()[:32], product_id, evidence, turn)

    async def lookup(
        self, actor: Actor, language: str, wanted: Sequence[WantedExplanation]
    ) -> tuple[dict[str, Explanation], bool]:
        """Explanations by key, and whether those that are still to be written are on order.

        What is not there yet is written by the template at once when no model is set, or it cannot be ordered; else it
        is PENDING, or STALE when a text of the same reasons with older numbers is there.
        Never raises for a lost database and never waits for a model.
        """
        language = text_language(language)
        found = {item.key: ready for item in wanted if (ready := self._ready.get(item.key)) is not None}
        self._usage.looked_up(Lookups(memory=len(found)))
        missing = [item for item in wanted if item.key not in found]
        if not missing:
            return found, True
        texts, complete = await self._read([item.key for item in missing])
        # A failed one is of a product that was gone; in a list it is back.
        found |= {key: text for key, text in texts.items() if text.status is not TextStatus.FAILED}
        missing = [item for item in missing if item.key not in found]
        ordered = not missing or (complete and await self._ordered(actor, language, missing))
        if self._by_template or not ordered:
            found |= await self._written_now(actor, language, missing)
        elif missing:
            found |= await self._stale(actor, language, missing)
        for item in missing:
            found.setdefault(item.key, _explanation(actor, language, item))
        return found, ordered

    async def latest(self, actor: Actor, product_id: str, locale: str | None = None) -> Explanation | None:
        """The newest one, of those in one language or of all."""
        return await self._store.latest(actor.key, product_id, text_language(locale) if locale else None)

    async def current(self, actor: Actor, product_id: str, locale: str | None = None) -> Explanation | None:
        """The explanation of a product that the actor's lists have shown: finished, or PENDING, whether it is on order
        or not; in the language of the last list unless `locale` names one.

        None without evidence to write it from. Raises UnavailableError.
        """
        found = await self._shown(actor, product_id, locale)
        if found is None:
            return None
        language, item = found
        return await self.by_key(item.key) or _explanation(actor, language, item)

    async def request(self, actor: Actor, product_id: str, locale: str | None = None) -> Explanation | None:
        """As `current`, and on order unless it is READY: again, if it FAILED.

        Raises UnavailableError when it cannot be ordered.
        """
        found = await self._shown(actor, product_id, locale)
        if found is None:
            return None
        language, item = found
        known = await self.by_key(item.key)
        if known is not None and known.status is TextStatus.FAILED:
            await self._store.discard(item.key)
        texts, ordered = await self.lookup(actor, language, [item])
        if not ordered:
            raise UnavailableError("The queue of texts")
        return texts[item.key]

    async def _shown(self, actor: Actor, product_id: str, locale: str | None) -> tuple[str, WantedExplanation] | None:
        """Language, and the explanation of what the actor's lists have shown last."""
        found = await self._store.recall(actor.key, product_id)
        if found is None:
            shown = await self._store.latest(actor.key, product_id)
            if shown is None:
                return None
            found = shown.language, shown.evidence
        language, evidence = found
        if locale:
            language = text_language(locale)
        return language, self.identify(actor, product_id, evidence, language)

    async def forget_evidence(self, actor: Actor) -> None:
        """What was shown so far is no evidence any more. Raises UnavailableError."""
        await self._store.forget_evidence(actor.key)

    def forget(self, shopper: Shopper) -> None:
        """Drops the texts of a shopper who is being erased."""
        keys = shopper.actor_keys
        for key in [key for key, text in self._ready.items() if text.actor_key in keys]:
            self._ready.pop(key, None)

    async def order_stream(self, wanted: Explanation) -> None:
        """Orders this one to be shown while it is written; no list orders it as well from now on.

        Raises UnavailableError.
        """
        item = ExplainItem(wanted.key, wanted.product_id, wanted.evidence)
        await self._store.reserve([wanted.key], _RESERVED_SECONDS)
        job = StreamExplanation(wanted.actor_key, wanted.language, item)
        await self._queue.enqueue(job, job_id=f"stream:{wanted.key}")

    async def by_key(self, key: str) -> Explanation | None:
        """A finished explanation, None if there is none (yet)."""
        return self._ready.get(key) or (await self._read([key]))[0].get(key)

    async def _read(self, keys: list[str]) -> tuple[dict[str, Explanation], bool]:
        """What Redis or else MongoDB holds, and whether both answered."""
        complete = True
        found: dict[str, Explanation] = {}
        try:
            found = await self._store.cached(keys)
        except UnavailableError:
            complete = False
        in_redis = len(found)
        missing = [key for key in keys if key not in found]
        try:
            stored = await self._store.stored(missing) if missing else {}
            found |= stored
            if stored and complete:
                await self._store.cache(list(stored.values()))
        except UnavailableError:
            complete = False
        self._usage.looked_up(Lookups(redis=in_redis, database=len(found) - in_redis))
        for key, text in found.items():
            if text.status is TextStatus.READY:
                self._ready.put(key, text)
        return found, complete

    async def _written_now(
        self, actor: Actor, language: str, missing: list[WantedExplanation]
    ) -> dict[str, Explanation]:
        """The template's texts. They are not kept: the worker's are, which are on order or will be."""
        texts = await template_texts(self._catalog, missing, language)
        return {
            item.key: replace(_explanation(actor, language, item), status=TextStatus.READY, text=texts[item.key])
            for item in missing
            if item.key in texts
        }

    async def _stale(self, actor: Actor, language: str, missing: list[WantedExplanation]) -> dict[str, Explanation]:
        """Earlier texts whose every reason still holds, if with another number."""
        try:
            earlier = await self._store.previous(actor.key, language, [item.product_id for item in missing])
        except UnavailableError:
            return {}
        return {
            item.key: replace(text, status=TextStatus.STALE)
            for item in missing
            if (text := earlier.get(item.product_id)) and _subjects(text.evidence) <= _subjects(item.evidence)
        }

    async def _ordered(self, actor: Actor, language: str, missing: list[WantedExplanation]) -> bool:
        try:
            await self._order(actor, language, missing)
        except UnavailableError as error:
            _log.warning("explanations_not_ordered", reason=str(error))
            return False
        return True

    async def _order(self, actor: Actor, language: str, missing: list[WantedExplanation]) -> None:
        """One job for all items that nobody else has ordered; if it cannot be put, others may order them again."""
        ours = set(await self._store.reserve([item.key for item in missing], _RESERVED_SECONDS))
        items = tuple(
            ExplainItem(item.key, item.product_id, item.evidence, item.turn) for item in missing if item.key in ours
        )
        if not items:
            return
        self._usage.looked_up(Lookups(ordered=len(items)))
        job = ExplainList(actor.key, language, items)
        job_id = "explain:" + hashlib.sha256("".join(sorted(ours)).encode()).hexdigest()[:32]
        try:
            await self._store.remember(actor.key, language, {item.product_id: item.evidence for item in items})
            await self._queue.enqueue(job, job_id=job_id)
        except UnavailableError:
            await self._store.release(list(ours))
            raise


def _explanation(actor: Actor, language: str, item: WantedExplanation) -> Explanation:
    return Explanation(item.key, actor.key, item.product_id, TextStatus.PENDING, item.evidence, language)


def _material(evidence: Evidence) -> list[object]:
    """What of the evidence a text depends on: the reason and its subject exactly, numbers by their size.

    42 buyers instead of 41 are no reason to write anew; the shown text carries the evidence it was written from.
    """
    value: object = None  # of other kinds no text states it
    if evidence.value is not None and evidence.kind in DATED:
        value = elapsed(evidence.value)
    elif evidence.value is not None and evidence.kind is ReasonKind.DUE_AGAIN:
        value = evidence.value <= SOON_DAYS  # the text states the interval, not the days that are left
    return [evidence.kind.value, evidence.product_id, evidence.label, _size(evidence.count), value]


def _size(number: float | None) -> float | None:
    if number is None or number <= 0:
        return number
    if number <= _EXACT and number == int(number):
        return number
    return round(math.log(number, _STEP)) + 0.5  # apart from the exact ones


def _subjects(evidence: Sequence[Evidence]) -> set[tuple[object, ...]]:
    return {(reason.kind, reason.product_id, reason.label) for reason in evidence}
