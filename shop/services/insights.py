"""Insights: one sentence on a shopper's taste, ordered here, written from the profile by a worker."""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import orjson
import structlog

from shop.entities.events import Event, Topic
from shop.entities.explanations import TEXT_VERSION, Insight, TextStatus
from shop.entities.users import Actor
from shop.errors import UnavailableError
from shop.jobs import JobQueue, RollUpSession, WriteInsight
from shop.texts.tasks import insight_task
from shop.texts.wording import text_language

if TYPE_CHECKING:
    from shop.entities.explanations import Text
    from shop.entities.users import KnownTastes, User, UserProfile
    from shop.services.catalog import CatalogService
    from shop.services.events import EventHub
    from shop.services.profiles import ProfileService
    from shop.settings import Settings
    from shop.store.insights import InsightStore
    from shop.store.users import UserStore
    from shop.texts.facts import InsightTask

_log = structlog.get_logger(__name__)
_ROLL_UP_DELAY_SECONDS = 5
_REFRESH_INTERVAL = timedelta(seconds=60)
_PATIENCE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class DueInsight:
    """An insight to write: as it was ordered, as it will be stored with its text, and what it is written from."""

    ordered: Insight
    unwritten: Insight
    tastes: KnownTastes
    profile: UserProfile


class InsightService:
    def __init__(
        self,
        store: InsightStore,
        users: UserStore,
        profiles: ProfileService,
        catalog: CatalogService,
        queue: JobQueue,
        hub: EventHub,
        settings: Settings,
    ) -> None:
        self._store = store
        self._users = users
        self._profiles = profiles
        self._catalog = catalog
        self._queue = queue
        self._hub = hub
        self._refresh_events = settings.llm.insight_refresh_events
        self._default_locale = settings.api.default_locale

    async def get(self, user: User, locale: str) -> Insight:
        """The insight in a language as it is; ordered if there is none yet. Never waits for a writer.

        Raises UnavailableError.
        """
        language = text_language(locale)
        insight = await self._store.get(user.id, language)
        if insight is None or insight.status is TextStatus.FAILED:
            return await self._order(user.id, language, _PATIENCE) or insight or _pending(user.id, language)
        if insight.status is TextStatus.PENDING and _is_older(insight.ordered_at, _PATIENCE):
            await self._enqueue(insight)  # the job may have been lost
        return insight

    async def current(self, user_id: str, language: str) -> Insight | None:
        return await self._store.get(user_id, language)

    async def refresh(self, user: User, locale: str) -> Insight:
        """Orders it anew, unless it was ordered within the last minute. Raises UnavailableError."""
        language = text_language(locale)
        ordered = await self._order(user.id, language, _REFRESH_INTERVAL)
        return ordered or await self._store.get(user.id, language) or _pending(user.id, language)

    async def rewrite(self, user: User, locale: str) -> Insight:
        """Puts the jobs for the insights that were withdrawn; if the queue is away, the next `get` does.

        Returns the one in the given language, which is ordered if it was none of them.
        """
        language = text_language(locale)
        withdrawn = {insight.language: insight for insight in await self._store.all_of(user.id)}
        try:
            for insight in withdrawn.values():
                await self._enqueue(insight)
            return withdrawn.get(language) or await self.get(user, language)
        except UnavailableError as error:
            _log.warning("insight_not_ordered", reason=str(error))
            return withdrawn.get(language) or _pending(user.id, language)

    async def _order(self, user_id: str, language: str, interval: timedelta) -> Insight | None:
        now = datetime.now(UTC)
        ordered = await self._store.order(user_id, language, now, now - interval)
        if ordered is not None:
            await self._enqueue(ordered)
        return ordered

    async def _enqueue(self, insight: Insight, turn: str = "") -> None:
        """One job for each edition and turn."""
        job_id = f"insight:{_nameless(insight.user_id)}:{insight.language}:{insight.edition}:{turn}"
        await self._queue.enqueue(WriteInsight(insight.user_id, insight.language), job_id=job_id)

    async def after_events(self, user_id: str) -> bool:
        """Orders a roll-up soon, one for all events that arrive until then; later events get one of their own.

        False if the queue is away (the next event orders it again).
        """
        turn = int(time.time()) // _ROLL_UP_DELAY_SECONDS
        job_id = f"rollup:{_nameless(user_id)}:{turn}"
        try:
            await self._queue.enqueue(RollUpSession(user_id), job_id=job_id, delay_seconds=_ROLL_UP_DELAY_SECONDS)
        except UnavailableError:
            return False
        return True

    async def roll_up(self, user_id: str) -> bool:
        """Adds new events to the profile; True if that ordered an insight."""
        profile = await self._profiles.roll_up(user_id)
        user = await self._users.get(user_id)
        return user is not None and await self._order_if_outgrown(user, profile)

    async def _order_if_outgrown(self, user: User, profile: UserProfile) -> bool:
        """Orders the insights that the profile has outgrown, which stay until then; or the first one, in the shopper's
        language, once there is enough to say."""
        insights = await self._store.all_of(user.id)
        if not insights:
            enough = profile.event_count >= self._refresh_events
            language = text_language(user.locale or self._default_locale)
            return enough and await self._order(user.id, language, _PATIENCE) is not None
        basis = _basis(profile, await self._catalog.known_tastes(user.preferences))
        outgrown = [insight for insight in insights if self._is_outgrown(insight, basis, profile)]
        for insight in outgrown:
            await self._enqueue(insight, turn=str(profile.event_count))
        return bool(outgrown)

    def _is_outgrown(self, insight: Insight, basis: str, profile: UserProfile) -> bool:
        if insight.text is None:  # it is on order
            return False
        new_events = abs(profile.event_count - insight.event_count)
        return new_events >= self._refresh_events or insight.basis != basis

    async def due(self, user_id: str, language: str) -> DueInsight | None:
        """What is to be written now. None for an account that is gone, and without anything new since the last text:
        that one is READY again."""
        # Read before the profile: what is withdrawn from here on makes the text void.
        ordered = await self._store.get(user_id, language)
        user = await self._users.get(user_id)
        if ordered is None or user is None:
            return None
        profile = await self._profiles.roll_up(user.id)
        tastes = await self._catalog.known_tastes(user.preferences)
        basis = _basis(profile, tastes)
        if ordered.text and (ordered.basis, ordered.event_count) == (basis, profile.event_count):
            await self._settle(replace(ordered, status=TextStatus.READY))
            return None
        unwritten = replace(ordered, basis=basis, event_count=profile.event_count, error=None)
        return DueInsight(ordered, unwritten, tastes, profile)

    async def task(self, due: DueInsight) -> InsightTask:
        """The facts for the writer."""
        return insight_task(due.tastes, due.profile, await self._catalog.category_labels(), due.ordered.language)

    async def keep(self, due: DueInsight, text: Text) -> bool:
        """Stores and announces the text; False if the insight was withdrawn while it was written."""
        return await self._settle(replace(due.unwritten, status=TextStatus.READY, text=text))

    async def give_up(self, due: DueInsight) -> None:
        """The last text stays where there is one; else the insight has FAILED."""
        if due.ordered.text is not None:
            await self._settle(replace(due.ordered, status=TextStatus.READY))
            return
        failed = replace(due.ordered, status=TextStatus.FAILED, error="The sentence could not be written.")
        await self._settle(failed)

    async def _settle(self, insight: Insight) -> bool:
        settled = await self._store.settle(insight)
        if settled:
            actor = Actor(user_id=insight.user_id)
            await self._hub.publish([Event(Topic.INSIGHT_UPDATED, actor.key, {"language": insight.language})])
        return settled


def _nameless(user_id: str) -> str:
    """For ids of jobs, which stay in logs and in Redis."""
    return hashlib.sha256(user_id.encode()).hexdigest()[:32]


def _pending(user_id: str, language: str) -> Insight:
    return Insight(user_id, TextStatus.PENDING, language)


def _is_older(at: datetime | None, age: timedelta) -> bool:
    return at is None or datetime.now(UTC) - at > age


def _basis(profile: UserProfile, tastes: KnownTastes) -> str:
    """Hashes what an insight rests on, coarsely: a few more purchases of the usual do not change it."""
    rank = [name for name, _ in profile.categories[:3]]
    parts = [rank, profile.purchase_count.bit_length(), asdict(tastes), TEXT_VERSION]
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()[:32]
