"""What a shopper has typed, as terms that a product must have."""

from __future__ import annotations

from dataclasses import dataclass

from shop.errors import BadInputError
from shop.search.folding import key, tokens

LONGEST_SEARCH = 200  # characters
MOST_TERMS = 16


@dataclass(frozen=True, slots=True)
class Wanted:
    """A product has it that has any of the words, or lies in any of the categories (ids)."""

    words: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Term:
    """One word of a search."""

    typed: Wanted  # under all forms of the word; as it was typed, first
    forgiven: Wanted | None = None  # what may have been meant; it comes after what was typed
    spelled: bool = True  # false for what has no spelling to forgive: numbers, pieces of scripts without spaces


@dataclass(frozen=True, slots=True)
class Search:
    """All terms are wanted. `key` is the whole text, as exact names and SKUs are compared."""

    key: str
    terms: tuple[Term, ...]


def parse_search(text: str) -> Search:
    """The first words of a text, in its order. Raises BadInputError for one that is too long or has no word."""
    if len(text) > LONGEST_SEARCH:
        raise BadInputError(f"search may have {LONGEST_SEARCH} characters at most.", field="search")
    terms: dict[Term, None] = {}
    for token in tokens(text):
        spelled = not token.unspaced and not any(map(str.isdecimal, token.word))
        terms[Term(Wanted((token.word, *token.also)), spelled=spelled)] = None
    if not terms:
        raise BadInputError("search needs at least one letter or digit.", field="search")
    return Search(key(text), tuple(terms)[:MOST_TERMS])
