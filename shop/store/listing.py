"""Listings of products: what a filter and a search find, page by page, counted, and by facets."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from shop.entities.catalog import UNUSUAL_DIGITS, USUAL_DIGITS, in_minor_units
from shop.entities.facets import ValueCount
from shop.entities.paging import Cursor, Page, PageRequest, ProductFilter, ProductSort
from shop.store.catalog import ON_OFFER, WITHDRAWN
from shop.store.database import Database, Document, store_errors
from shop.store.documents import product_from_document
from shop.store.paging import SortKey, find_page, page_of
from shop.store.price_ranges import price_ranges, step_of
from shop.store.relevance import conditions, having, score

if TYPE_CHECKING:
    from collections.abc import Collection

    from shop.entities.catalog import Product
    from shop.entities.facets import PriceRange
    from shop.search.terms import Search, Wanted

_SORTS = {
    ProductSort.POPULARITY: SortKey("POPULARITY", "popularity", -1, 1),
    ProductSort.PRICE_ASC: SortKey("PRICE_ASC", "price.minor", 1, 1, missing_last=True),
    ProductSort.PRICE_DESC: SortKey("PRICE_DESC", "price.minor", -1, -1),
    ProductSort.NAME_ASC: SortKey("NAME_ASC", "name", 1, 1),
    ProductSort.NAME_DESC: SortKey("NAME_DESC", "name", -1, -1),
    ProductSort.NEWEST: SortKey("NEWEST", "createdAt", -1, 1),
}
_FACET_MILLISECONDS = 5_000  # then it is given up: the rest of the page is worth more to the shop


class ListingStore:
    def __init__(self, database: Database) -> None:
        self._products = database["products"]

    async def page(
        self, filter_: ProductFilter, search: Search | None, sort: ProductSort, request: PageRequest
    ) -> Page[Product]:
        """One page. RELEVANCE orders by how well the text matches and by demand, and needs `search`."""
        query = _query(filter_, search) | (WITHDRAWN if filter_.withdrawn else ON_OFFER)
        with store_errors():
            if sort is ProductSort.RELEVANCE and search:
                return await self._relevance_page(query, score(search), request)
            return await find_page(
                self._products, query, _SORTS[sort], request, product_from_document, fields={"search": 0}
            )

    async def _relevance_page(self, query: Document, score: Document, request: PageRequest) -> Page[Product]:
        order = {"score": 1, "_id": -1} if request.backwards else {"score": -1, "_id": 1}
        bounds = []
        if request.after:
            bounds.append(_score_bound(request.after, after=True))
        if request.before:
            bounds.append(_score_bound(request.before, after=False))
        pipeline: list[Document] = [{"$match": query}, {"$addFields": {"score": score}}, {"$unset": "search"}]
        pipeline += [{"$match": {"$and": bounds}}] if bounds else []
        pipeline += [{"$sort": order}, {"$limit": request.size + 1}]
        documents = await self._products.aggregate(pipeline).to_list(request.size + 1)
        return page_of(
            documents,
            request,
            lambda document: (
                product_from_document(document),
                Cursor("RELEVANCE", document["score"], document["_id"]),
            ),
        )

    async def count(self, filter_: ProductFilter, search: Search | None) -> int:
        query = _query(filter_, search)
        with store_errors():
            withdrawn = await self._products.count_documents(query | WITHDRAWN)
            if filter_.withdrawn:
                return withdrawn
            if not query:
                return max(0, await self._products.estimated_document_count() - withdrawn)
            return max(0, await self._products.count_documents(query) - withdrawn)

    async def categories(self, filter_: ProductFilter, search: Search | None, most: int) -> list[ValueCount]:
        """Ids of categories; a product counts in its own and in those above."""
        # Paths are counted before they are taken apart: there are far fewer of them than products.
        each: list[Document] = [{"$unwind": "$_id"}, {"$group": {"_id": "$_id", "count": {"$sum": "$count"}}}]
        return await self._counted(filter_, search, "categoryPath", each, most)

    async def brands(self, filter_: ProductFilter, search: Search | None, most: int) -> list[ValueCount]:
        return await self._counted(filter_, search, "brand", [], most)

    async def _counted(
        self, filter_: ProductFilter, search: Search | None, field: str, then: list[Document], most: int
    ) -> list[ValueCount]:
        counting = [{"$group": {"_id": f"${field}", "count": {"$sum": 1}}}, *then]
        counts = await self._counts(filter_, search, {field: {"$gt": ""}}, counting, most)
        ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        return [ValueCount(value, count) for value, count in ranked[:most] if count > 0]

    async def _counts(
        self,
        filter_: ProductFilter,
        search: Search | None,
        having: Document,
        counting: list[Document],
        most: int | None = None,
    ) -> dict[Any, int]:
        """How many products have which value; of many values the `most` that most products have are among them.

        Withdrawn products are counted apart and taken off: they are few, and no index in which the others are counted
        says whether one is.
        """
        query = {"$and": [_query(filter_, search), having]}
        withdrawn = await self._facet([{"$match": query | WITHDRAWN}, *counting])
        if filter_.withdrawn:
            return {_key(row): row["count"] for row in withdrawn}
        cut: list[Document] = []
        if most is not None:
            cut = [{"$sort": {"count": -1, "_id": 1}}, {"$limit": most + len(withdrawn)}]
        counts = {_key(row): row["count"] for row in await self._facet([{"$match": query}, *counting, *cut])}
        for row in withdrawn:
            if _key(row) in counts:
                counts[_key(row)] -= row["count"]
        return counts

    async def prices(self, filter_: ProductFilter, search: Search | None, most: int) -> list[PriceRange]:
        """Ranges with round ends, of about as many products each, in the currency that most of the products have."""
        counting: list[Document] = [
            {"$group": {"_id": {"minor": "$price.minor", "currency": "$price.currency"}, "count": {"$sum": 1}}},
            {
                "$group": {
                    "_id": {"step": step_of("$_id.minor"), "currency": "$_id.currency"},
                    "count": {"$sum": "$count"},
                }
            },
        ]
        steps = await self._counts(filter_, search, {"price.minor": {"$gte": 0}}, counting)
        counts: dict[str, Counter[int]] = defaultdict(Counter)
        for (step, currency), count in steps.items():
            if count > 0:
                counts[currency][step] = count
        if not counts:
            return []
        currency = max(counts, key=lambda code: (counts[code].total(), code))
        return price_ranges(counts[currency], currency, most)

    async def _facet(self, pipeline: list[Document]) -> list[Document]:
        with store_errors():
            return await self._products.aggregate(pipeline, maxTimeMS=_FACET_MILLISECONDS).to_list(None)

    async def count_having(self, wanted: Wanted, most: int) -> int:
        """How many products have it; counting ends at `most`."""
        with store_errors():
            return await self._products.count_documents(having(wanted) | ON_OFFER, limit=most)

    async def word_counts(self, most: int) -> dict[str, int]:
        """The most frequent words of names, brands and tags, with the number of products that have them."""
        lists = [{"$ifNull": [f"$search.{field}", []]} for field in ("name", "labels")]
        pipeline: list[Document] = [
            {"$match": ON_OFFER},
            {"$project": {"_id": 0, "words": {"$setUnion": lists}}},
            {"$unwind": "$words"},
            {"$sortByCount": "$words"},
            {"$limit": most},
        ]
        with store_errors():
            rows = self._products.aggregate(pipeline, allowDiskUse=True, batchSize=10_000)
            return {row["_id"]: row["count"] async for row in rows}

    async def words_of(self, ids: Collection[str]) -> set[str]:
        """Of the names, brands and tags of these products."""
        query, fields = {"_id": {"$in": list(ids)}, **ON_OFFER}, {"search.name": 1, "search.labels": 1}
        with store_errors():
            documents = await self._products.find(query, fields).to_list(None)
        kept: list[dict[str, list[str]]] = [document.get("search", {}) for document in documents]
        return {word for lists in kept for words in lists.values() for word in words}


def _key(row: Document) -> Any:
    """A group's value; several as a tuple."""
    value = row["_id"]
    return tuple(value.values()) if isinstance(value, dict) else value


