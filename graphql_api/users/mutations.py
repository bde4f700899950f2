"""What shoppers state of themselves."""

from __future__ import annotations

from types import EllipsisType
from typing import Annotated, TypeVar

import strawberry

from graphql_api import enums  # noqa: F401 (registers them)
from graphql_api.arguments import labels
from graphql_api.catalog.types import require_categories
from graphql_api.context import Info
from graphql_api.limits.prices import costs
from graphql_api.limits.sizes import LONGEST_SHORT, MOST_ENTRIES, sizes
from graphql_api.payloads import INPUT, WARNINGS, InputWarning, UserError, malformed
from graphql_api.relay import decode_ids
from graphql_api.users.types import User
from shop import values
from shop.entities.catalog import ChangeStatus
from shop.entities.users import Preferences, UserDraft
from shop.errors import BadInputError, Problem
from shop.services.user_changes import MOST_USERS, UserResult
from shop.values import LONGEST_EMAIL, LONGEST_ID, LONGEST_LABEL

T = TypeVar("T")


@strawberry.input(description="All of the shopper's stated tastes: those left out are forgotten. And the language.")
class UpdatePreferencesInput:
    categories: list[strawberry.ID] = strawberry.field(
        default_factory=list, description="Favourite categories.", metadata=sizes(entries=MOST_ENTRIES)
    )
    brands: list[str] = strawberry.field(
        default_factory=list,
        description="Favourite brands, spelled as products have them; others get a warning.",
        metadata=sizes(entries=MOST_ENTRIES, length=LONGEST_LABEL),
    )
    tags: list[str] = strawberry.field(
        default_factory=list,
        description="Favourite tags, spelled as products have them; others get a warning.",
        metadata=sizes(entries=MOST_ENTRIES, length=LONGEST_LABEL),
    )
    locale: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The language for texts, as a BCP 47 tag such as de or fr-CA. Left out, it stays as it is; null "
        "leaves it to the browser. Texts come in en, de, fr, es and tr, and in English for every other.",
        metadata=sizes(length=LONGEST_SHORT),
    )

    def to_preferences(self) -> Preferences:
        """Raises BadInputError for ids that are none."""
        return Preferences(
            categories=decode_ids("Category", self.categories, "categories"),
            brands=labels(self.brands),
            tags=labels(self.tags),
        )


@strawberry.type(description="What became of it.")
class UpdatePreferencesPayload:
    user: User | None = strawberry.field(description="The user with the new preferences.")
    user_errors: list[UserError] = strawberry.field(description="What could not be stored; then nothing was.")
    warnings: list[InputWarning] = strawberry.field(description=WARNINGS)


@strawberry.input(description="All of a shopper's stated tastes: those left out are forgotten.")
class PreferencesInput:
    categories: list[strawberry.ID] = strawberry.field(
        default_factory=list, description="Favourite categories.", metadata=sizes(entries=MOST_ENTRIES)
    )
    brands: list[str] = strawberry.field(
        default_factory=list,
        description="Favourite brands, spelled as products have them.",
        metadata=sizes(entries=MOST_ENTRIES, length=LONGEST_LABEL),
    )
    tags: list[str] = strawberry.field(
        default_factory=list,
        description="Favourite tags, spelled as products have them.",
        metadata=sizes(entries=MOST_ENTRIES, length=LONGEST_LABEL),
    )

    def to_preferences(self) -> Preferences:
        """Raises BadInputError for ids that are none."""
        return Preferences(
            categories=decode_ids("Category", self.categories, "preferences.categories"),
            brands=labels(self.brands),
            tags=labels(self.tags),
        )


