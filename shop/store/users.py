"""Users and the profiles that their behaviour adds up to."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pymongo.errors import DuplicateKeyError

from shop.entities.users import UserProfile
from shop.errors import BadInputError
from shop.store.audit import AuditStore, role_change
from shop.store.database import Database, Document, in_transaction, store_errors
from shop.store.documents import money_from_document, money_to_document, user_from_document, user_to_document
from shop.store.paging import SortKey, find_page

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import EllipsisType

    from shop.entities.paging import Page, PageRequest
    from shop.entities.users import Preferences, Role, User
    from shop.store.database import Session

_NEWEST = SortKey("NEWEST", "createdAt", -1, 1)


class UserStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._audit_log = AuditStore(database)
        self._users = database["users"]
        self._profiles = database["user_profiles"]

    async def get_many(self, ids: Sequence[str]) -> dict[str, User]:
        with store_errors():
            documents = await self._users.find({"_id": {"$in": list(ids)}}).to_list(len(ids))
        return {document["_id"]: user_from_document(document) for document in documents}

    async def get(self, user_id: str) -> User | None:
        return (await self.get_many([user_id])).get(user_id)

    async def page(self, request: PageRequest) -> Page[User]:
        with store_errors():
            return await find_page(self._users, {}, _NEWEST, request, user_from_document)

    async def newest(self, limit: int, role: Role | None = None) -> list[User]:
        query = {} if role is None else {"role": role.value}
        with store_errors():
            documents = await self._users.find(query).sort("createdAt", -1).limit(limit).to_list(limit)
        return list(map(user_from_document, documents))

    async def create(self, user: User) -> bool:
        """With its entry in the audit log if it is more than a shopper. False if there is one with this id: that one
        stays as it is. Raises BadInputError for an e-mail address that is somebody else's."""

        async def write(session: Session) -> bool:
            result = await self._users.update_one(
                {"_id": user.id}, {"$setOnInsert": user_to_document(user)}, upsert=True, session=session
            )
            if result.upserted_id is not None:
                await self._note_role(user.id, None, user.role, None, session)
            return result.upserted_id is not None

        with _own_email():
            return await in_transaction(self._database, write)

    async def set_role(self, user_id: str, role: Role, actor_id: str | None, issued_at: datetime | None = None) -> bool:
        """With its entry in the audit log if it is another one. False if there is no such user; with `issued_at`, when
        a token was issued that says so, also if the role they have was given then or later."""
        wanted: Document = {"_id": user_id}
        if issued_at is not None:
            wanted["$nor"] = [{"roleIssuedAt": {"$gte": issued_at}}]

        async def write(session: Session) -> bool:
            # The issuer's clock may be ahead: the moment never goes back.
            moment = {"roleIssuedAt": issued_at or datetime.now(UTC)}
            change = {"$set": {"role": role.value}, "$max": moment}
            before = await self._users.find_one_and_update(wanted, change, {"role": 1}, session=session)
            if before is not None:
                await self._note_role(user_id, before["role"], role, actor_id, session)
            return before is not None

        return await in_transaction(self._database, write)

    async def _note_role(
        self, user_id: str, before: str | None, role: Role, actor_id: str | None, session: Session
    ) -> None:
        if (details := role_change(before, role.value)) is not None:
            await self._audit_log.add("setUserRole", actor_id, user_id, details, session)

    async def set_email(self, user_id: str, email: str, actor_id: str | None) -> bool:
        """With its entry in the audit log, which has no address. False if there is no such user. Raises BadInputError
        for an address that is somebody else's."""

        async def write(session: Session) -> bool:
            result = await self._users.update_one({"_id": user_id}, {"$set": {"email": email}}, session=session)
            if result.modified_count:
                await self._audit_log.add("setUserEmail", actor_id, user_id, {}, session)
            return result.matched_count == 1

        with _own_email():
            return await in_transaction(self._database, write)

    async def count(self) -> int:
        with store_errors():
            return await self._users.estimated_document_count()

    async def set_preferences(
        self, user_id: str, preferences: Preferences, *, locale: str | EllipsisType | None = ...
    ) -> bool:
        """With `locale` also the language of texts. False if there is no such user."""
        change = {
            **({} if locale is ... else {"locale": locale}),
            "preferences.categories": list(preferences.categories),
            "preferences.brands": list(preferences.brands),
            "preferences.tags": list(preferences.tags),
        }
        with store_errors():
            result = await self._users.update_one({"_id": user_id}, {"$set": change})
        return result.matched_count == 1

    async def profile(self, user_id: str) -> UserProfile | None:
        with store_errors():
            document = await self._profiles.find_one({"_id": user_id})
        if document is None:
            return None
        return UserProfile(
            user_id=user_id,
            categories=tuple((name, count) for name, count in document["categories"]),
            brands=tuple((name, count) for name, count in document["brands"]),
            purchase_count=document["purchaseCount"],
            order_count=document["orderCount"],
            event_count=document["eventCount"],
            average_price=money_from_document(document["averagePrice"]),
            last_event_at=document["lastEventAt"],
            updated_at=document["updatedAt"],
        )

    async def save_profile(self, profile: UserProfile) -> None:
        document = {
            "_id": profile.user_id,
            "categories": [list(pair) for pair in profile.categories],
            "brands": [list(pair) for pair in profile.brands],
            "purchaseCount": profile.purchase_count,
            "orderCount": profile.order_count,
            "eventCount": profile.event_count,
            "averagePrice": money_to_document(profile.average_price),
            "lastEventAt": profile.last_event_at,
            "updatedAt": profile.updated_at,
        }
        with store_errors():
            await self._profiles.replace_one({"_id": profile.user_id}, document, upsert=True)


@contextlib.contextmanager
def _own_email() -> Iterator[None]:
    try:
        yield
    except DuplicateKeyError as error:
        raise BadInputError("This e-mail address is another user's.", field="email") from error