def _score_bound(cursor: Cursor, *, after: bool) -> Document:
    worse, further = ("$lt", "$gt") if after else ("$gt", "$lt")
    return {"$or": [{"score": {worse: cursor.value}}, {"score": cursor.value, "_id": {further: cursor.id}}]}


def _in_price_range(filter_: ProductFilter) -> list[Document]:
    """A condition for each number of digits that currencies have: amounts are stored in their smallest unit."""
    conditions: list[Document] = []
    unusual = [code for codes in UNUSUAL_DIGITS.values() for code in codes]
    for digits in (USUAL_DIGITS, *UNUSUAL_DIGITS):
        ends = {"$gte": filter_.min_price, "$lte": filter_.max_price}
        minor = {operator: in_minor_units(end, digits) for operator, end in ends.items() if end is not None}
        codes = {"$in": list(UNUSUAL_DIGITS[digits])} if digits in UNUSUAL_DIGITS else {"$nin": unusual}
        conditions.append({"price.minor": minor, "price.currency": codes})
    return conditions


def _query(filter_: ProductFilter, search: Search | None) -> Document:
    query: Document = {}
    if search:
        query["$and"] = conditions(search)
    for field, values in (("categoryPath", filter_.categories), ("brand", filter_.brands), ("tags", filter_.tags)):
        if values:
            query[field] = {"$in": list(values)}
    if filter_.ids:
        query["_id"] = {"$in": list(filter_.ids)}
    if filter_.currency:
        query["price.currency"] = filter_.currency
    if filter_.min_price is not None or filter_.max_price is not None:
        query["$or"] = _in_price_range(filter_)
    if filter_.in_stock is not None:
        query["inStock"] = filter_.in_stock
    return query
