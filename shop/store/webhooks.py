"""Deliveries that were processed, and what is known of the products and orders that they told of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pymongo.errors import DuplicateKeyError

from shop.errors import UnavailableError
from shop.store.bulk import bulk_insert
from shop.store.database import Database, Document, in_transaction, store_errors
from shop.store.documents import category_to_document, product_to_document

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from shop.entities.catalog import Category, Product
    from shop.store.database import Session

REMEMBERED = timedelta(days=14)  # longer than anybody sends a message again


class SkuTakenError(Exception):
    """Another product has got the SKU at the same time."""


class WebhookStore:
    """A subject is a product or an order as its own system names it, such as `shopify:product:123`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._deliveries = database["webhook_deliveries"]
        self._subjects = database["webhook_subjects"]
        self._products = database["products"]

    async def digest(self, delivery_key: str) -> str | None:
        """Of the body that came with this delivery; None for one that was not processed."""
        with store_errors():
            found = await self._deliveries.find_one({"_id": delivery_key})
        return str(found["digest"]) if found else None

    async def remember(self, delivery_key: str, digest: str) -> None:
        change = {"$setOnInsert": {"digest": digest, "expiresAt": datetime.now(UTC) + REMEMBERED}}
        with store_errors():
            try:
                await self._deliveries.update_one({"_id": delivery_key}, change, upsert=True)
            except DuplicateKeyError:  # another process has remembered it at the same time
                return

    async def products_of(self, subjects: Collection[str]) -> dict[str, str]:
        """Our ids of the products that these are, of those that are known."""
        with store_errors():
            found = await self._subjects.find({"_id": {"$in": list(subjects)}}).to_list(None)
        return {each["_id"]: each["productId"] for each in found if each.get("productId")}

    async def is_told_of(self, product_id: str) -> bool:
        """Whether another system has told of this product."""
        with store_errors():
            return await self._subjects.find_one({"productId": product_id}) is not None

    async def is_gone(self, product_id: str) -> bool:
        """Whether the other system has deleted what this product was there."""
        with store_errors():
            return await self._subjects.find_one({"productId": product_id, "gone": True}) is not None

    async def advance(self, subject: str, at: datetime, *, gone: bool = False, product_id: str | None = None) -> bool:
        """Notes that the subject is as it was at this time, and which product it is; False if something newer is
        known. Raises UnavailableError."""
        change: Document = {"gone": gone} if product_id is None else {"gone": gone, "productId": product_id}

        async def write(session: Session) -> bool:
            return await self._advance(subject, at, change, session)

        return await in_transaction(self._database, write)

    async def save(self, subject: str, at: datetime, product: Product, *, revive: bool = False) -> bool:
        """The same, with the product as it is then; with `revive` also of one that is gone, since whenever: the other
        system's clock may be another. Raises SkuTakenError and UnavailableError."""
        document = product_to_document(product)

        async def write(session: Session) -> bool:
            if not await self._advance(subject, at, {"gone": False, "productId": product.id}, session, revive=revive):
                return False
            await self._products.update_one({"_id": product.id}, {"$set": document}, upsert=True, session=session)
            return True

        try:
            return await in_transaction(self._database, write)
        except DuplicateKeyError as error:
            if "sku" in (error.details or {}).get("keyPattern", {}):
                raise SkuTakenError from error
            raise UnavailableError("MongoDB") from error  # two told of it at once: the sender sends it again

    async def _advance(
        self, subject: str, at: datetime, change: Document, session: Session, *, revive: bool = False
    ) -> bool:
        known = await self._subjects.find_one({"_id": subject}, session=session)
        if known is not None and known["at"] > at and not (revive and known["gone"]):
            return False
        await self._subjects.update_one({"_id": subject}, {"$set": {"at": at, **change}}, upsert=True, session=session)
        return True

    async def add_categories(self, categories: Sequence[Category]) -> None:
        """Those that do not exist."""
        await bulk_insert(self._database, "categories", [category_to_document(category) for category in categories])
