"""How well a product matches a search, and how much it is bought: conditions and score, as MongoDB computes them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shop.search.terms import Search, Term, Wanted
    from shop.store.database import Document

_EXACT = 10  # the name or a SKU is what was typed
_FORGIVEN = -2  # for each word that was not found as typed: less than any match and demand can make up
_IN_NAME, _IN_LABELS, _ELSEWHERE = 1.0, 0.7, 0.3
_BOUGHT = 0.3  # somebody has bought it; the rest of 1 grows with the logarithm of its popularity
_STEEPNESS = 1000
_DIGITS = 6


def conditions(search: Search) -> list[Document]:
    """What a product must fulfil."""
    return [_any_of([having(wanted) for wanted in (term.typed, term.forgiven) if wanted]) for term in search.terms]


def having(wanted: Wanted) -> Document:
    words: Document = {"search.words": {"$in": list(wanted.words)}}
    return _any_of([words, {"categoryPath": {"$in": list(wanted.categories)}}] if wanted.categories else [words])


def _any_of(choices: list[Document]) -> Document:
    return choices[0] if len(choices) == 1 else {"$or": choices}


def score(search: Search) -> Document:
    """An expression between 0 and 2, ten more for the exact name or SKU, two less for each forgiven word.

    Half of it is the text: the mean over the terms of where they stand. Half is demand, so that of products that match
    alike those come first that shoppers buy, and those last that nobody has bought yet.
    """
    exact = {"$cond": [{"$in": [search.key, _list("exact")]}, _EXACT, 0]}
    texts = [_term_score(term, len(search.terms)) for term in search.terms]
    return {"$round": [{"$add": [exact, *texts, _demand()]}, _DIGITS]}


def _demand() -> Document:
    shoppers = {"$ln": {"$add": [1, {"$multiply": [_STEEPNESS, "$popularity"]}]}}
    grown = {"$multiply": [(1 - _BOUGHT) / math.log1p(_STEEPNESS), shoppers]}
    return {"$cond": [{"$gt": ["$buyerCount", 0]}, {"$add": [_BOUGHT, grown]}, 0]}


def _term_score(term: Term, terms: int) -> Document:
    branches = _branches(term.typed, terms, 0)
    if term.forgiven:
        branches.append({"case": _has("words", term.typed.words), "then": _ELSEWHERE / terms})
        branches += _branches(term.forgiven, terms, _FORGIVEN)
    last = _ELSEWHERE / terms + (_FORGIVEN if term.forgiven else 0)
    return {"$switch": {"branches": branches, "default": last}}


def _branches(wanted: Wanted, terms: int, more: float) -> list[Document]:
    branches = [
        {"case": _has("name", wanted.words), "then": _IN_NAME / terms + more},
        {"case": _has("labels", wanted.words), "then": _IN_LABELS / terms + more},
    ]
    if wanted.categories:
        branches.append({"case": _meet("$categoryPath", wanted.categories), "then": _IN_LABELS / terms + more})
    return branches


def _has(field: str, words: Sequence[str]) -> Document:
    return {"$in": [words[0], _list(field)]} if len(words) == 1 else _meet(_list(field), words)


def _meet(field: Any, values: Sequence[str]) -> Document:
    return {"$gt": [{"$size": {"$setIntersection": [field, {"$literal": list(values)}]}}, 0]}


def _list(field: str) -> Document:
    return {"$ifNull": [f"$search.{field}", []]}  # an older process writes none
