"""Writes the one sentence on a shopper's taste, and keeps the profile under it up to date."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shop.entities.explanations import Text, TextStatus
from shop.errors import ShopError
from shop.services.insights import insight_basis
from shop.texts.facts import InsightTask
from shop.texts.gather import labels_of, price_text, taste_names

if TYPE_CHECKING:
    from shop.entities.explanations import Insight
    from shop.entities.users import User, UserProfile
    from shop.jobs import RollUpSession, WriteInsight
    from workers.context import WorkerContext


async def write_insight(context: WorkerContext, job: WriteInsight) -> bool:
    """True if a text was written and is shown. Without anything new since the last one, that one stays."""
    insights = context.resources.insights
    # Read before the profile: what is withdrawn from here on makes the text void.
    ordered = await insights.current(job.user_id)
    user = await context.resources.stores.users.get(job.user_id)
    if ordered is None or user is None:
        return False
    profile = await insights.roll_up(user.id)
    basis = insight_basis(profile, user)
    if ordered.text and (ordered.basis, ordered.event_count) == (basis, profile.event_count):
        await insights.settle(replace(ordered, status=TextStatus.READY))
        return False
    due = replace(ordered, language=user.locale, basis=basis, event_count=profile.event_count, error=None)
    try:
        written = await context.writer.insight(await _task(context, user, profile))
    except Exception as error:
        if context.last_try or not (isinstance(error, ShopError) and error.retryable):
            await insights.settle(_given_up(ordered))
        raise
    text = Text(written.text, written.source, written.model, written.prompt_version, datetime.now(UTC))
    return await insights.settle(replace(due, status=TextStatus.READY, text=text))


async def roll_up_session(context: WorkerContext, job: RollUpSession) -> bool:
    """Folds new events into the profile; True if that called for a new insight."""
    insights = context.resources.insights
    profile = await insights.roll_up(job.user_id)
    user = await context.resources.stores.users.get(job.user_id)
    return user is not None and await insights.after_roll_up(user, profile)


def _given_up(ordered: Insight) -> Insight:
    """The last text stays where there is one."""
    if ordered.text is not None:
        return replace(ordered, status=TextStatus.READY)
    return replace(ordered, status=TextStatus.FAILED, error="The sentence could not be written.")


async def _task(context: WorkerContext, user: User, profile: UserProfile) -> InsightTask:
    labels = await labels_of(context.resources.catalog)
    return InsightTask(
        language=user.locale,
        categories=tuple((labels.get(id_, id_), count) for id_, count in profile.categories),
        brands=profile.brands,
        order_count=profile.order_count,
        average_price=price_text(profile.average_price, user.locale),
        tastes=taste_names(user, labels),
    )
