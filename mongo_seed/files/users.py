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
from shop.store.bulk import BulkError, bulk_insert, bulk_set
from shop.store.database import iterate
from shop.store.documents import user_to_document
from shop.store.users import UserStore
from shop.values import RefusedValueError, email, locale, shown

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
    id_ = fields.user_identifier(row, "id")
    if id_ is None:
        raise fields.missing("id")
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
        self._users = UserStore(database)

    async def store(self, batch: list[tuple[Row, UserRow]], report: TableReport) -> Refused:
        ids = [parsed.id for _, parsed in batch]
        stored = {document["_id"]: document async for document in iterate(self._database, "users", by_id(ids))}
        given: dict[str, Document] = {}
        for _, parsed in batch:  # a later row about the same user wins
            given.setdefault(parsed.id, {}).update(parsed.given)
        new = {id_: user_to_document(User(id_, created_at=datetime.now(UTC))) for id_ in given.keys() - stored.keys()}
        before = {**stored, **new}
        changing = {
            id_: fields for id_, fields in given.items() if id_ in new or {**before[id_], **fields} != before[id_]
        }
        roles = {id_: Role(fields.pop("role")) for id_, fields in changing.items() if "role" in fields}
        failed = await self._write(
            [{**new[id_], **fields} for id_, fields in changing.items() if id_ in new],
            [(id_, fields) for id_, fields in changing.items() if id_ not in new and fields],
        )
        written = changing.keys() - failed.keys()
        for id_, role in roles.items():
            if id_ in written and role.value != before[id_]["role"]:
                await self._users.set_role(id_, role, None)
        report.added += len(written & new.keys())
        report.changed += len(written - new.keys())
        refused = [(row, failed[parsed.id]) for row, parsed in batch if parsed.id in failed]
        report.unchanged += len(batch) - len(refused) - len(written)
        return refused

    async def _write(self, new: list[Document], changes: list[tuple[str, Document]]) -> dict[str, RowError]:
        """Fields alone of those who are there: what somebody else writes at the same time stays, and whoever was
        erased meanwhile is not made again. Returns which ids were refused, and why."""
        failed: dict[str, RowError] = {}
        try:
            await bulk_insert(self._database, "users", new)
        except BulkError as error:
            failed |= {new[position]["_id"]: RowError(reason) for position, reason in error.failures}
        try:
            await bulk_set(self._database, "users", changes)
        except BulkError as error:
            failed |= {changes[position][0]: RowError(reason) for position, reason in error.failures}
        return failed
