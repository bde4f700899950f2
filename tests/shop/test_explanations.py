"""The life of an explanation: written at once or on order, kept while its evidence holds, and then written anew."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from mongo_seed.migrate import migrate
from scoring.types import ReasonKind
from shop.entities.catalog import Money, Product
from shop.entities.evidence import Evidence
from shop.entities.explanations import PROMPT_VERSION, TEMPLATE_VERSION, TextSource, TextStatus
from shop.entities.users import Actor
from shop.resources.serving import open_serving
from shop.settings import LlmSettings
from shop.store.catalog import CatalogStore
from tests.fixtures.llm_server import llm_server, truthful_text
from tests.fixtures.worker import run_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.entities.explanations import Explanation
    from shop.resources.serving import ServingResources
    from shop.settings import Settings
    from shop.store.database import Database
    from tests.fixtures.llm_server import LlmServer

pytestmark = pytest.mark.usefixtures("stock")

MILK = Product(
    "p-milk-77", "SKU-77", "Oat Milk", brand="Oatly", tags=("vegan",), price=Money(Decimal("3.49")), package_size="1 l"
)
BREAD = Product("p-bread-78", "SKU-78", "Rye Bread")
ANNA = Actor(user_id="user-anna-5")
POPULAR = (Evidence(ReasonKind.POPULAR, count=41),)
TOGETHER = (Evidence(ReasonKind.BOUGHT_TOGETHER, BREAD.id, count=312, value=2.41),)


@pytest.fixture
async def server() -> AsyncIterator[LlmServer]:
    async with llm_server() as running:
        yield running


@pytest.fixture
async def stock(database: Database) -> CatalogStore:
    await migrate(database)
    products = CatalogStore(database)
    await products.upsert([MILK, BREAD])
    return products


@pytest.fixture
async def templates(settings: Settings) -> AsyncIterator[ServingResources]:
    """A shop without any model."""
    async with open_serving(settings, start=False) as opened:
        yield opened


@pytest.fixture
async def models(settings: Settings, server: LlmServer) -> AsyncIterator[ServingResources]:
    """A shop whose texts a model writes."""
    llm = LlmSettings(provider="local", local_model="smol", local_base_url=f"{server.url}/v1", max_retries=0)
    async with open_serving(settings.model_copy(update={"llm": llm}), start=False) as opened:
        yield opened


async def explained(
    resources: ServingResources, evidence: tuple[Evidence, ...] = TOGETHER, language: str = "en", actor: Actor = ANNA
) -> Explanation:
    wanted = resources.explanations.identify(actor, MILK.id, evidence, language)
    found, ordered = await resources.explanations.lookup(actor, language, [wanted])
    assert ordered
    return found[wanted.key]


async def test_without_a_model_the_text_is_there_at_once_and_is_kept(templates: ServingResources) -> None:
    shown = await explained(templates)

    assert (shown.status, shown.evidence) == (TextStatus.READY, TOGETHER)
    assert shown.text
    assert (shown.text.source, shown.text.model) == (TextSource.TEMPLATE, None)
    assert shown.text.prompt_version == TEMPLATE_VERSION
    assert "“Rye Bread”" in shown.text.text
    assert "312" in shown.text.text

    assert await run_all(templates) == 1
    kept = await templates.explanations.latest(ANNA, MILK.id)
    assert kept
    assert kept.text
    assert kept.text.text == shown.text.text


@pytest.mark.parametrize(
    ("asked", "written", "said"),
    [("de", "de", "312 Personen"), ("tr-TR", "tr", "312 kişi"), ("it", "en", "312 shoppers")],
)
async def test_it_is_in_the_shoppers_language_or_in_english(
    templates: ServingResources, asked: str, written: str, said: str
) -> None:
    shown = await explained(templates, TOGETHER, asked)

    assert shown.text
    assert said in shown.text.text
    assert shown.language == written


async def test_with_a_model_it_is_pending_until_the_model_has_written(models: ServingResources) -> None:
    before = await explained(models)
    await run_all(models)
    after = await explained(models)

    assert (before.status, before.text) == (TextStatus.PENDING, None)
    assert after.status is TextStatus.READY
    assert after.text
    assert after.text.text == truthful_text(MILK.name)
    assert (after.text.source, after.text.model) == (TextSource.LOCAL, "smol")
    assert after.text.prompt_version == PROMPT_VERSION


async def test_one_buyer_more_is_no_new_text_and_the_text_says_what_it_was_written_from(
    models: ServingResources,
) -> None:
    await explained(models, POPULAR)
    await run_all(models)

    shown = await explained(models, (replace(POPULAR[0], count=42),))

    assert shown.status is TextStatus.READY
    assert shown.evidence == POPULAR
    assert await run_all(models) == 0


async def test_when_a_number_has_changed_much_the_old_text_is_stale_until_the_new_one_is_there(
    models: ServingResources,
) -> None:
    await explained(models, POPULAR)
    await run_all(models)
    grown = (replace(POPULAR[0], count=90),)

    meanwhile = await explained(models, grown)
    await run_all(models)
    after = await explained(models, grown)

    assert (meanwhile.status, meanwhile.evidence) == (TextStatus.STALE, POPULAR)
    assert meanwhile.text
    assert (after.status, after.evidence) == (TextStatus.READY, grown)


async def test_a_text_whose_reason_holds_no_more_is_not_shown_again(models: ServingResources) -> None:
    await explained(models, POPULAR)
    await run_all(models)

    other = await explained(models, TOGETHER)

    assert (other.status, other.text) == (TextStatus.PENDING, None)


async def test_a_product_that_was_gone_and_is_back_is_explained_again(
    models: ServingResources, stock: CatalogStore, database: Database
) -> None:
    await explained(models)
    await database["products"].delete_one({"_id": MILK.id})
    models.catalog.forget_all()
    await run_all(models)
    failed = await models.explanations.latest(ANNA, MILK.id)
    assert failed
    assert failed.status is TextStatus.FAILED

    await stock.upsert([MILK])
    await models.stores.explanations.release([failed.key])  # what a minute does
    again = await explained(models)
    await run_all(models)

    assert again.status is TextStatus.PENDING
    assert (await explained(models)).status is TextStatus.READY
    assert await database["explanations"].count_documents({}) == 1


async def test_when_no_model_can_be_asked_the_template_writes(settings: Settings) -> None:
    update = {
        "llm": LlmSettings(provider="local"),
        "redis": settings.redis.model_copy(update={"url": "redis://127.0.0.1:1/0"}),
    }
    async with open_serving(settings.model_copy(update=update), start=False) as resources:
        wanted = resources.explanations.identify(ANNA, MILK.id, TOGETHER, "en")
        found, ordered = await resources.explanations.lookup(ANNA, "en", [wanted])

    shown = found[wanted.key]
    assert not ordered
    assert shown.status is TextStatus.READY
    assert shown.text
    assert shown.text.source is TextSource.TEMPLATE


def test_the_key_has_all_that_a_text_depends_on(settings: Settings) -> None:
    def key(
        llm: LlmSettings | None = None,
        actor: Actor = ANNA,
        product: str = MILK.id,
        evidence: tuple[Evidence, ...] = TOGETHER,
        language: str = "en",
    ) -> str:
        from shop.services.explanations import ExplanationService

        service = ExplanationService(None, None, None, llm or settings.llm, None, None)  # type: ignore[arg-type]
        return service.identify(actor, product, evidence, language).key

    others = [
        key(LlmSettings(provider="anthropic")),
        key(LlmSettings(provider="anthropic", anthropic_model="claude-opus-5")),
        key(actor=Actor(session_id=ANNA.user_id)),
        key(product=BREAD.id),
        key(language="de"),
        key(evidence=(*TOGETHER, *POPULAR)),
        key(evidence=(replace(TOGETHER[0], product_id="p-other"),)),
        key(evidence=(replace(TOGETHER[0], count=31),)),
        key(evidence=(Evidence(ReasonKind.SAME_CATEGORY, label="dairy", count=4),)),
        key(evidence=(Evidence(ReasonKind.SAME_CATEGORY, label="dairy", count=5),)),
        key(evidence=(Evidence(ReasonKind.SAME_CATEGORY, label="bread", count=5),)),
        key(evidence=(Evidence(ReasonKind.BUY_AGAIN, count=5, value=3.1),)),
        key(evidence=(Evidence(ReasonKind.BUY_AGAIN, count=5, value=5.1),)),
        key(evidence=(Evidence(ReasonKind.BUY_AGAIN, count=5, value=12.0),)),
        key(evidence=(Evidence(ReasonKind.DUE_AGAIN, count=9, value=5.0),)),
        key(evidence=(Evidence(ReasonKind.DUE_AGAIN, count=9, value=-5.0),)),
    ]

    assert len({key(), *others}) == len(others) + 1
    assert key() == key(evidence=(replace(TOGETHER[0], count=313, value=8.0),))
    assert key(evidence=(Evidence(ReasonKind.DUE_AGAIN, count=9, value=-7.0),)) == others[-1]
    assert key(language="it") == key(language="en-GB") == key()
    assert key(evidence=(Evidence(ReasonKind.BUY_AGAIN, count=5, value=3.3),)) == others[11]
    assert key(evidence=(Evidence(ReasonKind.BUY_AGAIN, count=5, value=13.0),)) == others[13]


async def test_nothing_that_names_the_shopper_reaches_the_model(
    models: ServingResources, database: Database, server: LlmServer
) -> None:
    await database["users"].insert_one(
        {
            "_id": ANNA.user_id, "email": "anna.secret@example.org", "displayName": "Anna Quux", "locale": "en",
            "role": "shopper", "createdAt": None,
            "preferences": {"categories": [], "brands": ["Oatly"], "tags": ["vegan", "call 020 7946 0958"]},
        }
    )  # fmt: skip

    await explained(models)
    await run_all(models)

    (request,) = server.received
    sent = request.text + str(request.headers)
    assert "Oatly" in sent
    assert "vegan" in sent
    assert "Rye Bread" in sent
    personal = ("anna", "quux", "secret", "example.org", "7946", ANNA.key, MILK.id, MILK.sku, BREAD.id, BREAD.sku)
    assert [secret for secret in personal if secret.lower() in sent.lower()] == []
