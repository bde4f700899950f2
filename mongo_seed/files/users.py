"""Imports users from a file: their names, roles and languages. Shoppers who did something are there without it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mongo_seed.files import fields
from mongo_seed.files.fields import RowError
from mongo_seed.files.importer import by_id, run_table
from mongo_seed.files.options import Table
from mongo_seed.files.tables import TableReader
from mongo_seed.migrate import migrate
from shop.entities.users import Role, User
from shop.store.audit import AuditStore, role_change
from shop.store.bulk import BulkError, bulk_replace
from shop.store.database import iterate
from shop.store.documents import stored_time, user_to_document
from shop.values import RefusedValueError, email, locale, shown, user_id

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mongo_seed.files.gathering import Row
    from mongo_seed.files.importer import Refused, TableReport
    from mongo_seed.files.options import ReadOptions
    from mongo_seed.loading import Progress
    from shop.store.database import Database

Document = dict[str, Any]

USERS = Table("users", ("id", "name", "email", "role", "locale"), (("id",),))
_BATCH = 2000


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user's id and those fields (in database form) that the row has."""

    id: str
    given: Document


def parse_user(row: Mapping[str, Any]) -> UserRow:
    """Raises RowError. A column that is absent leaves what is there; an empty cell sets the default."""
    try:
        id_ = user_id(fields.required_identifier(row, "id"))
    except RefusedValueError as error:
        raise RowError(f"id: {error.message}", "id") from error
    values: Document = {
        "name": ("displayName", fields.plain(row, "name")),
        "email": ("email", _email(row)),
        "role": ("role", _role(row)),
        "locale": ("locale", _locale(row)),
    }
    return UserRow(id_, dict(values[column] for column in row if column in values))


def _email(row: Mapping[str, Any]) -> str | None:
    text = (fields.text(row, "email") or "").strip()
    try:
        return email(text) if text else None
    except RefusedValueError as error:
        raise RowError(f"email: {error.message}", "email") from error


def _role(row: Mapping[str, Any]) -> str:
    role = (fields.text(row, "role") or Role.SHOPPER).strip().lower()
    if role not in set(Role) - {Role.SERVICE}:  # programs have API keys
        taken = ", ".join(each for each in Role if each is not Role.SERVICE)
        raise RowError(f"role must be one of {taken}, not {shown(role)}", "role")
    return role


def _locale(row: Mapping[str, Any]) -> str | None:
    text = fields.text(row, "locale")
    try:
        return locale(text) if text else None
    except RefusedValueError as error:
        raise RowError(f"locale: {error.message}", "locale") from error


async def import_users(
    database: Database, path: Path, options: ReadOptions | None = None, progress: Progress | None = None
) -> TableReport:
    """Makes the users of a file, and changes those who are there already. Runs the migrations first.

    Refused rows land in a rejects file beside it. Raises BadInputError when the file as a whole is unusable.
    """
    with TableReader(path, USERS, options) as reader:
        await migrate(database)
        # One writer: two rows about one user must not overtake each other.
        store = _UserImport(database).store
        return await run_table(reader, parse_user, store, progress, stage="users", size=_BATCH, writers=1)


class _UserImport:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._audit_log = AuditStore(database)

    async def store(self, batch: list[tuple[Row, UserRow]], report: TableReport) -> Refused:
        ids = [parsed.id for _, parsed in batch]
        stored = {document["_id"]: document async for document in iterate(self._database, "users", by_id(ids))}
        users = dict(stored)
        changing: list[tuple[Row, str]] = []
        for row, parsed in batch:  # a later row about the same user wins
            before = users.get(parsed.id) or user_to_document(User(parsed.id, created_at=datetime.now(UTC)))
            users[parsed.id] = {**before, **parsed.given}
            if users[parsed.id]["role"] != before["role"]:
                users[parsed.id]["roleIssuedAt"] = stored_time(datetime.now(UTC))
            changing.append((row, parsed.id))
        changed = {id_: user for id_, user in users.items() if user != stored.get(id_)}
        failed = await self._write(list(changed.values()))
        written = changed.keys() - failed.keys()
        roles = {id_: role_change(stored.get(id_, {}).get("role"), users[id_]["role"]) for id_ in written}
        await self._audit_log.add_all([("setUserRole", None, id_, role) for id_, role in roles.items() if role])
        report.added += len(written - stored.keys())
        report.changed += len(written & stored.keys())
        refused = [(row, failed[id_]) for row, id_ in changing if id_ in failed]
        report.unchanged += len(batch) - len(refused) - len(written)
        return refused

    async def _write(self, documents: list[Document]) -> dict[str, RowError]:
        """Returns which ids were refused, and why."""
        try:
            await bulk_replace(self._database, "users", documents)
        except BulkError as error:
            return {documents[position]["_id"]: RowError(reason) for position, reason in error.failures}
        return {}
