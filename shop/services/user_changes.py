"""Shoppers as the shop's own systems know them: created and changed, many at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shop import values
from shop.entities.catalog import ChangeStatus
from shop.entities.users import Actor, Preferences, Role, User
from shop.errors import Problem
from shop.services.field_checks import FieldChecks
from shop.store.documents import stored_time
from shop.store.user_batches import Refusal
from shop.turns import give_way

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from shop.entities.users import UserDraft
    from shop.services.catalog import CatalogService
    from shop.services.users import UserService
    from shop.store.user_batches import UserBatchStore
    from shop.store.users import UserStore

MOST_USERS = 1_000
_FIELDS = {"email": "email", "display_name": "displayName", "locale": "locale", "preferences": "preferences"}
_PROBLEMS = {
    Refusal.EMAIL_TAKEN: Problem("email", "TAKEN", "Another account has this e-mail address."),
    Refusal.NO_SHOPPER: Problem("id", "FORBIDDEN", "This is no shopper's account: such are not changed from here."),
}


@dataclass(frozen=True, slots=True)
class UserResult:
    """What became of one entry of a batch: the user as stored, None if the entry was refused."""

    status: ChangeStatus
    user: User | None = None
    problems: tuple[Problem, ...] = ()


class UserChangeService:
    def __init__(
        self, users: UserStore, batches: UserBatchStore, service: UserService, catalog: CatalogService
    ) -> None:
        self._users = users
        self._batches = batches
        self._service = service
        self._catalog = catalog

    async def missing(self, ids: Collection[str]) -> set[str]:
        """Those of the ids that no user has. Raises UnavailableError."""
        return set(ids) - (await self._users.get_many([*ids])).keys()

    async def ensure(self, ids: Collection[str]) -> None:
        """Makes shoppers of those ids that no user has. Raises UnavailableError."""
        new = await self.missing(ids)
        await self._batches.create([User(id_, created_at=datetime.now(UTC)) for id_ in sorted(new)])
        await self._service.tell(new)

    async def was_erased_since(self, actor: Actor, moment: datetime) -> bool:
        """Whether the shopper, or the visit, was erased at that time or later: what was done before is not to come
        back. Raises UnavailableError."""
        named = [actor] if actor.session_id is None else [actor, Actor(None, actor.session_id)]
        return any([await self._service.was_erased_since(one, moment) for one in named])

    async def save(self, drafts: Sequence[UserDraft | Problem]) -> list[UserResult]:
        """Creates shoppers or changes the fields that are given, of what is valid. A problem stands for what could not
        be read as a user. One result for each entry. Raises UnavailableError."""
        results: dict[int, UserResult] = {}
        read = await self._read(drafts, results)
        before = await self._users.get_many([draft.id for draft in read.values()])
        now = stored_time(datetime.now(UTC))
        changing: list[tuple[int, User, set[str]]] = []
        for index, draft in read.items():
            known = before.get(draft.id)
            user, fields = _changed(known or User(draft.id, created_at=now), draft)
            if known is not None and known.role is not Role.SHOPPER:
                results[index] = _refused(_PROBLEMS[Refusal.NO_SHOPPER])
            elif user == known:
                results[index] = UserResult(ChangeStatus.UNCHANGED, user)
            else:
                changing.append((index, user, fields))
        refusals = await self._batches.save([user for _, user, _ in changing], [fields for *_, fields in changing])
        for place, (index, user, _) in enumerate(changing):
            status = ChangeStatus.UPDATED if user.id in before else ChangeStatus.CREATED
            refusal = refusals.get(place)
            results[index] = _refused(_PROBLEMS[refusal]) if refusal else UserResult(status, user)
        await self._service.tell([user.id for _, user, _ in changing])
        return [results[index] for index in range(len(drafts))]

    async def _read(
        self, drafts: Sequence[UserDraft | Problem], results: dict[int, UserResult]
    ) -> dict[int, UserDraft]:
        """The valid ones by their place; what is wrong with the others goes into `results`."""
        categories = await self._catalog.categories()
        valid: dict[int, UserDraft] = {}
        ids, emails = set[str](), set[str]()
        for index, draft in enumerate(drafts):
            read = [draft] if isinstance(draft, Problem) else _checked(draft, categories)
            if isinstance(read, list):
                results[index] = _refused(*read)
            elif read.id in ids:
                results[index] = _refused(Problem("id", "DUPLICATE", "This id is in the batch already."))
            elif read.email in emails:
                results[index] = _refused(_PROBLEMS[Refusal.EMAIL_TAKEN])
            else:
                valid[index] = read
                ids.add(read.id)
                if isinstance(read.email, str):
                    emails.add(read.email)
            await give_way()
        return valid


def _refused(*problems: Problem) -> UserResult:
    return UserResult(ChangeStatus.REFUSED, problems=problems)


def _changed(user: User, draft: UserDraft) -> tuple[User, set[str]]:
    """The user with what is given, and the names of those fields in the database."""
    given = {name: value for name in _FIELDS if (value := getattr(draft, name)) is not ...}
    return replace(user, **given), {_FIELDS[name] for name in given}


def _checked(draft: UserDraft, categories: Mapping[str, object]) -> UserDraft | list[Problem]:
    """As it is stored, or all that is wrong with it."""
    checks = FieldChecks()
    name, preferences = draft.display_name, draft.preferences
    if isinstance(name, str):
        name = checks.text("displayName", name, most=values.LONGEST_LABEL) or None
    if preferences is None:
        preferences = Preferences()
    elif isinstance(preferences, Preferences):
        for index, id_ in enumerate(preferences.categories):
            if id_ not in categories:
                checks.refuse(f"preferences.categories.{index}", "NOT_FOUND", f"There is no category {id_!r}.")
    read = replace(
        draft,
        id=checks.take("id", values.clean_user_id, draft.id),
        email=checks.take("email", values.email, draft.email) if isinstance(draft.email, str) else draft.email,
        display_name=name,
        locale=checks.take("locale", values.locale, draft.locale) if isinstance(draft.locale, str) else draft.locale,
        preferences=preferences,
    )
    return checks.problems or read
