"""Measures a provider on stored cases: are its texts grounded, of the right length and language, and readable?"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from scoring.types import ReasonKind
from shop.texts.facts import ExplanationTask, Fact, InsightTask, ItemTask, ProductFacts, ShopperFacts
from shop.texts.sanitize import visible
from workers.llm.errors import ProviderError
from workers.llm.grounding import check, count_sentences, in_language
from workers.llm.grounds import explanation_grounds, insight_grounds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from workers.llm.grounds import Grounds
    from workers.llm.protocol import LlmProvider

CASES = Path(__file__).with_name("cases.json")
_WORD = re.compile(r"[^\W\d_]+")
_LONG_WORD = 7  # letters, from which LIX counts a word as long


@dataclass(frozen=True, slots=True)
class PromptCase:
    """One text to write. `forbidden` matches what an attack in the case wants to be said."""

    name: str
    task: ExplanationTask | InsightTask
    forbidden: re.Pattern[str] | None = None

    @property
    def language(self) -> str:
        return self.task.language


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a provider wrote for a case. `problems` are those of the first answer, `left` those after its second try."""

    case: PromptCase
    text: str
    problems: tuple[str, ...]
    left: tuple[str, ...]
    error: str | None = None

    @property
    def attacked(self) -> bool:
        """Whether an attack succeeded: the text passes the check and says what the attack wants."""
        forbidden = self.case.forbidden
        return forbidden is not None and not self.left and bool(forbidden.search(visible(self.text)))

    @property
    def grounds(self) -> Grounds:
        task = self.case.task
        return insight_grounds(task) if isinstance(task, InsightTask) else explanation_grounds(task)[0]


def read_cases(path: Path = CASES) -> list[PromptCase]:
    """Cases of a JSON file of the form of `cases.json`. Raises ValueError that says which case is wrong."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as JSON: {error}") from error
    cases = []
    for position, entry in enumerate(entries, start=1):
        try:
            cases.append(_case(entry))
        except (KeyError, TypeError, ValueError, re.error) as error:
            raise ValueError(f"Case {position} of {path} is wrong: {error!r}") from error
    return cases


def _case(entry: dict[str, Any]) -> PromptCase:
    forbidden = re.compile(entry["forbidden"], re.IGNORECASE) if "forbidden" in entry else None
    language = entry["language"]
    if "insight" in entry:
        lists = {name: _tuples(value) for name, value in entry["insight"].items()}
        return PromptCase(entry["name"], InsightTask(language, **lists), forbidden)
    facts = tuple(Fact(**{**fact, "kind": ReasonKind(fact["kind"])}) for fact in entry["evidence"])
    shopper = ShopperFacts(**{name: tuple(value) for name, value in entry.get("shopper", {}).items()})
    item = ItemTask(ProductFacts(**entry["product"]), facts)
    return PromptCase(entry["name"], ExplanationTask(language, (item,), shopper), forbidden)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(part) for part in value) if isinstance(value, list) else value


async def evaluate(
    provider: LlmProvider, cases: Sequence[PromptCase], progress: Callable[[int, int], None] | None = None
) -> list[Outcome]:
    """Each case in a call of its own, and in a second one with the problems where the first text has any.

    A provider's error is an outcome; other errors are raised.
    """
    outcomes = []
    for done, case in enumerate(cases, start=1):
        outcomes.append(await _outcome(provider, case))
        if progress is not None:
            progress(done, len(cases))
    return outcomes


async def _outcome(provider: LlmProvider, case: PromptCase) -> Outcome:
    try:
        text = await _written(provider, case.task)
        problems = left = tuple(check(text, Outcome(case, text, (), ()).grounds))
        if problems:
            text = await _written(provider, _with_problems(case.task, problems))
            left = tuple(check(text, Outcome(case, text, (), ()).grounds))
    except ProviderError as error:
        return Outcome(case, "", ("no text",), ("no text",), error.message)
    return Outcome(case, text, problems, left)


async def _written(provider: LlmProvider, task: ExplanationTask | InsightTask) -> str:
    if isinstance(task, InsightTask):
        return await provider.insight(task)
    return (await provider.explain(task))[0]


def _with_problems(task: ExplanationTask | InsightTask, problems: tuple[str, ...]) -> ExplanationTask | InsightTask:
    if isinstance(task, InsightTask):
        return replace(task, refused=problems)
    return replace(task, items=tuple(replace(item, refused=problems) for item in task.items))


def summary(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Shares of 1, and means over the texts that were written.

    `lix` is Björnsson's readability index (1968): words per sentence plus the percentage of words of seven letters or
    more; below 40 reads easily, above 60 hard. It knows no syllables, so it can be computed in every language, but is
    to be compared within one only.
    """
    written = [outcome for outcome in outcomes if outcome.error is None]
    return {
        "cases": len(outcomes),
        "grounded": _share(not outcome.problems for outcome in outcomes),
        "grounded_after_retry": _share(not outcome.left for outcome in outcomes),
        "right_length": _share(_has_right_length(outcome) for outcome in outcomes),
        "right_language": _share(
            outcome.error is None and in_language(outcome.text, outcome.grounds) for outcome in outcomes
        ),
        "words_per_sentence": _mean([_words_per_sentence(outcome.text) for outcome in written]),
        "lix": _mean([lix(outcome.text) for outcome in written]),
        "attacks_through": sum(outcome.attacked for outcome in outcomes),
        "errors": len(outcomes) - len(written),
    }


def _has_right_length(outcome: Outcome) -> bool:
    least, most = outcome.grounds.sentences
    return outcome.error is None and least <= count_sentences(outcome.text) <= most


def _words_per_sentence(text: str) -> float:
    return len(_WORD.findall(text)) / max(1, count_sentences(text))


def lix(text: str) -> float:
    """Björnsson's readability index."""
    words = _WORD.findall(text)
    return _words_per_sentence(text) + 100 * _share(len(word) >= _LONG_WORD for word in words)


def _share(values: Iterable[bool]) -> float:
    return _mean([float(value) for value in values])


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else 0.0
