"""From a model's raw answer to texts: repairs what is harmless, rejects the rest."""

from __future__ import annotations

import json
import re
from typing import Any

_THOUGHTS = ("<think>", "</think>")
_TRAILING_COMMA = re.compile(r",(?=\s*[\]}])")


class AnswerError(ValueError):
    """The answer is not in the form that was asked for; the message says in what."""


def read_explanations(raw: str, count: int) -> list[str]:
    """The texts of items 0 to count - 1. Raises AnswerError unless each item has exactly one, non-empty."""
    entries = _json_object(raw).get("explanations")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise AnswerError("it has no list of explanations")
    if len(entries) != count:
        raise AnswerError(f"it has {len(entries)} explanations instead of {count}")
    texts: dict[int, str] = {}
    for entry in entries:
        index = _number(entry.get("index"))
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < count or index in texts:
            raise AnswerError("its indexes are not those of the items")
        texts[index] = _text(entry.get("text"))
    return [texts[index] for index in range(count)]


def read_insight(raw: str) -> str:
    """The sentence. Raises AnswerError if there is none."""
    return _text(_json_object(raw).get("text"))


def without_thoughts(raw: str) -> str:
    """What a reasoning model says after it has thought aloud; nothing while it does, perhaps for the first letters."""
    text = raw.lstrip()
    begin, end = _THOUGHTS
    if begin.startswith(text[: len(begin)]):
        return text.partition(end)[2]
    return raw


def _number(index: object) -> object:
    return int(index) if isinstance(index, str) and index.isdecimal() else index


def _text(value: object) -> str:
    text = " ".join(value.split()) if isinstance(value, str) else ""
    if not text:
        raise AnswerError("a text is empty")
    return text


def _json_object(raw: str) -> dict[str, Any]:
    """The outermost object. What small models add is dropped: thoughts, words and code fences around it, commas before
    a closing bracket, line breaks inside a text."""
    said = without_thoughts(raw)
    document = said[said.find("{") : said.rfind("}") + 1]
    try:
        value = _parsed(document)
    except ValueError:
        try:
            value = _parsed(_TRAILING_COMMA.sub("", document))
        except ValueError as error:
            raise AnswerError("it is not JSON") from error
    if not isinstance(value, dict):
        raise AnswerError("it is not a JSON object")
    return value


def _parsed(document: str) -> Any:
    return json.loads(document, strict=False)
