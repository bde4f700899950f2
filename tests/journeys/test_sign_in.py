"""A visitor signs in: what was done in the visit goes on counting, for them and for nobody else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from graphql_api.relay import decode_id, encode_id
from scoring.types import EventType
from shop.entities.interactions import Interaction
from shop.entities.users import Actor
from tests.fixtures.queries import TRACK, new_user, product_ids, products_in_stock
from tests.fixtures.shop import open_shop, variant

if TYPE_CHECKING:
    from shop.settings import Settings
    from tests.fixtures.shop import Shop

ITEMS = "id freshness { lastEventAt } items { product { id } }"
EVENTS = "{ viewer { interactions(first: 100) { totalCount nodes { id product { id } } } } }"


async def buy(
    shop: Shop, product: str, user: str | None = None, session: str | None = None, **event: Any
) -> dict[str, Any]:
    bought = {"productId": product, "type": "PURCHASE", **event}
    input_ = {"interaction": bought, **({"sessionId": session} if session else {})}
    answer = dict((await shop.data(TRACK, {"input": input_}, user))["trackInteraction"])
    assert answer["userErrors"] == []
    return answer


async def listed(shop: Shop, user: str | None = None, **wanted: Any) -> list[str]:
    return product_ids((await shop.listed(ITEMS, user, **{"limit": 10, **wanted}))["items"])


async def visit(shop: Shop) -> tuple[str, str]:
    """A session without sign-in, and the first product of its list, which was bought in it."""
    session = uuid4().hex
    (bought, *_) = await listed(shop, sessionId=session)
    await buy(shop, bought, session=session)
    return session, bought


async def test_a_purchase_before_signing_in_counts_after_it(shop: Shop) -> None:
    session, bought = await visit(shop)
    user = await new_user(shop)
    assert bought in await listed(shop, user), "a newcomer's list has it"

    after = await shop.listed(ITEMS, user, limit=10, sessionId=session)

    assert bought not in product_ids(after["items"]), "it is not recommended again"
    assert after["freshness"]["lastEventAt"] is not None
    assert bought not in await listed(shop, user), "nor where the page does not name the session"
    assert await listed(shop, user, scenario="BUY_AGAIN") == [bought]
    events = (await shop.data(EVENTS, user=user))["viewer"]["interactions"]
    assert events["totalCount"] == 1
    assert [event["product"]["id"] for event in events["nodes"]] == [bought]


async def test_tracking_with_the_session_is_enough_and_so_is_what_comes_later(shop: Shop) -> None:
    session, bought = await visit(shop)
    user = await new_user(shop)
    seen = next(id_ for id_ in await products_in_stock(shop, 60) if id_ != bought)

    await buy(shop, seen, user, session, type="VIEW")
    known = await listed(shop, user)
    await buy(shop, known[0], session=session)  # signed out, in the same visit
    after = await listed(shop, user)

    assert bought not in known
    assert known[0] not in after
    assert set(await listed(shop, user, scenario="BUY_AGAIN")) == {bought, known[0]}


async def test_a_shopper_can_take_out_what_was_done_before_signing_in(shop: Shop) -> None:
    session, bought = await visit(shop)
    user = await new_user(shop)
    await listed(shop, user, sessionId=session)
    edit = """
    mutation ($input: EditInsightInput!) { editInsight(input: $input) { excludedCount userErrors { code } } }
    """

    edited = await shop.data(edit, {"input": {"excludeProductIds": [bought]}}, user)

    assert edited["editInsight"] == {"excludedCount": 1, "userErrors": []}
    assert bought in await listed(shop, user)


async def test_a_session_is_the_first_users_who_names_it(shop: Shop) -> None:
    session, bought = await visit(shop)
    owner, stranger = await new_user(shop), await new_user(shop)

    await listed(shop, owner, sessionId=session)

    assert bought in await listed(shop, stranger, sessionId=session), "a newcomer's list has it"
    own = next(id_ for id_ in await products_in_stock(shop, 60) if id_ != bought)
    await buy(shop, own, stranger, session)
    assert await listed(shop, stranger, scenario="BUY_AGAIN", sessionId=session) == [own]
    events = (await shop.data(EVENTS, user=stranger))["viewer"]["interactions"]["nodes"]
    assert [event["product"]["id"] for event in events] == [own]
    assert await listed(shop, owner, scenario="BUY_AGAIN") == [bought]


async def test_a_session_with_events_of_another_user_is_not_merged(shop: Shop) -> None:
    """Such as an import leaves: the visit of somebody who signed in half way."""
    session, bought = await visit(shop)
    other, user = await new_user(shop), await new_user(shop)
    (product,) = await products_in_stock(shop)
    event = Interaction("k", Actor(other, session), decode_id("Product", product), EventType.VIEW, datetime.now(UTC))
    await shop.resources.stores.interactions.append([event])

    assert bought in await listed(shop, user, sessionId=session)
    assert (await shop.data(EVENTS, user=user))["viewer"]["interactions"]["totalCount"] == 0


async def test_who_knows_a_session_does_not_see_what_its_user_did(shop: Shop) -> None:
    session = uuid4().hex
    user = await new_user(shop)
    (product,) = await products_in_stock(shop)
    await buy(shop, product, user, session)

    assert await listed(shop, sessionId=session, scenario="BUY_AGAIN") == []
    assert await shop.resources.interactions.count(Actor(session_id=session)) == 0


@pytest.mark.parametrize("staff", ["demo-staff"])
async def test_staff_who_name_a_session_do_not_take_it(shop: Shop, staff: str) -> None:
    session, bought = await visit(shop)
    user = await new_user(shop)

    assert await listed(shop, staff, scenario="BUY_AGAIN", sessionId=session) == [bought], "they see the visitor's list"
    await listed(shop, staff, sessionId=session, userId=encode_id("User", user))

    assert bought not in await listed(shop, user, sessionId=session)


async def test_a_list_shown_before_signing_in_is_credited_after_it(shop: Shop) -> None:
    session = uuid4().hex
    shown = await shop.listed(ITEMS, sessionId=session, limit=3)
    user = await new_user(shop)
    product = product_ids(shown["items"])[0]

    clicked = await buy(shop, product, user, session, type="CLICK", recommendationId=shown["id"])
    await shop.resources.stores.recommendation_log.flush()
    await shop.resources.bandit.flush()

    assert clicked["warnings"] == []
    logged = await shop.resources.stores.database["recommendations_log"].find_one({"_id": shown["id"]})
    assert logged is not None
    rewarded = [item["productId"] for item in logged["items"] if "rewardedAt" in item]
    assert rewarded == [decode_id("Product", product)]


async def test_another_process_knows_it_too(shop: Shop, stocked: Settings) -> None:
    session, bought = await visit(shop)
    user = await new_user(shop)
    async with open_shop(variant(stocked)) as second:
        assert bought in await listed(second, user)
        await listed(shop, user, sessionId=session)

        assert bought not in await listed(second, user)
