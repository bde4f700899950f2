"""Writes the explanations of a list."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shop.entities.explanations import Text
from shop.store.documents import stored_time

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from shop.jobs import ExplainList
    from shop.texts.facts import ExplanationTask
    from workers.context import WorkerContext
    from workers.llm.protocol import WrittenText


async def explain_list(context: WorkerContext, job: ExplainList) -> int:
    """Returns how many texts were written; those that are already there are not written again."""
    return await write_missing(context, job, context.writer.explain)


async def write_missing(
    context: WorkerContext, job: ExplainList, write: Callable[[ExplanationTask], Awaitable[list[WrittenText]]]
) -> int:
    """Has `write` write the texts that are not there yet. Returns how many it wrote."""
    writing = context.resources.explanation_writing
    missing = await writing.missing(job)
    written = await write(missing.task) if missing.task else []
    now = stored_time(datetime.now(UTC))
    texts = [Text(one.text, one.source, one.model, one.prompt_version, now) for one in written]
    await writing.keep(missing, texts, once=context.order)
    return len(written)
