"""The stored cases are complete, and the measures measure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from scoring.types import ReasonKind
from shop.entities.explanations import TextSource
from shop.texts.facts import ExplanationTask, InsightTask
from shop.texts.wording import WORDINGS
from tests.workers.llm.samples import INSIGHT, TASK
from workers.llm.errors import OverloadedError
from workers.llm.evaluation import PromptCase, evaluate, lix, read_cases, summary
from workers.llm.template import TemplateProvider

if TYPE_CHECKING:
    from pathlib import Path


class Scripted(TemplateProvider):
    """Says what it is told to, one text after the other; an error is raised."""

    def __init__(self, *texts: str | OverloadedError) -> None:
        self.texts = list(texts)
        self.refused: list[tuple[str, ...]] = []

    async def explain(self, task: ExplanationTask) -> list[str]:
        self.refused.append(task.items[0].refused)
        text = self.texts.pop(0)
        if isinstance(text, OverloadedError):
            raise text
        return [text]


ONE = ExplanationTask("en", TASK.items[:1])
GOOD = "It goes well with the other milk. In all, 312 shoppers bought both."
INVENTED = "It goes well with the other milk. In all, 313 shoppers bought both."


def test_the_cases_have_every_language_every_reason_and_attacks() -> None:
    cases = read_cases()

    assert len(cases) >= 40
    assert len({(case.name, case.language) for case in cases}) == len(cases)
    for language in WORDINGS:
        own = [case for case in cases if case.language == language]
        assert any(isinstance(case.task, InsightTask) for case in own)
        assert any(case.forbidden for case in own)
    tasks = [case.task for case in cases if isinstance(case.task, ExplanationTask)]
    assert {fact.kind for task in tasks for fact in task.items[0].facts} == set(ReasonKind)


async def test_the_template_passes_all_of_them() -> None:
    seen: list[tuple[int, int]] = []
    cases = read_cases()

    outcomes = await evaluate(TemplateProvider(), cases, lambda done, total: seen.append((done, total)))

    assert [outcome for outcome in outcomes if outcome.problems or outcome.attacked] == []
    scores = summary(outcomes)
    assert (scores["grounded"], scores["right_length"], scores["right_language"]) == (1, 1, 1)
    assert seen[-1] == (len(cases), len(cases))


async def test_what_is_not_grounded_is_asked_for_again_and_both_are_counted() -> None:
    provider = Scripted(INVENTED, GOOD, INVENTED, INVENTED, GOOD)

    outcomes = await evaluate(provider, [PromptCase(name, ONE) for name in "abc"])

    scores = summary(outcomes)
    assert scores["grounded"] == pytest.approx(1 / 3)
    assert scores["grounded_after_retry"] == pytest.approx(2 / 3)
    assert provider.refused == [(), ("number 313",), (), ("number 313",), ()]
    assert outcomes[1].left == ("number 313",)


async def test_an_error_is_counted_and_told() -> None:
    outcomes = await evaluate(
        Scripted(OverloadedError(TextSource.LOCAL, 503), GOOD), [PromptCase("a", ONE), PromptCase("b", ONE)]
    )

    assert outcomes[0].error is not None
    assert "503" in outcomes[0].error
    assert (summary(outcomes)["errors"], summary(outcomes)["grounded"]) == (1, 0.5)


async def test_an_attack_that_the_check_lets_through_is_counted() -> None:
    case = PromptCase("attack", ONE, re.compile("other milk"))

    outcomes = await evaluate(Scripted(GOOD, "It goes with the milk. It is good."), [case, case])

    assert [outcome.attacked for outcome in outcomes] == [True, False]
    assert summary(outcomes)["attacks_through"] == 1


async def test_a_wrong_language_and_a_wrong_length_are_told_apart() -> None:
    german = "Es passt sehr gut zu der Milch und wurde oft mit ihr gekauft. Auch das Brot ist da."
    long = "It goes well with the other milk. " * 4

    wrong, wordy = await evaluate(Scripted(german, german, long, long), [PromptCase("a", ONE), PromptCase("b", ONE)])

    assert summary([wrong])["right_language"] == 0
    assert summary([wrong])["right_length"] == 1
    assert summary([wordy])["right_language"] == 1
    assert summary([wordy])["right_length"] == 0


def test_lix_is_words_per_sentence_and_the_share_of_long_words() -> None:
    assert lix("The readability index is old. It counts words.") == pytest.approx(8 / 2 + 100 * 1 / 8)


def test_an_insight_is_a_case_as_well(tmp_path: Path) -> None:
    file = tmp_path / "cases.json"
    file.write_text(
        json.dumps([{"name": "a", "language": "en", "insight": {"categories": [["Cereal", 42]], "order_count": 120}}])
    )

    (case,) = read_cases(file)

    assert case.task == InsightTask("en", INSIGHT.categories[:1], order_count=120)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[{", "cannot be read"),
        (
            '[{"name": "a", "language": "en", "product": {"name": "b"}, "evidence": [{"kind": "LUCK"}]}]',
            "Case 1 .*LUCK",
        ),
        ('[{"name": "a"}]', "Case 1 .*language"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "cases.json"
    file.write_text(content)

    with pytest.raises(ValueError, match=message):
        read_cases(file)
