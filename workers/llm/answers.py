"""From a model's raw answer to texts: repairs its JSON where nothing of a text is lost, refuses the rest."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, TypeVar

import json_repair
from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from shop.validation import describe

_THOUGHTS = ("<think>", "</think>")
# What a repair may add or drop. Escapes are among it: a repaired document may spell the same character in another way.
_PUNCTUATION = re.compile(r"\\u[0-9a-fA-F]{4}|\\.|[^0-9A-Za-z]", re.DOTALL)
# The last value of a complete document: a text and its quotation mark, or an index.
_COMPLETE = re.compile(r"[\"'”\d][\s,\]}]*$")


class AnswerError(ValueError):
    """The answer is not in the form that was asked for; the message says in what."""


def _number(value: object) -> object:
    """Small models write an index as a string."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _one_line(value: object) -> object:
    return " ".join(value.split()) if isinstance(value, str) else value


_Index = Annotated[int, BeforeValidator(_number), Field(strict=True)]
_Text = Annotated[str, BeforeValidator(_one_line), Field(strict=True, min_length=1)]


class _Explanation(BaseModel):
    index: _Index
    text: _Text


class _Explanations(BaseModel):
    explanations: list[_Explanation]


class _Insight(BaseModel):
    text: _Text


_Form = TypeVar("_Form", bound=BaseModel)


def read_explanations(raw: str, count: int) -> list[str]:
    """The texts of items 0 to count - 1. Raises AnswerError unless each item has exactly one, non-empty."""
    found = _read(_Explanations, raw).explanations
    if len(found) != count:
        raise AnswerError(f"it has {len(found)} explanations instead of {count}")
    texts = {explanation.index: explanation.text for explanation in found}
    if texts.keys() != set(range(count)):
        raise AnswerError("its indexes are not those of the items")
    return [texts[index] for index in range(count)]


def read_insight(raw: str) -> str:
    """The sentence. Raises AnswerError if there is none."""
    return _read(_Insight, raw).text


def without_thoughts(raw: str) -> str:
    """The answer without a reasoning model's thoughts before it; empty while `raw` may be the beginning of those."""
    text = raw.lstrip()
    begin, end = _THOUGHTS
    if begin.startswith(text[: len(begin)]):
        return text.partition(end)[2]
    return raw


def _read(form: type[_Form], raw: str) -> _Form:
    """The outermost object. What small models add is dropped: thoughts, words and code fences around it."""
    said = without_thoughts(raw)
    document = said[said.find("{") : said.rfind("}") + 1]
    if not document:
        raise AnswerError("it has no JSON object")
    try:
        return form.model_validate(_parsed(document))
    except ValidationError as error:
        raise AnswerError(describe(error)) from None
    except (ValueError, RecursionError):
        raise AnswerError("it is not JSON") from None


def _parsed(document: str) -> Any:
    try:
        return json.loads(document, strict=False)  # not strict: line breaks inside of texts
    except ValueError:
        repaired = json_repair.loads(document, skip_json_loads=True, strict=True)
    # The repair closes a text that was cut off, and the beginning of a sentence would pass for a sentence.
    if not _COMPLETE.search(document):
        raise ValueError("it is cut off")
    # The repair guesses where a text ends. A wrong guess drops words, which no form of the answer could show.
    if _PUNCTUATION.sub("", document) != _PUNCTUATION.sub("", json.dumps(repaired)):
        raise ValueError("the repair would change words")
    return repaired
