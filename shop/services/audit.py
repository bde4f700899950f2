"""Reading the audit log. Stores write it, each entry in the transaction of its change."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shop.entities.audit import AuditEntry
    from shop.entities.paging import Page, PageRequest
    from shop.store.audit import AuditStore


class AuditService:
    def __init__(self, store: AuditStore) -> None:
        self._store = store

    async def page(self, request: PageRequest, action: str | None, subject: str | None) -> Page[AuditEntry]:
        """Newest first; all entries, or those of an action or a subject."""
        return await self._store.page(request, action, subject)

    async def count(self, action: str | None, subject: str | None) -> int:
        return await self._store.count(action, subject)
