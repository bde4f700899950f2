"""Browsing and searching: pages, counts and facets of what a filter and a text find."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from shop.search import folding
from shop.search.terms import Search, Term, Wanted, parse_search

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shop.entities.catalog import Category, Product
    from shop.entities.facets import PriceRange, ValueCount
    from shop.entities.paging import Page, PageRequest, ProductFilter, ProductSort
    from shop.services.catalog import CatalogService
    from shop.services.spelling import SpellingService
    from shop.store.listing import ListingStore

_FEW = 3  # products: with fewer, what a word may have meant is found too
_CLEARLY_MORE = 10  # products that such a word must have, if what was typed has any
_MOST_FORGIVEN = 5  # words of one search


@dataclass(frozen=True, slots=True)
class Listing:
    """What a filter and a search find; nothing is read before it is asked for."""

    store: ListingStore
    filter: ProductFilter
    search: Search | None

    async def page(self, sort: ProductSort, request: PageRequest) -> Page[Product]:
        return await self.store.page(self.filter, self.search, sort, request)

    async def count(self) -> int:
        return await self.store.count(self.filter, self.search)

    async def categories(self, most: int) -> list[ValueCount]:
        return await self.store.categories(self.filter, self.search, most)

    async def brands(self, most: int) -> list[ValueCount]:
        return await self.store.brands(self.filter, self.search, most)

    async def prices(self, most: int) -> list[PriceRange]:
        return await self.store.prices(self.filter, self.search, most)


class ListingService:
    def __init__(self, store: ListingStore, catalog: CatalogService, spelling: SpellingService) -> None:
        self._store = store
        self._catalog = catalog
        self._spelling = spelling
        self._categories: Mapping[str, Category] = {}
        self._categories_by_word: dict[str, list[str]] = {}

    async def find(self, filter_: ProductFilter, text: str | None) -> Listing:
        """Raises BadInputError for a text that cannot be searched for."""
        search = parse_search(text) if text is not None else None
        return Listing(self._store, filter_, await self._completed(search) if search else None)

    async def _completed(self, search: Search) -> Search:
        """With the categories that are named so, and with other words where hardly anything has what was typed."""
        await self._read_categories()
        terms = [replace(term, typed=self._wanted(term.typed.words)) for term in search.terms]
        counts = await asyncio.gather(*(self._store.count_having(term.typed, _FEW) for term in terms))
        rare = [place for place, count in enumerate(counts) if count < _FEW and terms[place].spelled]
        for place in rare[:_MOST_FORGIVEN]:
            terms[place] = await self._forgiving(terms[place], counts[place], unfinished=place == len(terms) - 1)
        return replace(search, terms=tuple(terms))

    async def _forgiving(self, term: Term, count: int, *, unfinished: bool) -> Term:
        vocabulary = await self._spelling.vocabulary()
        vocabulary.add(self._categories_by_word)
        typed = term.typed.words[0]
        meant = dict.fromkeys(vocabulary.near(typed) + (vocabulary.beginning(typed) if unfinished else []))
        least = _CLEARLY_MORE if count else 1
        others = [word for word in meant if word not in term.typed.words and vocabulary.frequency(word) >= least]
        return replace(term, forgiven=self._wanted(others)) if others else term

    def _wanted(self, words: Sequence[str]) -> Wanted:
        categories = dict.fromkeys(id_ for word in words for id_ in self._categories_by_word.get(word, ()))
        return Wanted(tuple(words), tuple(categories))

    async def _read_categories(self) -> None:
        known = await self._catalog.categories()
        if known is self._categories:
            return
        by_word: dict[str, list[str]] = defaultdict(list)
        for category in known.values():
            for word in folding.words(category.name):
                by_word[word].append(category.id)
        self._categories, self._categories_by_word = known, dict(by_word)
