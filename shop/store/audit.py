"""The audit log. An entry is written in the same transaction as the change that it records, where there is one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from shop.entities.audit import AuditEntry
from shop.entities.users import Role
from shop.store.database import Database, Document, store_errors
from shop.store.paging import SortKey, find_page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shop.entities.paging import Page, PageRequest
    from shop.store.database import Session

_NEWEST = SortKey("NEWEST", "at", -1, 1)


class AuditStore:
    def __init__(self, database: Database) -> None:
        self._entries = database["audit_log"]

    async def add(self, action: str, actor_id: str | None, subject: str, details: Document, session: Session) -> None:
        """Joins the transaction of the session."""
        await self.add_several(action, actor_id, {subject: details}, session)

    async def add_several(
        self, action: str, actor_id: str | None, details: Mapping[str, Document], session: Session
    ) -> None:
        """The same for several subjects; `details` has at least one."""
        entries = [_document(action, actor_id, subject, of_subject) for subject, of_subject in details.items()]
        await self._entries.insert_many(entries, session=session)

    async def add_all(self, entries: Sequence[tuple[str, str | None, str, Document]]) -> None:
        """Adds entries of things that have no transaction: action, actor, subject and details of each."""
        if entries:
            with store_errors():
                await self._entries.insert_many([_document(*entry) for entry in entries])

    async def page(self, request: PageRequest, action: str | None, subject: str | None) -> Page[AuditEntry]:
        """Newest first; all entries, or those of an action or a subject."""
        with store_errors():
            return await find_page(self._entries, _query(action, subject), _NEWEST, request, _entry)

    async def count(self, action: str | None, subject: str | None) -> int:
        query = _query(action, subject)
        with store_errors():
            return await (self._entries.count_documents(query) if query else self._entries.estimated_document_count())


def role_change(before: str | None, role: str) -> Document | None:
    """The details of a `setUserRole`, None where nothing changes; `before` is None for somebody new, and that a new
    shopper is one is no news."""
    return None if role == (before or Role.SHOPPER.value) else {"from": before, "to": role}


def _document(action: str, actor_id: str | None, subject: str, details: Document) -> Document:
    return {
        "_id": uuid4().hex,
        "at": datetime.now(UTC),
        "action": action,
        "actorId": actor_id,
        "subject": subject,
        "details": details,
    }


def _query(action: str | None, subject: str | None) -> Document:
    wanted = {"action": action, "subject": subject}
    return {name: value for name, value in wanted.items() if value is not None}


def _entry(document: Mapping[str, Any]) -> AuditEntry:
    return AuditEntry(
        id=document["_id"],
        at=document["at"],
        action=document["action"],
        actor_id=document.get("actorId"),
        subject=document.get("subject", ""),
        details=document.get("details", {}),
    )
