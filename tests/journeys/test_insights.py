"""Shoppers correct what the shop thinks of them, and say what they think of its explanations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from graphql_api.relay import decode_id, encode_id
from mongo_seed.complete_journey import demo
from shop.entities.explanations import Explanation, Text, TextSource, TextStatus
from shop.entities.recommendations import RecommendationRequest
from shop.entities.users import Actor, User
from shop.resources.serving import open_serving
from shop.services import insights
from shop.store.database import put_document
from shop.store.documents import user_to_document
from tests.fixtures.queries import TRACK_SEVERAL, product_ids, products_in_stock
from tests.fixtures.waiting import until

if TYPE_CHECKING:
    from tests.fixtures.shop import Shop, Subscription

LIST = """
id
items {
  exploration product { id } reasons { product { id } }
  explanation { id status text evidence { product { id } } }
}
"""
EDIT = """
mutation ($input: EditInsightInput!) {
  editInsight(input: $input) { insight { status text } excludedCount userErrors { field code message } }
}
"""
REFRESH = "mutation { refreshInsight(input: {}) { insight { status text generatedAt } userErrors { code } } }"
REQUEST = """
mutation ($input: RequestExplanationInput!) {
  requestExplanation(input: $input) { explanation { id status evidence { kind } } userErrors { field code } }
}
"""
RATE = """
mutation ($input: RateExplanationInput!) {
  rateExplanation(input: $input) {
    rating { explanationId productId helpful reason comment } userErrors { field code }
  }
}
"""
REPORT = """
query ($group: ExplanationReportGroup!, $from: DateTime, $to: DateTime) {
  explanationReport(from: $from, to: $to, groupBy: $group) {
    ratings { group shown ratings helpful helpfulShare { value low high } }
    clickThrough { withExplanation source group impressions clicks ctr { value low high } }
  }
}
"""
AUDIT = """
query ($action: String, $subject: String, $first: Int, $after: String) {
  auditLog(action: $action, subject: $subject, first: $first, after: $after) {
    totalCount nodes { action actorId subject details at actor { id } } pageInfo { hasNextPage endCursor }
  }
}
"""
MINE = "{ viewer { interactions(first: 100) { nodes { id excluded product { id } } } insight { status text } } }"
LIVE = """
subscription { recommendationsUpdated(input: { limit: 10 }) { list { items { reasons { product { id } } } } } }
"""
UPDATED = "subscription { insightUpdated { insight { status text } } }"


async def shopper(shop: Shop, locale: str | None = "en") -> str:
    """An account of its own for one test."""
    user_id = f"shopper-{uuid4().hex[:8]}"
    await put_document(
        shop.resources.stores.database,
        "users",
        user_to_document(User(user_id, locale=locale, created_at=datetime.now(UTC))),
    )
    return user_id


async def buy(shop: Shop, user: str, *products: str, order: str = "order") -> list[str]:
    """The ids of the events, each an order of its own."""
    events = [
        {"productId": product, "type": "PURCHASE", "orderId": f"{order}-{number}"}
        for number, product in enumerate(products)
    ]
    tracked = (await shop.data(TRACK_SEVERAL, {"input": {"interactions": events}}, user))["trackInteractions"]
    assert tracked["userErrors"] == []
    return [event["id"] for event in tracked["interactions"]]


async def listed(shop: Shop, user: str | None, **wanted: Any) -> dict[str, Any]:
    return await shop.listed(LIST, user, **{"limit": 10, **wanted})


def subjects(shown: dict[str, Any]) -> list[str]:
    """The products that the reasons of a list point at."""
    return [reason["product"]["id"] for item in shown["items"] for reason in item["reasons"] if reason["product"]]


async def edit(shop: Shop, user: str, **input_: Any) -> dict[str, Any]:
    return dict((await shop.data(EDIT, {"input": input_}, user))["editInsight"])


async def insight_of(shop: Shop, user: str) -> dict[str, Any]:
    return dict((await shop.data(MINE, user=user))["viewer"]["insight"])


async def ready(shop: Shop, user: str) -> str:
    """The text, once it is there."""
    found: dict[str, Any] = {}

    async def written() -> bool:
        found.update(await insight_of(shop, user))
        return bool(found["status"] == "READY")

    await until(written, "the insight")
    return str(found["text"])


async def pushed(updates: Subscription) -> dict[str, Any]:
    return dict((await updates.next())["insightUpdated"]["insight"])


async def test_a_gift_changes_the_next_list_and_the_insight_and_is_on_record(shop: Shop) -> None:
    # given somebody whose list is full of what goes with one purchase
    user = await shopper(shop)
    gift, own = await products_in_stock(shop, 2)
    await buy(shop, user, gift, gift, order="a")
    kept, _ = await buy(shop, user, own, own, order="b")
    before = await listed(shop, user)
    assert subjects(before).count(gift) >= 2
    told = await ready(shop, user)
    assert " and " in told
    twin = await shopper(shop)  # who never bought the other
    await buy(shop, twin, own, own, order="b")

    # when it was a gift
    async with shop.subscribe(UPDATED, user=user, listening=True) as updates, shop.subscribe(LIVE, user=user) as page:
        await page.next()
        edited = await edit(shop, user, excludeProductIds=[gift], reason="GIFT", note="For my uncle.")
        after = await listed(shop, user)

        # then nothing rests on it any more: not the next list, not an open page, not the insight
        assert edited == {"insight": {"status": "PENDING", "text": None}, "excludedCount": 2, "userErrors": []}
        assert gift not in subjects(after)
        assert subjects((await page.next())["recommendationsUpdated"]["list"]).count(gift) == 0
        renewed = await pushed(updates)
        assert renewed["status"] == "READY"
        assert renewed["text"] == await ready(shop, twin) != told
    assert await insight_of(shop, user) == renewed

    # and the shopper sees it, and staff
    mine = (await shop.data(MINE, user=user))["viewer"]["interactions"]["nodes"]
    assert {node["id"]: node["excluded"] for node in mine}[kept] is False
    assert {node["product"]["id"]: node["excluded"] for node in mine} == {gift: True, own: False}
    log = (await shop.data(AUDIT, {"action": "editInsight", "subject": user}, demo.STAFF))["auditLog"]
    (entry,) = log["nodes"]
    assert (entry["actorId"], entry["actor"]["id"]) == (encode_id("User", user), encode_id("User", user))
    assert entry["details"]["reason"] == "GIFT"
    assert entry["details"]["note"] == "For my uncle."
    assert (len(entry["details"]["excluded"]), log["totalCount"]) == (2, 1)

    # and asking again changes nothing
    again = await edit(shop, user, excludeProductIds=[gift], reason="GIFT")
    assert (again["insight"], again["excludedCount"]) == (renewed, 2)
    edits = {"action": "editInsight", "subject": user}
    assert (await shop.data(AUDIT, edits, demo.STAFF))["auditLog"]["totalCount"] == 1


async def test_what_was_told_because_of_a_gift_is_not_told_again(shop: Shop) -> None:
    user = await shopper(shop)
    (gift,) = await products_in_stock(shop, 1)
    await buy(shop, user, gift)
    shown = await listed(shop, user)
    product = next(item["product"]["id"] for item in shown["items"] if gift in subjects({"items": [item]}))
    told = "query ($id: ID!) { explanation(productId: $id) { text } }"

    async def is_told() -> bool:
        return (await shop.data(told, {"id": product}, user))["explanation"] is not None

    await until(is_told, "the explanation")
    await edit(shop, user, excludeProductIds=[gift], reason="GIFT")

    assert not await is_told()
    asked = (await shop.data(REQUEST, {"input": {"productId": product}}, user))["requestExplanation"]
    assert asked == {"explanation": None, "userErrors": [{"field": "productId", "code": "NOT_FOUND"}]}


async def test_what_was_left_out_counts_again_when_the_shopper_says_so(shop: Shop) -> None:
    user = await shopper(shop)
    product, other = await products_in_stock(shop, 2)
    (event,) = await buy(shop, user, product)
    assert subjects(await listed(shop, user)).count(product) >= 2

    assert (await edit(shop, user, excludeInteractionIds=[event]))["excludedCount"] == 1
    assert product not in subjects(await listed(shop, user))
    # what happens afterwards counts, also the same product once more, and an event told twice stays left out
    await buy(shop, user, other)
    assert product not in subjects(await listed(shop, user))

    assert (await edit(shop, user, includeInteractionIds=[event]))["excludedCount"] == 0
    assert product in subjects(await listed(shop, user))


async def test_another_process_hears_of_a_correction_before_its_next_list(shop: Shop) -> None:
    user = await shopper(shop)
    (product,) = await products_in_stock(shop, 1)
    (event,) = await buy(shop, user, product)
    request = RecommendationRequest(Actor(user_id=user), limit=10)
    own_id = decode_id("Product", product)

    async with open_serving(shop.settings) as other:

        async def partners() -> list[str | None]:
            found = await other.recommendations.recommend(request)
            return [reason.product_id for item in found.items for reason in item.reasons]

        assert own_id in await partners()
        await edit(shop, user, excludeInteractionIds=[event])
        assert own_id not in await partners()
        await edit(shop, user, includeInteractionIds=[event])
        assert own_id in await partners()


async def test_only_ones_own_events_can_be_edited(shop: Shop) -> None:
    user, stranger = await shopper(shop), await shopper(shop)
    first, second = await products_in_stock(shop, 2)
    (theirs,) = await buy(shop, stranger, first)
    (mine,) = await buy(shop, user, second)

    async def refused(**input_: Any) -> list[tuple[str, str]]:
        payload = await edit(shop, user, **input_)
        assert (payload["insight"], payload["excludedCount"]) == (None, None)
        return [(error["field"], error["code"]) for error in payload["userErrors"]]

    assert await refused(excludeInteractionIds=[mine, theirs]) == [("excludeInteractionIds.1", "NOT_FOUND")]
    assert await refused(includeInteractionIds=[theirs]) == [("includeInteractionIds.0", "NOT_FOUND")]
    assert await refused(excludeProductIds=[first]) == [("excludeProductIds.0", "NOT_FOUND")]
    assert await refused() == [("excludeInteractionIds", "REQUIRED")]
    assert await refused(excludeInteractionIds=[mine], note="x" * 501) == [("note", "TOO_LONG")]
    both = {"excludeInteractionIds": [mine], "includeInteractionIds": [mine]}
    assert await refused(**both) == [("includeInteractionIds.0", "INVALID")]
    # a refused edit did nothing, also not the part of it that was right
    assert second in subjects(await listed(shop, user))
    assert (await shop.data(AUDIT, {"subject": user}, demo.STAFF))["auditLog"]["totalCount"] == 0
    anonymous = await shop.ask(EDIT, {"input": {"excludeProductIds": [first]}})
    assert anonymous.code == "UNAUTHENTICATED"


async def test_an_insight_is_renewed_after_enough_new_behaviour(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insights, "_ROLL_UP_DELAY_SECONDS", 1)
    user = await shopper(shop)
    products = await products_in_stock(shop, 7)
    await buy(shop, user, products[0])
    assert "come back" not in await ready(shop, user)

    async with shop.subscribe(UPDATED, user=user, listening=True) as updates:
        await buy(shop, user, *products[:5], order="second")
        renewed = await pushed(updates)

    assert renewed["status"] == "READY"
    assert "come back" in renewed["text"]


async def test_a_refreshed_insight_keeps_its_text_until_the_new_one_is_there(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await shopper(shop)
    first, second = await products_in_stock(shop, 2)
    await buy(shop, user, first)
    told = await ready(shop, user)
    # within a minute of the last order nothing is ordered
    soon = (await shop.data(REFRESH, user=user))["refreshInsight"]
    assert (soon["insight"]["status"], soon["insight"]["text"], soon["userErrors"]) == ("READY", told, [])

    monkeypatch.setattr(insights, "_REFRESH_INTERVAL", timedelta(0))
    await buy(shop, user, second, second, order="another")
    async with shop.subscribe(UPDATED, user=user, listening=True) as updates:
        ordered = (await shop.data(REFRESH, user=user))["refreshInsight"]
        renewed = await pushed(updates)

    assert (ordered["insight"]["status"], ordered["insight"]["text"]) == ("PENDING", told)
    assert renewed["status"] == "READY"
    assert "come back" in renewed["text"]
    assert (await shop.ask(REFRESH)).code == "UNAUTHENTICATED"
    theirs = "mutation ($id: ID!) { refreshInsight(input: { userId: $id }) { insight { status } } }"
    assert (await shop.ask(theirs, {"id": encode_id("User", demo.STAFF)}, user)).code == "FORBIDDEN"
    assert (await shop.data(theirs, {"id": encode_id("User", user)}, demo.STAFF))["refreshInsight"]["insight"]


async def test_an_explanation_can_be_asked_for_once_a_list_has_shown_the_product(shop: Shop) -> None:
    session, resources = uuid4().hex, shop.resources
    shown = await listed(shop, None, sessionId=session, limit=3)
    first = shown["items"][0]
    product = first["product"]["id"]

    async def request(product_id: str, session_id: str = session) -> dict[str, Any]:
        wanted = {"input": {"productId": product_id, "sessionId": session_id}}
        return dict((await shop.data(REQUEST, wanted))["requestExplanation"])

    answer = await request(product)
    assert answer["explanation"]["id"] == first["explanation"]["id"]
    assert answer["explanation"]["status"] in {"PENDING", "READY"}
    assert answer["explanation"]["evidence"]

    missing = {"explanation": None, "userErrors": [{"field": "productId", "code": "NOT_FOUND"}]}
    seen = product_ids(shown["items"])
    unseen = next(id_ for id_ in await products_in_stock(shop, 60) if id_ not in seen)
    assert await request(unseen) == missing
    assert await request(product, uuid4().hex) == missing, "another's list is no evidence"

    # one that has failed is written after all
    async def is_ready() -> bool:
        return bool((await request(product))["explanation"]["status"] == "READY")

    await until(is_ready, "the explanation")
    (second,) = [item for item in shown["items"] if item["product"]["id"] != product][:1]
    key = decode_id("Explanation", second["explanation"]["id"])

    async def is_stored() -> bool:
        return await resources.explanations.by_key(key) is not None

    await until(is_stored, "the other one")
    database = resources.stores.database
    await database["explanations"].update_one(
        {"_id": key}, {"$set": {"status": "FAILED", "text": None, "error": "No."}}
    )
    await resources.stores.redis.delete(resources.stores.keys.explanation(key))
    resources.explanations._ready.clear()

    assert (await request(second["product"]["id"]))["explanation"]["status"] == "READY", "no model is set"

    async def is_written() -> bool:
        found = (await resources.stores.explanations.stored([key])).get(key)
        return found is not None and found.status is TextStatus.READY

    await until(is_written, "the one that had failed")


async def explained(shop: Shop, actor: Actor, product_id: str, prompt: str, model: str | None = "m-1") -> str:
    """An explanation as a model would have left it; its public id."""
    text = Text("It is good.", TextSource.OPENAI, model, prompt, datetime.now(UTC))
    key = uuid4().hex
    explanation = Explanation(key, actor.key, product_id, TextStatus.READY, (), "en", text)
    await shop.resources.stores.explanations.add([explanation], datetime.now(UTC))
    return encode_id("Explanation", key)


async def test_a_rating_is_kept_once_and_reported_with_its_interval(shop: Shop) -> None:
    prompt = f"test-{uuid4().hex[:6]}"
    product = (await products_in_stock(shop, 1))[0]
    people = [await shopper(shop) for _ in range(4)]
    texts = [await explained(shop, Actor(user_id=user), decode_id("Product", product), prompt) for user in people]

    async def rate(user: str | None, **input_: Any) -> dict[str, Any]:
        return dict((await shop.data(RATE, {"input": {"productId": product, **input_}}, user))["rateExplanation"])

    words = {"helpful": False, "reason": "TOO_LONG", "comment": " Say it in one sentence. "}
    rated = await rate(people[0], explanationId=texts[0], **words)
    assert rated["rating"] == {
        "explanationId": texts[0],
        "productId": product,
        "helpful": False,
        "reason": "TOO_LONG",
        "comment": "Say it in one sentence.",
    }
    for user, text in zip(people, texts, strict=True):
        await rate(user, explanationId=text, helpful=True)
    await rate(people[3], helpful=False, reason="WRONG")  # the newest of this product, and the last word counts

    report = (await shop.data(REPORT, {"group": "PROMPT_VERSION"}, demo.STAFF))["explanationReport"]
    (row,) = [row for row in report["ratings"] if row["group"] == prompt]
    assert (row["ratings"], row["helpful"], row["shown"]) == (4, 3, 0)
    share = row["helpfulShare"]
    assert (share["value"], share["low"], share["high"]) == pytest.approx((0.75, 0.3006, 0.9544), abs=1e-4)
    stored = await shop.resources.stores.database["explanation_ratings"].find_one(
        {"promptVersion": prompt, "helpful": False}
    )
    assert stored
    assert (stored["source"], stored["model"], stored["language"]) == ("OPENAI", "m-1", "en")

    # others' texts, unwritten ones, and novels are refused; a visitor without an account may rate, too
    wrong = [{"field": "explanationId", "code": "NOT_FOUND"}]
    assert await rate(people[0], explanationId=texts[1], helpful=True) == {"rating": None, "userErrors": wrong}
    unknown = encode_id("Explanation", "nothing")
    assert (await rate(people[0], explanationId=unknown, helpful=True))["userErrors"] == wrong
    long = await rate(people[0], explanationId=texts[0], helpful=True, comment="x" * 1001)
    assert long["userErrors"] == [{"field": "comment", "code": "TOO_LONG"}]
    session = uuid4().hex
    text = await explained(shop, Actor(session_id=session), decode_id("Product", product), prompt)
    visitor = await rate(None, explanationId=text, helpful=True, sessionId=session)
    assert visitor["rating"]["explanationId"] == text
    assert (await shop.ask(RATE, {"input": {"productId": product, "helpful": True}})).code == "UNAUTHENTICATED"


async def next_instant() -> datetime:
    """A time that no earlier list shares: the log keeps milliseconds."""
    now = datetime.now(UTC)

    async def passed() -> bool:
        return datetime.now(UTC) > now + timedelta(milliseconds=1)

    await until(passed, "the next millisecond")
    return datetime.now(UTC)


async def test_clicks_are_counted_with_and_without_an_explanation(shop: Shop) -> None:
    # given a list whose texts may still be on order, and the same list with all of them
    user, other = await shopper(shop), await shopper(shop)
    start = datetime.now(UTC)
    early = await listed(shop, user, limit=4)
    had_text = bool(early["items"][0]["explanation"]["text"])
    polling = await next_instant()

    async def is_written() -> bool:
        shown = await listed(shop, user, limit=4)
        return all(item["explanation"]["text"] for item in shown["items"])

    await until(is_written, "the texts")
    middle = await next_instant()
    explained = await listed(shop, user, limit=4)

    # when products of both are clicked, one twice, and one by somebody who was not shown it
    def click(shown: dict[str, Any], place: int, kind: str = "CLICK") -> dict[str, Any]:
        return {"productId": shown["items"][place]["product"]["id"], "type": kind, "recommendationId": shown["id"]}

    events = [click(early, 0), click(explained, 0), click(explained, 1), click(explained, 1, "PURCHASE")]
    events.append(click(explained, 2, "VIEW"))
    await shop.data(TRACK_SEVERAL, {"input": {"interactions": events}}, user)
    await shop.data(TRACK_SEVERAL, {"input": {"interactions": [click(explained, 3)]}}, other)
    await shop.resources.stores.recommendation_log.flush()
    end = datetime.now(UTC) + timedelta(seconds=1)

    async def rows(since: datetime, until_: datetime, group: str = "SOURCE") -> dict[bool, dict[str, Any]]:
        wanted = {"group": group, "from": since.isoformat(), "to": until_.isoformat()}
        report = (await shop.data(REPORT, wanted, demo.STAFF))["explanationReport"]
        return {row["withExplanation"]: row for row in report["clickThrough"]}

    # then each is counted where it belongs
    before = await rows(start, polling)
    assert before[had_text]["clicks"] == sum(row["clicks"] for row in before.values()) == 1
    assert sum(row["impressions"] for row in before.values()) == 4
    (after,) = (await rows(middle, end)).values()
    assert (after["source"], after["impressions"], after["clicks"]) == ("TEMPLATE", 4, 2)
    assert after["ctr"]["low"] < after["ctr"]["value"] == 0.5 < after["ctr"]["high"]
    assert (await rows(middle, end, "MODEL"))[True]["group"] is None
    assert (await rows(middle, end, "PROMPT_VERSION"))[True]["group"]

    # and only staff may read it
    assert (await shop.ask(REPORT, {"group": "SOURCE"}, user)).code == "FORBIDDEN"
    assert (await shop.ask(REPORT, {"group": "SOURCE"})).code == "UNAUTHENTICATED"
    backwards = {"group": "SOURCE", "from": end.isoformat(), "to": start.isoformat()}
    assert (await shop.ask(REPORT, backwards, demo.STAFF)).code == "BAD_USER_INPUT"


async def test_the_audit_log_is_paged_and_for_staff_alone(shop: Shop) -> None:
    user = await shopper(shop)
    (product,) = await products_in_stock(shop, 1)
    (event,) = await buy(shop, user, product)
    for _ in range(2):
        await edit(shop, user, excludeInteractionIds=[event])
        await edit(shop, user, includeInteractionIds=[event])

    edits = {"subject": user, "action": "editInsight"}
    first = (await shop.data(AUDIT, {**edits, "first": 3}, demo.STAFF))["auditLog"]
    rest = (await shop.data(AUDIT, {**edits, "after": first["pageInfo"]["endCursor"]}, demo.STAFF))["auditLog"]

    assert (first["totalCount"], first["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasNextPage"]) == (4, True, False)
    changes = [bool(entry["details"]["excluded"]) for entry in first["nodes"] + rest["nodes"]]
    assert changes == [False, True, False, True], "the newest first"
    others = (await shop.data(AUDIT, {"action": "activateModel"}, demo.STAFF))["auditLog"]["nodes"]
    assert {entry["action"] for entry in others} == {"activateModel"}
    assert (await shop.ask(AUDIT, {}, user)).code == "FORBIDDEN"
    assert (await shop.ask(AUDIT)).code == "UNAUTHENTICATED"
