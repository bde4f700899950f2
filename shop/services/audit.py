"""The audit log: who changed what, and which staff read whose data.

Stores write the entry of a change in the transaction of the change, where there is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shop.entities.users import Role

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shop.entities.audit import AuditEntry
    from shop.entities.paging import Page, PageRequest
    from shop.entities.users import Viewer
    from shop.store.audit import AuditStore

READ = "read"


class AuditService:
    def __init__(self, store: AuditStore) -> None:
        self._store = store

    async def page(self, request: PageRequest, action: str | None, subject: str | None) -> Page[AuditEntry]:
        """Newest first; all entries, or those of an action or a subject."""
        return await self._store.page(request, action, subject)

    async def count(self, action: str | None, subject: str | None) -> int:
        return await self._store.count(action, subject)

    async def note_read(self, viewer: Viewer | None, subjects: Sequence[str], what: str) -> None:
        """Records that staff read data of these users; `what` names the field that was asked for.

        Nothing is recorded of people who read what is their own, and of services: a shop's server asks for every
        page of every shopper, and such entries would say nothing but that the shop is open. Raises UnavailableError.
        """
        if viewer is None or not viewer.is_staff or viewer.role is Role.SERVICE:
            return
        others = [subject for subject in subjects if subject != viewer.user_id]
        await self._store.add_all([(READ, viewer.user_id, subject, {"what": what}) for subject in others])

    async def note_change(self, action: str, viewer: Viewer, changes: Mapping[str, dict[str, Any]]) -> None:
        """Records changes that had no transaction of their own: details by subject. Raises UnavailableError."""
        await self._store.add_all([(action, viewer.user_id, subject, details) for subject, details in changes.items()])
