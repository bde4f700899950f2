"""Products that another shop system tells of."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from shop import values
from shop.category_ids import category_chain
from shop.entities.catalog import ProductDraft
from shop.entities.webhooks import Outcome, Processed
from shop.errors import Problem
from shop.services.catalog import stamped
from shop.services.field_checks import FieldChecks
from shop.services.product_changes import NamedProduct
from shop.services.product_drafts import read_draft
from shop.store.documents import stored_time
from shop.store.webhooks import SkuTakenError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shop.entities.catalog import Category, Product
    from shop.entities.webhooks import ProductGone, ProductUpdate
    from shop.services.catalog import CatalogService
    from shop.services.product_changes import ProductChangeService
    from shop.store.catalog import CatalogStore
    from shop.store.webhooks import WebhookStore

_log = structlog.get_logger(__name__)


class WebhookProducts:
    """`currency` is that of all prices: products are told without one."""

    def __init__(
        self,
        store: WebhookStore,
        products: CatalogStore,
        catalog: CatalogService,
        changes: ProductChangeService,
        currency: str,
    ) -> None:
        self._store = store
        self._products = products
        self._catalog = catalog
        self._changes = changes
        self._currency = currency

    async def withdraw(self, told: ProductGone, at: datetime) -> Processed:
        """Raises UnavailableError."""
        known = (await self._store.products_of([told.subject])).get(told.subject) or await self._imported(told.subject)
        if not await self._store.advance(told.subject, min(at, datetime.now(UTC)), gone=True, product_id=known):
            return Processed(Outcome.STALE)
        if known is None:
            _log.info("deletion_of_unknown_product", product=told.subject)
        else:
            await self._changes.withdraw([NamedProduct("id", known)], None)
        return Processed(Outcome.DONE)

    async def update(self, told: ProductUpdate) -> Processed:
        """Creates or changes the product, unless something newer was told. Raises UnavailableError."""
        by_sku = await self._products.by_skus(told.skus)
        id_ = await self._id(told, by_sku)
        before = (await self._products.get_many([id_])).get(id_)
        read = await self._read(told, id_, before, by_sku)
        if isinstance(read, list):
            return Processed(Outcome.REFUSED, tuple(read))
        product = stamped(read, before, stored_time(datetime.now(UTC)))
        may_return = told.is_restored or (told.is_new and before is not None)
        returns = may_return and await self._store.is_gone(id_)  # else it was the shop's staff that withdrew it
        try:
            saved = await self._store.save(told.subject, told.at, product, revive=told.is_restored)
        except SkuTakenError:
            problem = Problem("sku", "CONFLICT", "Another product has this SKU.")
            return Processed(Outcome.REFUSED, (problem,))
        if not saved:
            return Processed(Outcome.STALE)
        await self._catalog.tell([product])
        if returns:
            await self._changes.withdraw([NamedProduct("id", id_)], None, restore=True)
        return Processed(Outcome.DONE)

    async def _imported(self, subject: str) -> str | None:
        """That of a product which has the id of the other system, and which no system has told of."""
        own = subject.rpartition(":")[2]
        found = await self._products.get_many([own])
        return own if own in found and not await self._store.is_told_of(own) else None

    async def _id(self, told: ProductUpdate, by_sku: Mapping[str, Product]) -> str:
        """That of the product which it is here: told of before, imported under the same id, or with the same SKU."""
        known = (await self._store.products_of([told.subject])).get(told.subject)
        if known is not None:
            return known
        same = by_sku.get(told.skus[0]) if told.skus else None
        if same is not None and same.sku == told.skus[0] and not await self._store.is_told_of(same.id):
            return same.id
        return told.id

    async def _read(
        self, told: ProductUpdate, id_: str, before: Product | None, by_sku: Mapping[str, Product]
    ) -> Product | list[Problem]:
        """The product as it is to be stored, or all that is wrong with it."""
        checks = FieldChecks()
        skus = [checks.take("sku", values.clean_id, sku) for sku in told.skus]
        own = [sku for sku in skus if sku not in by_sku or by_sku[sku].id == id_]
        category = await self._category(told)
        read = read_draft(
            ProductDraft(
                sku=own[0] if own else id_,
                name=told.name,
                description=told.description,
                category_id=category.id if category else None,
                brand=told.brand,
                tags=told.tags,
                price=values.rounded(told.price, self._currency),
                currency=self._currency,
                image_url=f"https:{told.image_url}" if (told.image_url or "").startswith("//") else told.image_url,
                in_stock=told.in_stock,
                rating=told.rating,
            ),
            {category.id: category} if category else {},
        )
        if checks.problems:
            return checks.problems
        if isinstance(read, list):
            return read
        variants = tuple(skus) if len(skus) > 1 or read.sku not in skus else ()
        if told.keeps_variants:
            variants = before.variant_skus if before else ()
        return replace(read, id=id_, variant_skus=variants, package_size=before.package_size if before else "")

    async def _category(self, told: ProductUpdate) -> Category | None:
        """Made if there is none. Of several without a path the deepest that the shop has."""
        known = await self._catalog.categories()
        path = _named(told.category_path)
        if not path and (names := _named(told.category_names)):
            found = [category for category in known.values() if category.name in names]
            if found:
                return max(found, key=lambda category: (len(category.path), category.id))
            path = names[:1]
        chain = category_chain(path)
        if new := [category for category in chain if category.id not in known]:
            await self._store.add_categories(new)
            self._catalog.forget_categories()
        return chain[-1] if chain else None


def _named(names: tuple[str, ...]) -> tuple[str, ...]:
    """As shoppers read them."""
    return tuple(name for text in names if (name := values.plain_text(text)[: values.LONGEST_LABEL]))
