"""Writes one explanation, and shows it while it is written."""

from __future__ import annotations

from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from shop.errors import UnavailableError
from shop.jobs import ExplainList
from workers.llm.protocol import TextChecked
from workers.tasks.explanations import write_missing

if TYPE_CHECKING:
    from shop.jobs import StreamExplanation
    from workers.context import WorkerContext
    from workers.llm.protocol import ExplanationTask, WrittenText

_CHUNK_CHARACTERS = 16  # about four tokens: a text is at most some forty events in the log


async def stream_explanation(context: WorkerContext, job: StreamExplanation) -> int:
    """Returns how many texts were written: none if it is there already. Its end is announced as in `explain_list`."""

    async def write(task: ExplanationTask) -> list[WrittenText]:
        return [await _write(context, task, job)]

    return await write_missing(context, ExplainList(job.actor_key, job.language, (job.item,)), write)


async def _write(context: WorkerContext, task: ExplanationTask, job: StreamExplanation) -> WrittenText:
    text = published = ""
    async with aclosing(context.writer.stream(task)) as parts:
        async for part in parts:
            if isinstance(part, TextChecked):
                return part.written
            text += part.text
            if len(text) >= len(published) + _CHUNK_CHARACTERS:
                published = text
                with suppress(UnavailableError):  # the text comes all the same, in one piece
                    await context.resources.explanation_writing.show(job.item.key, text, job.actor_key)
    raise AssertionError("a stream ends with the checked text")
