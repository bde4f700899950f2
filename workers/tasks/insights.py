"""Writes the one sentence on a shopper's taste, and keeps the profile that it rests on up to date."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shop.entities.explanations import Text
from shop.errors import ShopError
from shop.store.documents import stored_time

if TYPE_CHECKING:
    from shop.jobs import RollUpSession, WriteInsight
    from workers.context import WorkerContext


async def write_insight(context: WorkerContext, job: WriteInsight) -> bool:
    """True if a text was written and is shown. Without anything new since the last one, that one stays."""
    insights = context.resources.insights
    due = await insights.due(job.user_id, job.language)
    if due is None:
        return False
    try:
        written = await context.writer.insight(await insights.task(due))
    except Exception as error:
        if context.last_try or not (isinstance(error, ShopError) and error.retryable):
            await insights.give_up(due)
        raise
    text = Text(written.text, written.source, written.model, written.prompt_version, stored_time(datetime.now(UTC)))
    return await insights.keep(due, text)


async def roll_up_session(context: WorkerContext, job: RollUpSession) -> bool:
    """Adds new events to the profile; True if that ordered a new insight."""
    return await context.resources.insights.roll_up(job.user_id)
