"""Taking products out of the shop and back, each change in one transaction with its entries in the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shop.store.catalog import ON_OFFER, WITHDRAWN
from shop.store.database import Database, Document, in_transaction

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from shop.store.audit import AuditStore
    from shop.store.database import Session


class WithdrawalStore:
    def __init__(self, database: Database, audit_log: AuditStore) -> None:
        self._database = database
        self._products = database["products"]
        self._audit_log = audit_log

    async def apply(self, ids: Collection[str], at: datetime, by: str | None, *, restore: bool = False) -> set[str]:
        """Withdraws products, or restores them; returns which of the ids were not so already. `by` is who did it, None
        for the shop itself. Raises UnavailableError."""
        change: Document = {"$set": {"updatedAt": at}, "$unset": {"withdrawnAt": ""}}
        if not restore:
            change = {"$set": {"updatedAt": at, "withdrawnAt": at}}

        async def write(session: Session) -> set[str]:
            query = {"_id": {"$in": list(ids)}, **(WITHDRAWN if restore else ON_OFFER)}
            changing = [found["_id"] async for found in self._products.find(query, {"_id": 1}, session=session)]
            if changing:
                await self._products.update_many({"_id": {"$in": changing}}, change, session=session)
                details = {"restored": restore}
                await self._audit_log.add_several("deleteProducts", by, dict.fromkeys(changing, details), session)
            return set(changing)

        return await in_transaction(self._database, write)
