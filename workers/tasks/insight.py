"""Writes the one sentence on a shopper's taste, and keeps the profile under it up to date."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shop.entities.events import Event, Topic
from shop.entities.explanations import Insight, Text, TextStatus
from shop.entities.people import Actor
from shop.services.insights import insight_key
from workers.llm.protocol import InsightTask
from workers.tasks.facts import labels_of, price_text, taste_names

if TYPE_CHECKING:
    from shop.entities.people import UserProfile
    from shop.jobs import RollUpSession, WriteInsight
    from workers.context import WorkerContext


async def write_insight(context: WorkerContext, job: WriteInsight) -> str:
    """Returns the insight's key. A profile that supports the same insight as before costs no text."""
    insights = context.resources.insights
    profile, _ = await insights.roll_up(job.user_id)
    key = insight_key(profile, job.language)
    if await insights.by_key(key) is None:
        written = await context.writer.insight(await _task(context, profile, job.language))
        text = Text(written.text, written.source, written.model, written.prompt_version, datetime.now(UTC))
        await insights.save(Insight(key, job.user_id, TextStatus.READY, job.language, text))
    await context.resources.hub.publish([Event(Topic.INSIGHT_UPDATED, Actor(user_id=job.user_id).key, {"key": key})])
    return key


async def roll_up_session(context: WorkerContext, job: RollUpSession) -> bool:
    """Folds new events into the profile; True if that called for a new insight."""
    _, changed = await context.resources.insights.roll_up(job.user_id)
    if changed:
        user = await context.resources.users.get(job.user_id)
        await context.resources.insights.order(job.user_id, user.locale if user else "en")
    return changed


async def _task(context: WorkerContext, profile: UserProfile, language: str) -> InsightTask:
    labels = await labels_of(context.resources.catalog)
    user = await context.resources.users.get(profile.user_id)
    return InsightTask(
        language=language,
        categories=tuple((labels.get(id_, id_), count) for id_, count in profile.categories),
        brands=profile.brands,
        order_count=profile.order_count,
        average_price=price_text(profile.average_price),
        tastes=taste_names(user, labels),
    )
