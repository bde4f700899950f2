"""What is read out of a model's answer: slips of its JSON are repaired, and no text is made up or cut short."""

from __future__ import annotations

import json

import pytest

from workers.llm.answers import AnswerError, read_explanations, read_insight

SENTENCE = "You often buy organic tea."


@pytest.mark.parametrize(
    "raw",
    [
        f'{{"text": "{SENTENCE}"}}',
        f'```json\n{{"text": "{SENTENCE}"}}\n```\nI hope this helps!',
        f'<think>A {{shopper}} of tea.</think>{{"text": "{SENTENCE}"}}',
        f'{{"text": "{SENTENCE}",}}',
        f"{{'text': '{SENTENCE}'}}",
        f'{{text: "{SENTENCE}"}}',
        f"{{“text”: “{SENTENCE}”}}",
        f'{{"note": "A sentence." "text": "{SENTENCE}"}}',
        '{"text": "You often buy\n organic tea."}',
    ],
    ids=["valid", "fenced", "thoughts", "trailing comma", "single quotes", "bare key", "typographic quotes",
         "no comma", "line break"],
)  # fmt: skip
def test_a_slip_is_repaired(raw: str) -> None:
    assert read_insight(raw) == SENTENCE


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (r'{"text": "You don\'t buy tea."}', "You don't buy tea."),
        (r'{"text": "Caf\u00e9 crème for you.\nOften.",}', "Café crème for you. Often."),
        ('{"text": "You like "Green Tea", and "Mint"."}', 'You like "Green Tea", and "Mint".'),
        ('{"text": "Fünf Gläser für dich, şöyle böyle.",}', "Fünf Gläser für dich, şöyle böyle."),
    ],
    ids=["needless escape", "needed escapes", "quotes inside", "other letters"],
)
def test_a_repaired_text_is_the_one_that_was_written(raw: str, text: str) -> None:
    assert read_insight(raw) == text


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "You often buy {organic} tea.",
        "{You often buy organic tea.}",
        '{"text": "You often buy',
        '{"text": "You often buy {organic}',
        '{"text": "You often buy tea.}',
        '{"text": "You buy "}, and "tea"."}',
        '{"text": ""}',
        '{"text": " \\n "}',
        '{"text": null}',
        '{"text": 7}',
        '{"text": ["You buy tea."]}',
        '{"text": ("You buy", "tea.")}',
        '{"text": "You buy tea."} {"text": "You buy milk."}',
        '{"text": "You buy tea." /* and milk */}',
        '["You often buy organic tea."]',
        '{"sentence": "You buy tea."}',
        '{"text": ' * 3_000 + "}",
    ],
)  # fmt: skip
def test_what_is_no_sentence_is_refused(raw: str) -> None:
    with pytest.raises(AnswerError):
        read_insight(raw)


@pytest.mark.parametrize(
    "raw",
    [
        '[{"index": 0, "text": "First."}, {"index": 1, "text": "Second."}]',
        '[{"index": 1, "text": "Second."}, {"index": "0", "text": "First."},]',
        '[{"index": 0, "text": "First."} {"index": 1, "text": "Second."}]',
        '[{"index": 0, "text": "First.", "mood": "glad"}, {"index": 1, "text": "Second."}',
    ],
    ids=["valid", "another order", "no comma", "no closing bracket"],
)
def test_each_item_gets_its_own_text(raw: str) -> None:
    assert read_explanations(f'{{"explanations": {raw}}}', 2) == ["First.", "Second."]


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ([(0, "First.")], "1 explanations instead of 2"),
        ([(0, "First."), (1, "Second."), (2, "Third.")], "3 explanations instead of 2"),
        ([(0, "First."), (0, "Second.")], "indexes"),
        ([(1, "First."), (2, "Second.")], "indexes"),
        ([(0, "First."), (-1, "Second.")], "indexes"),
        ([(0, "First."), (True, "Second.")], r"explanations\.1\.index"),
        ([(0, "First."), (1.0, "Second.")], r"explanations\.1\.index"),
        ([(0, "First."), ("one", "Second.")], r"explanations\.1\.index"),
        ([(0, "First."), (1, " ")], r"explanations\.1\.text"),
        ([(0, "First."), (1, None)], r"explanations\.1\.text"),
    ],
)
def test_a_list_that_does_not_fit_the_items_is_refused(entries: list[tuple[object, object]], reason: str) -> None:
    raw = json.dumps({"explanations": [{"index": index, "text": text} for index, text in entries]})

    with pytest.raises(AnswerError, match=reason):
        read_explanations(raw, 2)


@pytest.mark.parametrize("end", range(1, 98))
def test_an_answer_that_was_cut_off_gives_no_part_of_a_text(end: int) -> None:
    whole = '{"explanations": [{"index": 0, "text": "You buy tea."}, {"index": 1, "text": "You buy {oat} milk."}]}'

    with pytest.raises(AnswerError):
        read_explanations(whole[:end], 2)


def test_the_reason_does_not_repeat_what_the_model_said() -> None:
    with pytest.raises(AnswerError) as caught:
        read_explanations('{"explanations": [{"index": "secret words", "text": 3}]}', 1)

    assert "secret" not in str(caught.value)
