"""What shoppers state of themselves."""

from __future__ import annotations

from typing import Annotated

import strawberry

from graphql_api.arguments import labels
from graphql_api.catalog.types import require_categories
from graphql_api.context import Info
from graphql_api.limits.sizes import LONGEST_SHORT, MOST_ENTRIES, sizes
from graphql_api.payloads import INPUT, WARNINGS, InputWarning, UserError
from graphql_api.relay import decode_ids
from graphql_api.users.types import User
from shop import values
from shop.entities.users import Preferences
from shop.errors import BadInputError
from shop.values import LONGEST_LABEL


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
