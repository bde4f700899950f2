"""Readable names for the Complete Journey's abbreviations, which come from receipts.

`FRZN BREAKFAST FOODS` becomes "Frozen Breakfast Foods", `PNT BTR/JELLY/JAMS` "Peanut Butter, Jelly & Jams". Text
that the source cut off at thirty characters is dropped with the bracket it stood in. Whole strings that rules read
badly are in the tables of phrases.
"""

from __future__ import annotations

import re
from functools import cache

from mongo_seed.complete_journey.words import (
    ABBREVIATIONS,
    ANIMALS,
    DEPARTMENTS,
    IN_CATEGORY,
    KEPT_UPPER,
    MEANINGFUL_BRACKETS,
    NEEDS_CATEGORY,
    NOUN_FIRST,
    PHRASES,
    PREFIXES,
    SMALL,
    TAG_WORDS,
    UNITS,
)

_CUT_AT = 30
_TAGS = tuple((tag, re.compile(rf"\b(?:{words})\b")) for tag, words in TAG_WORDS.items())


def department_name(raw: str) -> str:
    """A readable name for a department; one that is not in the table is tidied by the rules."""
    return DEPARTMENTS.get(raw) or _tidy(raw)


@cache
def category_name(raw: str) -> str:
    """A readable name for a category of the data."""
    return PHRASES.get(raw) or _tidy(raw)


@cache
def type_name(category: str, raw: str) -> str:
    """A readable name for a product type; one that is not clear by itself gets its category's name too."""
    if name := IN_CATEGORY.get((category, raw)) or PHRASES.get(raw):
        return name
    words = re.findall(r"[A-Z]+", raw)
    if words and NEEDS_CATEGORY.issuperset(words):
        named = category_name(category)
        adjective = _tidy(raw)
        return named if adjective.lower() in named.lower() else f"{adjective} {named}"
    if category in ANIMALS and ANIMALS.isdisjoint(words):
        return f"{category_name(category)} {_tidy(raw)}"
    return _tidy(raw)


def _tidy(raw: str) -> str:
    text, notes = _without_brackets(_without_cut_word(raw.strip()))
    if match := re.fullmatch(r"(.+?)\s*-\s*MAGAZINE", text):
        return f"{_phrase(match[1])} Magazine"
    text = text.replace("NUT SUPP", "NUTRITIONAL SUPP")
    if match := re.fullmatch(r"SEAFOOD-(FRE|FRZ|MISC)-(.+)", text):
        text = f"{match[1]} SEAFOOD - {match[2].replace('-', ' - ')}"
    head, colon, rest = text.partition(":")
    if colon and rest.strip():
        noun = PREFIXES.get(head.strip())
        if noun is None:
            text = f"{head} - {rest.strip()}"
        else:
            body = _phrase(rest.strip())
            named = body if not noun or noun.split()[-1].lower().rstrip("s") in body.lower() else f"{body} {noun}"
            return _with_notes(named, notes)
    first, _, last = text.partition(" ")
    if first in NOUN_FIRST and last and not last.startswith(("-", "&", "/")):
        text = f"{last} {first}"
    parts = [_phrase(part) for part in re.split(r"\s+-+\s*|\s*-+\s+", text) if part.strip(" -")]
    return _with_notes(", ".join(part for part in parts if part), notes)


def _without_cut_word(text: str) -> str:
    """Drops what is left of a word that the source cut at its thirtieth character."""
    match = re.search(r"[\s/&-]+([A-Z]{1,2})$", text)
    return text[: match.start()] if match and len(text) == _CUT_AT and match[1] not in ABBREVIATIONS else text


def _without_brackets(text: str) -> tuple[str, list[str]]:
    notes = [word for bracket, word in MEANINGFUL_BRACKETS.items() if bracket in text]
    text = re.sub(r"\([^)]*(\)|$)", " ", text)
    return re.sub(r"\s+", " ", text).strip(" -:/&"), notes


def _with_notes(name: str, notes: list[str]) -> str:
    return ", ".join([name, *notes])


def _phrase(text: str) -> str:
    text = text.replace("W/O ", "WITHOUT ")
    text = re.sub(r"\bW/\s?", "WITH ", re.sub(r"\bN/", "NON-", text))
    text = re.sub(r"\b(MEN|WOMEN|CHILDREN)\s?S\b", r"\1'S", text)
    choices = [choice.strip() for choice in re.split(r"\s*[/&]\s*|\s+AND\s+", text) if choice.strip()]
    named = [" ".join(_word(word, first=position == 0) for position, word in enumerate(c.split())) for c in choices]
    if len(named) < 2:
        return "".join(named)
    return f"{', '.join(named[:-1])} & {named[-1]}"


def _word(word: str, *, first: bool) -> str:
    bare = word.strip(".,")
    if bare in ABBREVIATIONS:
        return ABBREVIATIONS[bare]
    if bare in KEPT_UPPER or any(character.isdigit() for character in bare):
        return bare.replace("PK", " Pack").replace("IN", " in") if bare[:1].isdigit() else bare
    if not first and bare.lower() in SMALL:
        return bare.lower()
    return "-".join(ABBREVIATIONS.get(part) or part[:1] + part[1:].lower() for part in bare.split("-"))


@cache
def package_size(raw: str | None) -> str:
    """`6 PK/12 OZ` as "6 pack / 12 oz"; stray letters before the number and marks after it are dropped."""
    if raw is None:
        return ""
    text = re.sub(r"^(?:[A-Z]{1,3}\s+)+(?=[\d.])", "", raw.strip())
    text = re.sub(r"\(\d*\)|\b\d{5,}\b|[*()_]+", " ", text)
    text = re.sub(r"(?<=[\d.])(?=[A-Z])|(?<=[A-Z])(?=[\d.])", " ", text)
    text = re.sub(r"(?<=[A-Z])\s*/\s*(?=[\d.A-Z])", " / ", text)
    text = re.sub(r"[A-Z]+", lambda match: UNITS.get(match[0], match[0].lower()), text)
    text = re.sub(r"(?<![\d.])\.(?=\d)", "0.", text)
    text = re.sub(r"\s+", " ", text).strip(" -/.,")
    return text if len(text) > 1 else ""


@cache
def tags_of(words: str) -> tuple[str, ...]:
    """Tags that the words of the data stand for ("organic", "frozen", "kids"...)."""
    words = words.replace("/", " ").replace("&", " ")
    tags = [tag for tag, pattern in _TAGS if pattern.search(words)]
    if "NON ALCOHOLIC" in words and "alcohol" in tags:
        tags.remove("alcohol")
    return tuple(tags)
