"""Texts that pass the check against their evidence. One that fails it is asked for once more, with the reasons."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from workers.llm.errors import ProviderError
from workers.llm.grounding import check, kind_of
from workers.llm.grounds import explanation_grounds, insight_grounds

if TYPE_CHECKING:
    from workers.llm.grounds import Grounds
    from workers.llm.protocol import ExplanationTask, InsightTask, LlmProvider

log = structlog.get_logger(__name__)


async def verified_explanations(provider: LlmProvider, task: ExplanationTask) -> dict[int, str]:
    """The texts that may be shown, by the item's position. Those that fail the check are asked for again, all in one
    call.

    Raises ProviderError when the first call fails; a failed second one only leaves its items out.
    """
    verified: dict[int, str] = {}
    refused = dict(enumerate(task.items))
    for last_try in (False, True):
        asked = replace(task, items=tuple(refused.values()))
        try:
            texts = await provider.explain(asked)
        except ProviderError as error:
            if not last_try:
                raise
            log.warning("llm.second_try_failed", source=provider.source, error=type(error).__name__)
            break
        checked = list(zip(refused, texts, explanation_grounds(asked), strict=True))
        refused = {}
        for position, text, grounds in checked:
            problems = problems_of(text, grounds, provider, "explain")
            if problems:
                refused[position] = replace(task.items[position], refused=tuple(problems))
            else:
                verified[position] = text
        if not refused:
            break
    return verified


async def verified_insight(provider: LlmProvider, task: InsightTask) -> str | None:
    """The sentence, None if neither the first nor the second passes the check. Raises ProviderError."""
    grounds = insight_grounds(task)
    for _ in range(2):
        text = await provider.insight(task)
        problems = problems_of(text, grounds, provider, "insight")
        if not problems:
            return text
        task = replace(task, refused=tuple(problems))
    return None


def problems_of(text: str, grounds: Grounds, provider: LlmProvider, purpose: str) -> list[str]:
    """What the check finds; the log has the kinds."""
    problems = check(text, grounds)
    if problems:
        kinds = sorted({kind_of(problem) for problem in problems})
        log.warning("llm.ungrounded", source=provider.source, model=provider.model, purpose=purpose, problems=kinds)
    return problems
