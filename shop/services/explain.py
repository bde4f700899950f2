"""Explanations: looked up at once, ordered once, written later by a worker."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import orjson
import structlog

from shop.bounded import BoundedDict
from shop.entities.explanations import TEXT_VERSION, Explanation, TextStatus
from shop.entities.usage import Lookups
from shop.errors import UnavailableError
from shop.jobs import ExplainItem, ExplainList, JobQueue, StreamExplanation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shop.entities.people import Actor
    from shop.entities.recommendations import Evidence
    from shop.services.llm_usage import UsageService
    from shop.settings import LlmSettings
    from shop.store.texts import ExplanationStore

_log = structlog.get_logger(__name__)
_CLAIM_SECONDS = 60
_CAPACITY = 100_000


@dataclass(frozen=True, slots=True)
class Claim:
    """An item whose explanation is wanted, and the key that says on what the text depends."""

    key: str
    product_id: str
    evidence: tuple[Evidence, ...]


class ExplanationService:
    def __init__(self, store: ExplanationStore, queue: JobQueue, llm: LlmSettings, usage: UsageService) -> None:
        self._store = store
        self._queue = queue
        self._usage = usage
        self._ready: BoundedDict[str, Explanation] = BoundedDict(_CAPACITY)
        model = {"anthropic": llm.anthropic_model, "openai": llm.openai_model, "local": llm.local_model}
        self._writer = f"{llm.provider}:{model.get(llm.provider, '')}:{TEXT_VERSION}"

    def claim(self, actor: Actor, product_id: str, evidence: tuple[Evidence, ...], language: str) -> Claim:
        parts = [actor.key, product_id, language, self._writer, [asdict(item) for item in evidence]]
        return Claim(hashlib.sha256(orjson.dumps(parts)).hexdigest()[:32], product_id, evidence)

    async def lookup(
        self, actor: Actor, language: str, claims: Sequence[Claim], *, order: bool = True
    ) -> tuple[dict[str, Explanation], bool]:
        """Explanations by key, PENDING where there is no text yet, and whether those are on order.

        Never raises for a lost database and never waits for a writer.
        """
        found = {claim.key: ready for claim in claims if (ready := self._ready.get(claim.key)) is not None}
        self._usage.looked_up(Lookups(memory=len(found)))
        missing = [claim for claim in claims if claim.key not in found]
        if not missing:
            return found, True
        texts, complete = await self._read([claim.key for claim in missing])
        found |= texts
        missing = [claim for claim in missing if claim.key not in found]
        ordered = not missing or (complete and (not order or await self._ordered(actor, language, missing)))
        for claim in missing:
            found.setdefault(claim.key, _pending(actor, language, claim))
        return found, ordered

    async def latest(self, actor: Actor, product_id: str) -> Explanation | None:
        return await self._store.latest(actor.key, product_id)

    async def wanted(self, actor: Actor, product_id: str) -> Explanation | None:
        """The explanation of a product that the actor's lists have shown: finished, or PENDING, whether it is on order
        or not. None without evidence to write it from. Raises UnavailableError."""
        found = await self._shown(actor, product_id)
        if found is None:
            return None
        language, claim = found
        return await self.by_key(claim.key) or _pending(actor, language, claim)

    async def request(self, actor: Actor, product_id: str) -> Explanation | None:
        """As `wanted`, and on order unless it is READY: again, if it FAILED.

        Raises UnavailableError when it cannot be ordered.
        """
        found = await self._shown(actor, product_id)
        if found is None:
            return None
        language, claim = found
        known = await self.by_key(claim.key)
        if known is not None and known.status is TextStatus.FAILED:
            await self._store.discard(claim.key)
        texts, ordered = await self.lookup(actor, language, [claim])
        if not ordered:
            raise UnavailableError("The queue of texts")
        return texts[claim.key]

    async def _shown(self, actor: Actor, product_id: str) -> tuple[str, Claim] | None:
        """Language and claim of what the actor's lists have shown last."""
        found = await self._store.recall(actor.key, product_id)
        if found is None:
            shown = await self._store.latest(actor.key, product_id)
            if shown is None:
                return None
            found = shown.language, shown.evidence
        language, evidence = found
        return language, self.claim(actor, product_id, evidence, language)

    async def forget_evidence(self, actor: Actor) -> None:
        """What was shown so far is no evidence any more. Raises UnavailableError."""
        await self._store.forget_evidence(actor.key)

    async def order_stream(self, wanted: Explanation) -> None:
        """Orders this one to be shown while it is written; no list orders it as well from now on.

        Raises UnavailableError.
        """
        item = ExplainItem(wanted.key, wanted.product_id, wanted.evidence)
        await self._store.claim([wanted.key], _CLAIM_SECONDS)
        job = StreamExplanation(wanted.actor_key, wanted.language, item)
        await self._queue.enqueue(job, job_id=f"stream:{wanted.key}")

    async def by_key(self, key: str) -> Explanation | None:
        """A finished explanation, None if there is none (yet)."""
        return self._ready.get(key) or (await self._read([key]))[0].get(key)

    async def _read(self, keys: list[str]) -> tuple[dict[str, Explanation], bool]:
        """What Redis or else MongoDB holds, and whether both could be asked."""
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

    async def _ordered(self, actor: Actor, language: str, missing: list[Claim]) -> bool:
        try:
            await self._order(actor, language, missing)
        except UnavailableError as error:
            _log.warning("explanations_not_ordered", reason=str(error))
            return False
        return True

    async def _order(self, actor: Actor, language: str, missing: list[Claim]) -> None:
        """One job for all items that nobody else has ordered; if it cannot be put, others may order them again."""
        ours = set(await self._store.claim([claim.key for claim in missing], _CLAIM_SECONDS))
        items = tuple(
            ExplainItem(claim.key, claim.product_id, claim.evidence) for claim in missing if claim.key in ours
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


def _pending(actor: Actor, language: str, claim: Claim) -> Explanation:
    return Explanation(claim.key, actor.key, claim.product_id, TextStatus.PENDING, claim.evidence, language)
