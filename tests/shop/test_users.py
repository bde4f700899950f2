"""Who a request is from: a signed token is trusted, also with a new name; a name typed by hand is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mongo_seed.migrate import migrate
from shop.entities.users import Role, User, Viewer
from shop.errors import BadInputError, NotFoundError, UnauthenticatedError
from shop.resources.texts import open_texts
from shop.settings import AuthSettings
from tests.fixtures.shop import SECRET

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.services.users import UserService
    from shop.settings import Settings
    from shop.store.database import Database


@pytest.fixture
async def users(settings: Settings, database: Database) -> AsyncIterator[UserService]:
    await migrate(database)
    async with open_texts(settings.model_copy(update={"auth": AuthSettings(secret=SECRET)})) as resources:
        yield resources.users


def signed(users: UserService, user_id: str) -> str:
    return f"Bearer {users.issue_token(user_id)}"


async def test_the_first_token_of_a_shopper_makes_the_user(users: UserService, database: Database) -> None:
    assert await users.user("new-here") is None, "asked before, and remembered as unknown"

    first = await users.viewer(signed(users, "new-here"), None)
    again = await users.viewer(signed(users, " new-here\u00a0"), None)

    for viewer in (first, again):
        assert viewer is not None
        assert viewer == Viewer("new-here", Role.SHOPPER, viewer.expires_at)
        assert viewer.expires_at is not None
    (stored,) = await database["users"].find({}).to_list(None)
    assert (stored["_id"], stored["role"]) == ("new-here", "shopper")
    assert stored["createdAt"] is not None


async def test_a_token_does_not_undo_what_a_user_is(users: UserService) -> None:
    assert await users.user("boss") is None
    await users.create(User("boss", role=Role.STAFF, locale="de"))

    viewer = await users.viewer(signed(users, "boss"), None)
    assert viewer is not None
    assert viewer.role is Role.STAFF
    user = await users.user("boss")
    assert user is not None
    assert user.locale == "de"


@pytest.mark.parametrize("name", [" ", "\u200b", "x" * 201, "a\nb"])
async def test_a_token_that_names_nobody_is_refused(users: UserService, name: str) -> None:
    with pytest.raises(UnauthenticatedError, match="no user id"):
        await users.viewer(signed(users, name), None)


async def test_a_name_typed_by_hand_must_be_known(users: UserService, database: Database) -> None:
    with pytest.raises(UnauthenticatedError, match="whybuy users create"):
        await users.viewer(None, "tpyo")

    assert await database["users"].count_documents({}) == 0


async def test_a_role_counts_from_the_next_request(users: UserService) -> None:
    await users.create(User("anna"))
    assert await users.viewer(None, "anna") == Viewer("anna", Role.SHOPPER)

    await users.set_role("anna", Role.STAFF)

    assert await users.viewer(None, "anna") == Viewer("anna", Role.STAFF)
    with pytest.raises(NotFoundError):
        await users.set_role("nobody", Role.STAFF)
    with pytest.raises(BadInputError, match="already"):
        await users.create(User("anna"))
