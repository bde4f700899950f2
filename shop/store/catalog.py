"""Products and categories in MongoDB."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shop.store.bulk import bulk_merge
from shop.store.database import Database, Document, store_errors
from shop.store.documents import category_from_document, product_from_document, product_to_document
from shop.turns import give_way

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence

    from shop.entities.catalog import Category, Product

# MongoDB finds these by an index of its own; a product that was never withdrawn does not have the field.
WITHDRAWN: Document = {"withdrawnAt": {"$gt": datetime.fromtimestamp(0, UTC)}}
ON_OFFER: Document = {"withdrawnAt": None}
_FIELDS = {"search": 0}  # what search alone reads stays there


class CatalogStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._products = database["products"]
        self._categories = database["categories"]

    async def get_many(self, ids: Sequence[str]) -> dict[str, Product]:
        """Those of the ids that exist, in one query."""
        with store_errors():
            documents = await self._products.find({"_id": {"$in": list(ids)}}, _FIELDS).to_list(len(ids))
        return {document["_id"]: product_from_document(document) for document in documents}

    async def by_sku(self, sku: str) -> Product | None:
        """The product with this SKU, of its own or of a variant."""
        return (await self.by_skus([sku])).get(sku)

    async def by_skus(self, skus: Collection[str]) -> dict[str, Product]:
        """Products by those of the SKUs that exist, in one query.

        A product's own SKU goes before another's variant; of several with one variant it is the first by id.
        """
        wanted = {"$in": list(skus)}
        with store_errors():
            query = {"$or": [{"sku": wanted}, {"variantSkus": wanted}]}
            documents = await self._products.find(query, _FIELDS).to_list(None)
        products = sorted(map(product_from_document, documents), key=lambda product: product.id, reverse=True)
        by_variant = {sku: product for product in products for sku in product.variant_skus}
        by_sku = by_variant | {product.sku: product for product in products}
        return {sku: by_sku[sku] for sku in skus if sku in by_sku}

    async def brands_in_use(self, brands: Collection[str]) -> set[str]:
        """Those of the brands that a product on offer has."""
        return await self._in_use("brand", brands)

    async def tags_in_use(self, tags: Collection[str]) -> set[str]:
        return await self._in_use("tags", tags)

    async def _in_use(self, field: str, labels: Collection[str]) -> set[str]:
        async def is_used(label: str) -> bool:
            return await self._products.find_one({field: label, **ON_OFFER}, {"_id": 1}) is not None

        with store_errors():
            used = await asyncio.gather(*map(is_used, labels))
        return {label for label, is_there in zip(labels, used, strict=True) if is_there}

    async def most_popular(self, limit: int) -> AsyncIterator[Product]:
        """Products by falling popularity, streamed."""
        with store_errors():
            async for document in self._products.find({}, _FIELDS).sort([("popularity", -1), ("_id", 1)]).limit(limit):
                yield product_from_document(document)

    async def upsert(self, products: Sequence[Product]) -> int:
        """Inserts or replaces, and leaves withdrawn what was; returns how many are new or changed. Raises BulkError for
        what another product's SKU keeps out, when the others are in."""
        documents: list[Document] = []
        for product in products:
            documents.append(product_to_document(product))
            await give_way()
        return await bulk_merge(self._database, "products", documents)

    async def withdrawn_ids(self) -> list[str]:
        """Of all products that are withdrawn."""
        with store_errors():
            return [document["_id"] async for document in self._products.find(WITHDRAWN, {"_id": 1})]

    async def all(self, after: str | None = None) -> AsyncIterator[Product]:
        """The whole catalogue, streamed in the order of ids, beginning after one (for training)."""
        query = {} if after is None else {"_id": {"$gt": after}}
        with store_errors():
            async for document in self._products.find(query, _FIELDS).sort([("_id", 1)]).batch_size(500):
                yield product_from_document(document)

    async def size(self) -> int:
        """How many products there are, counted."""
        with store_errors():
            return await self._products.count_documents({})

    async def newest_change(self) -> datetime | None:
        """When a product was last written."""
        with store_errors():
            stage = {"$group": {"_id": None, "newest": {"$max": "$updatedAt"}}}
            found = await self._products.aggregate([stage]).to_list(1)
        return found[0]["newest"] if found else None

    async def categories(self) -> list[Category]:
        with store_errors():
            documents = await self._categories.find().sort([("parentId", 1), ("name", 1)]).to_list(None)
        return [category_from_document(document) for document in documents]