@strawberry.input(
    description="A shopper as the shop's own systems know them. What is left out stays as it is, null empties it. "
    "Roles and passwords are not changed here."
)
class UserInput:
    id: str = strawberry.field(
        description="The shop's own id of the shopper, which is also the `sub` of tokens; not a `User.id`.",
        metadata=sizes(length=LONGEST_ID, told=True),
    )
    display_name: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="As the shopper wants to be called. Markup becomes plain text.",
        metadata=sizes(length=LONGEST_LABEL, told=True),
    )
    email: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="An e-mail address that no other account has; kept in small letters.",
        metadata=sizes(length=LONGEST_EMAIL, told=True),
    )
    locale: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The language for texts, as a BCP 47 tag such as de or fr-CA.",
        metadata=sizes(length=LONGEST_SHORT, told=True),
    )
    preferences: PreferencesInput | None = strawberry.field(
        default=strawberry.UNSET, description="Stated tastes, apart from behaviour."
    )

    def to_draft(self) -> UserDraft | Problem:
        try:
            preferences = self.preferences.to_preferences() if self.preferences else None
        except BadInputError as error:
            return malformed(error)
        return UserDraft(
            self.id,
            email=_given(self.email),
            display_name=_given(self.display_name),
            locale=_given(self.locale),
            preferences=... if self.preferences is strawberry.UNSET else preferences,
        )


def _given(value: T) -> T | EllipsisType:
    return ... if value is strawberry.UNSET else value


@strawberry.input(description="Shoppers to create or to change.")
class UpsertUsersInput:
    users: list[UserInput] = strawberry.field(description="Who.", metadata=sizes(entries=MOST_USERS))


@strawberry.type(description="What became of one user of a batch.")
class UpsertUserResult:
    index: int = strawberry.field(description="Its place in the input, from 0.")
    status: ChangeStatus = strawberry.field(description="In a word.")
    user: User | None = strawberry.field(description="As stored now, null if it was refused.")
    user_errors: list[UserError] = strawberry.field(description="Why it was refused.", directives=costs(size=1))

    @classmethod
    def of(cls, index: int, result: UserResult) -> UpsertUserResult:
        return cls(
            index=index,
            status=result.status,
            user=User.of(result.user) if result.user else None,
            user_errors=[UserError.of(problem, f"users.{index}.") for problem in result.problems],
        )


@strawberry.type(description="What became of them: the good ones are stored, whatever is wrong with the others.")
class UpsertUsersPayload:
    results: list[UpsertUserResult] = strawberry.field(description="What became of each, in the order of the input.")
    user_errors: list[UserError] = strawberry.field(description="What was refused, and why.")


@strawberry.type
class UserMutation:
    @strawberry.mutation(description="Replaces the viewer's stated tastes; the next list knows them.")
    async def update_preferences(
        self, info: Info, input: Annotated[UpdatePreferencesInput, INPUT]
    ) -> UpdatePreferencesPayload:
        viewer = info.context.require_viewer()
        preferences = input.to_preferences()
        catalog = info.context.resources.catalog
        try:
            await require_categories(catalog, set(preferences.categories))
        except BadInputError as error:
            problem = UserError(field="categories", code="NOT_FOUND", message=error.message)
            return UpdatePreferencesPayload(user=None, user_errors=[problem], warnings=[])
        try:
            stated = values.locale(input.locale) if isinstance(input.locale, str) else None
        except values.RefusedValueError as error:
            problem = UserError(field="locale", code=error.code, message=error.message)
            return UpdatePreferencesPayload(user=None, user_errors=[problem], warnings=[])
        unknown = await catalog.unknown_labels(preferences.brands, preferences.tags)
        locale = ... if input.locale is strawberry.UNSET else stated
        user = await info.context.resources.users.update_preferences(viewer.user_id, preferences, locale=locale)
        return UpdatePreferencesPayload(
            user=User.of(user), user_errors=[], warnings=[InputWarning.of(problem) for problem in unknown]
        )

    @strawberry.mutation(
        description="Creates shoppers, or changes what is given of them (staff). The good ones are stored beside bad "
        "ones. Accounts that are no shoppers' are refused.",
        directives=costs(20, size=1, sized_by=("input.users",), in_fields=("results", "userErrors")),
    )
    async def upsert_users(self, info: Info, input: Annotated[UpsertUsersInput, INPUT]) -> UpsertUsersPayload:
        viewer = info.context.require_viewer()
        saved = await info.context.resources.user_changes.save([user.to_draft() for user in input.users])
        # Those that are as they were too: what could not be recorded the first time is so when it is sent again.
        changes = {each.user.id: {"status": each.status} for each in saved if each.user}
        await info.context.resources.audit.note_change("upsertUsers", viewer, changes)
        results = [UpsertUserResult.of(index, result) for index, result in enumerate(saved)]
        return UpsertUsersPayload(
            results=results, user_errors=[error for result in results for error in result.user_errors]
        )
