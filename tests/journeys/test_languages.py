"""One answer speaks one language: the page's, else the shopper's, else the browser's, else the shop's own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, get_args
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.negotiation import preferred_language
from shop.entities.users import User
from shop.settings import ApiSettings
from shop.store.database import put_document
from shop.store.documents import user_to_document
from shop.texts.wording import WORDINGS
from tests.fixtures.queries import TRACK_SEVERAL, products_in_stock
from tests.fixtures.waiting import until

if TYPE_CHECKING:
    from tests.fixtures.shop import Shop

LIST = """
query ($input: RecommendationInput) {
  recommendations(input: $input) {
    language degraded items { product { id } explanation { id language text } } insight { language status text }
  }
}
"""
STATE = """
mutation ($input: UpdatePreferencesInput!) {
  updatePreferences(input: $input) { user { locale preferences { tags } } userErrors { field code message } }
}
"""
TEXTS = "subscription ($locale: String) { explanationReady(locale: $locale) { explanation { id language } } }"
INSIGHTS = "subscription ($locale: String) { insightUpdated(locale: $locale) { insight { language text } } }"
LIVE = "subscription { recommendationsUpdated(input: { limit: 1 }) { list { language degraded } } }"
TOO_LITTLE = {language: wording.insights[-1] for language, wording in WORDINGS.items()}


async def shopper(shop: Shop) -> str:
    """An account that states no language."""
    user_id = f"shopper-{uuid4().hex[:8]}"
    user = user_to_document(User(user_id, created_at=datetime.now(UTC)))
    await put_document(shop.resources.stores.database, "users", user)
    return user_id


async def listed(shop: Shop, user: str | None, accept: str | None = None, **wanted: Any) -> dict[str, Any]:
    headers = {"Accept-Language": accept} if accept else {}
    answer = await shop.ask(LIST, {"input": {"limit": 3, **wanted}}, user, headers)
    assert not answer.errors
    assert answer.data
    return dict(answer.data["recommendations"])


def spoken(answer: dict[str, Any]) -> set[str]:
    """All languages that a list and its texts say they are in."""
    insight = [answer["insight"]["language"]] if answer["insight"] else []
    return {answer["language"], *insight, *(item["explanation"]["language"] for item in answer["items"])}


async def test_the_page_decides_then_the_shopper_then_the_browser_then_the_shop(shop: Shop) -> None:
    user = await shopper(shop)

    assert spoken(await listed(shop, user)) == {"en"}
    assert spoken(await listed(shop, user, "fr-CA, en;q=0.5")) == {"fr"}
    stated = await shop.data(STATE, {"input": {"locale": "de_at"}}, user)
    assert stated["updatePreferences"]["user"]["locale"] == "de-AT"
    assert spoken(await listed(shop, user, "fr-CA, en;q=0.5")) == {"de"}
    page = await listed(shop, user, "fr-CA", context={"locale": "tr-TR"})

    assert spoken(page) == {"tr"}
    assert page["degraded"] == []
    assert any("kişi" in item["explanation"]["text"] for item in page["items"])


async def test_a_visitor_reads_the_browsers_language(shop: Shop) -> None:
    answer = await listed(shop, None, "es", sessionId=uuid4().hex)

    assert spoken(answer) == {"es"}
    assert any("comprado" in item["explanation"]["text"] for item in answer["items"])


@pytest.mark.parametrize("wanted", [{"context": {"locale": "it"}}, {"accept": "ja"}])
async def test_a_language_that_is_not_written_gives_english_and_the_answer_says_so(
    shop: Shop, wanted: dict[str, Any]
) -> None:
    answer = await listed(shop, await shopper(shop), **wanted)

    assert spoken(answer) == {"en"}
    assert answer["degraded"] == ["LANGUAGE"]


async def test_the_stated_language_stays_until_it_is_stated_anew(shop: Shop) -> None:
    user = await shopper(shop)

    async def state(**input_: Any) -> dict[str, Any]:
        return dict((await shop.data(STATE, {"input": input_}, user))["updatePreferences"])

    assert (await state(locale="fr"))["user"]["locale"] == "fr"
    assert (await state(tags=["vegan"]))["user"] == {"locale": "fr", "preferences": {"tags": ["vegan"]}}
    refused = await state(locale="klingon")
    assert refused["user"] is None
    assert [(error["field"], error["code"]) for error in refused["userErrors"]] == [("locale", "INVALID")]
    assert (await state())["user"]["locale"] == "fr"
    assert (await state(locale=None))["user"]["locale"] is None


async def test_two_languages_of_one_shopper_are_never_mixed(shop: Shop) -> None:
    user = await shopper(shop)

    async def page(language: str) -> dict[str, Any]:
        return await listed(shop, user, context={"locale": language})

    async with (
        shop.subscribe(TEXTS, {"locale": "de"}, user, listening=True) as texts,
        shop.subscribe(INSIGHTS, {"locale": "de"}, user, listening=True) as insights,
    ):
        shown = {"fr": await page("fr"), "de": await page("de")}
        told = (await insights.next())["insightUpdated"]["insight"]
        ready = [(await texts.next())["explanationReady"]["explanation"] for _ in shown["de"]["items"]]

    # each page gets what is its own
    assert told == {"language": "de", "text": TOO_LITTLE["de"]}
    assert {text["language"] for text in ready} == {"de"}
    assert {text["id"] for text in ready} == {item["explanation"]["id"] for item in shown["de"]["items"]}

    # and both languages are kept, side by side
    async def both() -> bool:
        again = [await page(language) for language in ("de", "fr")]
        assert [spoken(answer) for answer in again] == [{"de"}, {"fr"}]
        return all(answer["insight"]["status"] == "READY" for answer in again)

    await until(both, "both insights")
    own = "query ($locale: String) { insight(locale: $locale) { language text } }"
    for language in ("de", "fr"):
        found = await shop.data(own, {"locale": language}, user)
        assert found["insight"] == {"language": language, "text": TOO_LITTLE[language]}
    product = shown["de"]["items"][0]["product"]["id"]
    kept = "query ($id: ID!, $locale: String) { explanation(productId: $id, locale: $locale) { language text } }"

    async def is_kept() -> bool:
        return (await shop.data(kept, {"id": product, "locale": "fr"}, user))["explanation"] is not None

    await until(is_kept, "the French explanation")
    texts_of = [(await shop.data(kept, {"id": product, "locale": tag}, user))["explanation"] for tag in ("de", "fr")]
    assert [text["language"] for text in texts_of] == ["de", "fr"]
    assert texts_of[0]["text"] != texts_of[1]["text"]


async def test_an_explanation_is_asked_for_in_the_lists_language_or_in_another(shop: Shop) -> None:
    session = uuid4().hex
    shown = await listed(shop, None, sessionId=session, context={"locale": "es"})
    wanted = {"productId": shown["items"][0]["product"]["id"], "sessionId": session}
    request = (
        "mutation ($input: RequestExplanationInput!) { requestExplanation(input: $input) { explanation { language } } }"
    )

    same = await shop.data(request, {"input": wanted})
    other = await shop.data(request, {"input": {**wanted, "locale": "de"}})

    assert same["requestExplanation"]["explanation"]["language"] == "es"
    assert other["requestExplanation"]["explanation"]["language"] == "de"


async def test_a_correction_withdraws_the_insight_in_every_language(shop: Shop) -> None:
    user = await shopper(shop)
    (product,) = await products_in_stock(shop, 1)
    events = [{"productId": product, "type": "PURCHASE", "orderId": order} for order in "ab"]
    await shop.data(TRACK_SEVERAL, {"input": {"interactions": events}}, user)

    async def rolled_up() -> bool:
        profile = await shop.resources.stores.users.profile(user)
        return profile is not None and profile.purchase_count == 2

    await until(rolled_up, "the profile that the insight tells of")
    own = "query ($locale: String) { insight(locale: $locale) { status text } }"

    async def told(*languages: str) -> list[str | None]:
        return [(await shop.data(own, {"locale": language}, user))["insight"]["text"] for language in languages]

    async def written() -> bool:
        return None not in await told("de", "fr")

    await until(written, "both insights")
    before = await told("de", "fr")
    edit = "mutation ($input: EditInsightInput!) { editInsight(input: $input) { excludedCount } }"
    await shop.data(edit, {"input": {"excludeProductIds": [product]}}, user)

    async def anew() -> bool:
        return await told("de", "fr") == [TOO_LITTLE["de"], TOO_LITTLE["fr"]]

    await until(anew, "both anew")
    assert not set(before) & {*TOO_LITTLE.values()}


async def test_a_websocket_says_its_language_when_it_opens(shop: Shop) -> None:
    async with shop.http.ws_connect(f"{shop.url}/graphql", protocols=["graphql-transport-ws"]) as socket:
        payload = {"X-User": await shopper(shop), "Accept-Language": "tr"}
        await socket.send_json({"type": "connection_init", "payload": payload})
        await socket.receive_json()
        await socket.send_json({"id": "1", "type": "subscribe", "payload": {"query": LIVE}})
        answer = await socket.receive_json()

    assert answer["payload"]["data"]["recommendationsUpdated"]["list"] == {"language": "tr", "degraded": []}


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, None),
        ("", None),
        ("*", None),
        ("de-AT, en;q=0.5", "de"),
        ("it, de;q=0.8", "de"),
        ("en-US, de;q=0.95, en;q=0.9", "en"),
        ("fr;q=0, tr;q=0.1", "tr"),
        ("de, en", "de"),
        ("en, de-AT", "en"),
        ("tr, en, de", "tr"),
        ("ja, *;q=0.1", "ja"),
        (";;;q=x", None),
        ("\\;de=de", None),
        ("dé, 'x', de_AT", None),
        ("german-of-the-north", "german"),
    ],
)
def test_accept_language_prefers_what_is_written(header: str | None, language: str | None) -> None:
    assert preferred_language(header) == language


@given(
    header=st.lists(st.sampled_from([*'"\\,;=* \t', "de", "en-AT", "tr", "q=", "0.5", "é"]), max_size=12).map("".join)
)
def test_no_header_is_an_error(header: str) -> None:
    language = preferred_language(header)

    assert language is None or (language.isalpha() and language in header.lower())


def test_the_shops_own_language_is_one_that_texts_are_written_in() -> None:
    assert set(get_args(ApiSettings.model_fields["default_locale"].annotation)) == set(WORDINGS)
