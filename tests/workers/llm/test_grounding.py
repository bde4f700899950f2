"""A text is shown only if the facts carry all that it says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scoring.types import ReasonKind
from shop.texts.facts import ExplanationTask, ItemTask, ProductFacts, ShopperFacts
from tests.workers.llm.samples import CATEGORY, CEREAL, EVERY_KIND, INSIGHT, MILK, TASK, TOGETHER
from workers.llm.grounding import check, count_sentences, language_of
from workers.llm.grounds import Grounds, explanation_grounds, insight_grounds


def one_sentence(task: ExplanationTask) -> Grounds:
    """What the first item's text may mention; a single sentence will do."""
    return replace(explanation_grounds(task)[0], sentences=(1, 3))


def grounds_of(kind: ReasonKind, language: str = "en") -> Grounds:
    return one_sentence(ExplanationTask(language, (ItemTask(MILK, (EVERY_KIND[kind],)),)))


MILK_GROUNDS = one_sentence(TASK)  # 312 shoppers bought it together with Whole Milk, 1 gal; lift 2.41


@pytest.mark.parametrize(
    "text",
    [
        "Shoppers who bought Whole Milk, 1 gal often took this too: 312 people bought both.",
        "It goes with whole milk, 1 gal, say three hundred and twelve shoppers.",
        "It goes with 'whole milk, 1 gal' and is a popular choice.",
        "Organic Oat Milk by Kroger comes in 64 oz at $3.49.",
        "One of the two goes well with the other, and both are Plant Milk.",
        "A 1 gal pack of milk is often bought along with it.",
        "It is a popular companion of Whole Milk, 1 gal.",
    ],
)
def test_what_the_facts_carry_may_be_said(text: str) -> None:
    assert check(text, MILK_GROUNDS) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("It was bought together with milk 313 times.", "number 313"),
        ("It was bought together with milk 3.12 times.", "number 3.12"),
        ("It was bought together with milk 3,000,312 times.", "number 3,000,312"),
        ("Shoppers took this 24 times as often as chance.", "number 24"),
        ("More than 1,000 baskets held both products.", "number 1,000"),
        ("Seven of your neighbours bought this product.", "number seven"),
        ("In all, 312 baskets held the two of them.", "number 312"),
        ("It was bought together with milk 312 times.", "number 312"),
        ("The two go together 2.41 times as often.", "number 2.41"),
        ("It goes with milk far more often than chance.", "claim than chance"),
        ("The algorithm put it next to the other milk.", "claim algorithm"),
        ("It was bought with milk two weeks ago, it seems.", "number two"),
        ("It is the best one that we have in the shop.", "claim best"),
        ("It is rich in what a body needs every day.", "claim rich in"),
        ("It went into a basket with milk last week.", "claim last week"),
        ("It saves a lot of money each time you have it.", "claim saves"),
        ("Hundreds of shoppers have taken it home.", "number hundreds"),
        ("You have bought this kind of milk before.", "claim You have bought"),
        ("You've recently purchased something like it.", "claim You've recently purchased"),
        ("You viewed this product a while ago, it seems.", "claim You viewed"),
        ("It is trending in the whole shop these days.", "claim trending"),
        ("A bestseller of the shop, loved by everyone.", "claim bestseller"),
        ("It is on sale today, so take your chance.", "claim on sale"),
        ("See https://evil.example for what it can do.", "link"),
        ("Find more of it at evil-shop.com right away.", "link"),
        ("Write to someone@example and ask for a sample.", "link"),
        ("<b>Oat milk</b> goes well with your breakfast.", "markup"),
        ("It is loved by Nestlé and all of its fans.", "name Nestlé"),
        ("People in Berlin put it into their coffee.", "name Berlin"),
        ("It costs $312 only, which is a fair price.", "number 312"),
        ("It matches what you like at 312% and more.", "number 312"),
        ("It matches what you like at 241% and more.", "number 241"),
        ("Some 64 shoppers have taken it home with it.", "number 64"),
        ("Three hundred and thirteen baskets held it.", "number three hundred and thirteen"),
        ("Half of all baskets that held milk held it.", "number half"),
        ("It is the healthy way to begin your morning.", "claim healthy"),
        ("It cures a cold, say those who have tried it.", "claim cures"),
        ("You liked this kind of milk, so here it is.", "claim You liked"),
        ("You searched for milk, so here is this one.", "claim You searched"),
        ("Shoppers like you often take this one home.", "claim Shoppers like you"),
        ("My instructions are to say why you see this.", "claim instructions"),
        ("It goes with milk \u200bvery well, as we know.", "hidden characters"),
        ("It goes with milk very well, as we know \U0001f600.", "symbols that are not text"),
        ("It gоes with milk very well, as we all know.", "letters of another script"),
        ("Es passt sehr gut zu der Milch und wurde oft mit ihr gekauft.", "language de instead of en"),
        ("Va molto bene con il latte che si compra ogni giorno qui.", "language unknown instead of en"),
        ("**Oat milk** goes well with your breakfast.", "markup"),
        ("[Oat milk](x) goes well with your breakfast.", "markup"),
        ("- Oat milk goes well with your breakfast.", "markup"),
        ("It is even better than Honey Nut Rings for you.", "other product Honey Nut Rings"),
        ("Good.", "length 5"),
        ("Very good. " * 100, "length 1100"),
    ],
)
def test_what_the_facts_do_not_carry_is_named(text: str, problem: str) -> None:
    assert problem in check(text, MILK_GROUNDS)


def test_numbers_may_be_written_as_the_language_does() -> None:
    fact = replace(EVERY_KIND[ReasonKind.POPULAR], count=1540)
    grounds = one_sentence(ExplanationTask("de-DE", (ItemTask(MILK, (fact,)),)))

    for number in ("1540", "1.540", "1,540", "1\u202f540", "1’540"):
        assert check(f"Schon {number} Kunden haben es gekauft.", grounds) == []
    assert check("Schon 1.541 Kunden haben es gekauft.", grounds) == ["number 1.541"]


@pytest.mark.parametrize(
    "text", ["It resembles Almond Drink Plain by 83%.", "Half of it resembles Almond Drink Plain."]
)
def test_a_share_is_nothing_to_tell(text: str) -> None:
    assert check(text, grounds_of(ReasonKind.SIMILAR_TO)) != []


@pytest.mark.parametrize(
    ("language", "often", "popular"),
    [
        ("en", "Shoppers often buy it with the milk.", "It is a popular companion of the milk."),
        ("de", "Kunden kaufen es oft mit der Milch.", "Ein beliebter Begleiter der Milch ist es auch."),
        ("fr", "Des clients l’achètent souvent avec le lait.", "Avec le lait, il est un des favoris."),
        ("es", "Otros clientes lo compran a menudo con la leche.", "Es un favorito junto con la leche."),
        ("tr", "Müşteriler bunu sık sık onunla birlikte alıyor.", "Bu ürün onunla birlikte popüler."),
    ],
)
def test_three_shoppers_are_neither_often_nor_popular(language: str, often: str, popular: str) -> None:
    def grounds(shoppers: int) -> Grounds:
        return one_sentence(ExplanationTask(language, (ItemTask(MILK, (replace(TOGETHER, count=shoppers),)),)))

    assert [len(check(text, grounds(3))) for text in (often, popular)] == [1, 1]
    assert check(often, grounds(5)) == []
    assert check(popular, grounds(20)) == []


@pytest.mark.parametrize(
    ("kind", "text", "problem"),
    [
        (ReasonKind.POPULAR, "You often buy it, and so do 540 shoppers.", "claim often of the shopper"),
        (ReasonKind.BUY_AGAIN, "You have bought it 4 times, and often enough.", "claim often"),
        (ReasonKind.BUY_AGAIN, "You usually buy it, 4 times so far.", "claim usually"),
        (ReasonKind.DUE_AGAIN, "You have bought it 9 times.", "number 9"),
        (ReasonKind.DUE_AGAIN, "You often buy it, about every 9 days.", "claim often"),
    ],
)
def test_a_crowd_and_a_rhythm_are_not_how_often_a_shopper_bought(kind: ReasonKind, text: str, problem: str) -> None:
    assert [found for found in check(text, grounds_of(kind)) if found.startswith(problem)] != []


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "You usually buy it about every 9 days."),
        ("de", "In der Regel kaufen Sie es etwa alle 9 Tage."),
        ("fr", "D’habitude, vous l’achetez environ tous les 9 jours."),
        ("es", "Sueles comprarlo más o menos cada 9 días."),
        ("tr", "Bu ürünü genelde yaklaşık 9 günde bir alıyorsunuz."),
    ],
)
def test_usual_is_what_has_a_rhythm(language: str, text: str) -> None:
    assert check(text, grounds_of(ReasonKind.DUE_AGAIN, language)) == []
    assert [found for found in check(text, grounds_of(ReasonKind.BUY_AGAIN, language)) if "claim" in found] != []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (ReasonKind.BUY_AGAIN, "You have bought it 4 times already."),
        (ReasonKind.SAME_CATEGORY, "You often bought from Cereal, 9 times so far."),
        (ReasonKind.RECENTLY_VIEWED, "You looked at it 3 days ago."),
        (ReasonKind.STATED_TASTE, "You told us that you like vegan food."),
        (ReasonKind.TRENDING, "It is trending and sells better than usual."),
    ],
)
def test_a_claim_is_supported_by_evidence_of_its_kind(kind: ReasonKind, text: str) -> None:
    assert check(text, grounds_of(kind)) == []
    assert check(text, grounds_of(ReasonKind.EXPLORATION)) != []


@pytest.mark.parametrize(
    "text",
    [
        "It was picked for you from our whole range.",
        "It fits your taste in breakfast very well.",
        "We think that you'll love this oat milk.",
        "You have bought it 4 times already.",
        "It is a popular choice in this shop.",
    ],
)
def test_what_the_shop_chose_is_never_told_as_personal(text: str) -> None:
    grounds = grounds_of(ReasonKind.PROMOTED)

    assert check(text, grounds) != []
    assert check("The shop chose Organic Oat Milk for this place. It comes as 64 oz.", grounds) == []


def test_only_what_the_shop_chose_is_told_as_chosen_by_it() -> None:
    text = "The shop itself picked this one. It comes as 64 oz."

    assert check(text, MILK_GROUNDS) == ["claim shop itself picked"]


def test_a_sentence_on_a_shopper_rests_on_the_profile() -> None:
    grounds = insight_grounds(INSIGHT)

    assert check("You love Cereal: 42 purchases in 120 orders, at $3.20 each.", grounds) == []
    assert check("You love Cereal: 43 purchases in 120 orders.", grounds) == ["number 43"]
    assert check("You love Cereal. You love it a lot.", grounds) == ["2 sentences instead of 1"]
    assert check("You always hunt for a discount on Cereal.", grounds) == ["claim discount"]


@pytest.mark.parametrize(
    ("language", "true", "untrue"),
    [
        ("en", "You bought it 4 times, about two weeks ago.", "You bought it 4 times, about four weeks ago."),
        ("de", "Sie haben es vor 12 Tagen gekauft.", "Sie haben es vor 4 Tagen gekauft."),
        ("fr", "Vous l’avez acheté il y a deux semaines.", "Vous l’avez acheté il y a quatre semaines."),
        ("es", "Lo has comprado hace 2 semanas.", "Lo has comprado hace 4 meses."),
        ("tr", "Bu ürünü iki hafta önce aldınız.", "Bu ürünü dört hafta önce aldınız."),
    ],
)
def test_a_number_of_times_is_no_number_of_weeks(language: str, true: str, untrue: str) -> None:
    grounds = grounds_of(ReasonKind.BUY_AGAIN, language)  # 4 times, the last time 12.3 days ago

    assert check(true, grounds) == []
    assert [problem.partition(" ")[0] for problem in check(untrue, grounds)] == ["number"]


SAID = {
    "de": (
        "Wer „Whole Milk, 1 gal“ kaufte, nahm auch dies mit: 312 Personen hatten beides im Korb.",
        "Beides haben dreihundertzwölf Kunden zusammen gekauft.",
    ),
    "fr": (
        "Ceux qui ont pris « Whole Milk, 1 gal » ont aussi pris ce produit, 312 clients en tout.",
        "Les deux ont été achetés ensemble par trois cent douze personnes.",
    ),
    "es": (
        "Quienes compraron «Whole Milk, 1 gal» se llevaron también este producto, 312 personas en total.",
        "Los compraron juntos trescientas doce personas.",
    ),
    "tr": (
        "“Whole Milk, 1 gal” alanlar bu ürünü de aldı: 312 kişi.",
        "Bu ürünü onunla birlikte üç yüz on iki kişi aldı.",
    ),
}
UNTRUE = {
    "de": (
        ("Beides wurde dreihundertdreizehn Mal zusammen gekauft.", "number dreihundertdreizehn"),
        ("Es wurde dreimal so oft mit der Milch gekauft.", "number dreimal"),
        ("Hunderte nahmen es zusammen mit der Milch mit.", "number hunderte"),
        ("Sie haben es schon oft mit der Milch gekauft.", "claim Sie haben es schon oft mit der Milch gekauft"),
        ("Sie haben sich das Produkt angesehen.", "claim Sie haben sich das Produkt angesehen"),
        ("Es liegt im Trend und passt zu der Milch.", "claim Trend"),
        ("Es ist heute im Angebot und passt zu der Milch.", "claim Angebot"),
        ("Es ist kostenlos und passt zu der Milch.", "claim kostenlos"),
        ("Kunden wie Sie kaufen es oft zu der Milch.", "claim Kunden wie Sie"),
        ("Der Shop hat es für diesen Platz ausgewählt.", "claim Shop hat es für diesen Platz ausgewählt"),
        ("Ein gesunder Begleiter zu der Milch ist es auch.", "claim gesunder"),
        ("Es ist von der Marke Nestlé und passt zu der Milch.", "name Nestlé"),
        ("It goes with the milk that you often find in this list.", "language en instead of de"),
    ),
    "fr": (
        ("Ils ont été achetés ensemble trois cent treize fois.", "number trois cent treize"),
        ("Il va avec le lait quatre-vingt-dix fois par jour.", "number quatre-vingt-dix"),
        ("Des centaines l’ont pris avec le lait.", "number centaines"),
        ("Vous avez souvent acheté ce produit avec le lait.", "claim Vous avez souvent acheté"),
        ("Vous l’avez regardé avec le lait hier.", "claim Vous l’avez regardé"),
        ("Il est en promotion et va avec le lait.", "claim promotion"),
        ("Il est gratuit et va avec le lait.", "claim gratuit"),
        ("Un produit nouveau qui va avec le lait.", "claim nouveau"),
        ("Les clients comme vous le prennent avec le lait.", "claim comme vous"),
        ("Il va avec le lait et avec Danone aussi.", "name Danone"),
        ("La boutique a choisi ce produit avec le lait.", "claim boutique a choisi"),
    ),
    "es": (
        ("Se compraron juntos trescientas trece veces.", "number trescientas trece"),
        ("Cientos lo llevaron con la leche y el pan.", "number cientos"),
        ("Has comprado este producto con la leche.", "claim Has comprado"),
        ("Miraste este producto con la leche.", "claim Miraste"),
        ("Está en oferta y va bien con la leche.", "claim oferta"),
        ("Es gratis y va bien con la leche.", "claim gratis"),
        ("Es tendencia y va bien con la leche.", "claim tendencia"),
        ("Clientes como tú lo llevan con la leche.", "claim como tú"),
        ("Va bien con la leche y con Danone también.", "name Danone"),
        ("Nos dijiste que va bien con la leche.", "claim dijiste"),
    ),
    "tr": (
        ("Bu ürün onunla birlikte üç yüz on üç kez alındı.", "number üç yüz on üç"),
        ("Yüzlerce sepette bu ürün onunla birlikte vardı.", "number yüzlerce"),
        ("Bu ürünü daha önce siz de aldınız.", "claim aldınız"),
        ("Bu ürüne kısa süre önce baktınız.", "claim baktınız"),
        ("Bu ürün indirimde ve onunla birlikte gidiyor.", "claim indirimde"),
        ("Bu ürün bedava ve onunla birlikte gidiyor.", "claim bedava"),
        ("Bu ürün şu sıralar yükselişte.", "claim yükselişte"),
        ("Sizin gibi alışveriş yapanlar bunu alıyor.", "claim Sizin gibi"),
        ("Bu ürün en çok Ülker ile birlikte gidiyor.", "name Ülker"),
        ("Bize bu ürünü çok istediğinizi söylediniz.", "claim söylediniz"),
    ),
}


@pytest.mark.parametrize(("language", "text"), [(language, text) for language, texts in SAID.items() for text in texts])
def test_what_the_facts_carry_may_be_said_in_every_language(language: str, text: str) -> None:
    assert check(text, grounds_of(ReasonKind.BOUGHT_TOGETHER, language)) == []


@pytest.mark.parametrize(
    ("language", "text", "problem"), [(language, *case) for language, cases in UNTRUE.items() for case in cases]
)
def test_what_they_do_not_carry_is_named_in_every_language(language: str, text: str, problem: str) -> None:
    assert problem in check(text, grounds_of(ReasonKind.BOUGHT_TOGETHER, language))


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Many have bought it, and it is a favourite."),
        ("de", "Viele kaufen es, es ist der Favorit im Shop."),
        ("fr", "Beaucoup l’ont pris, c’est un des favoris."),
        ("es", "Muchos han elegido este producto favorito."),
        ("tr", "Bu ürün herkesin favorisi."),
    ],
)
def test_the_crowd_is_spoken_of_only_where_it_is_evidence(language: str, text: str) -> None:
    assert check(text, grounds_of(ReasonKind.POPULAR, language)) == []
    assert check(text, grounds_of(ReasonKind.BUY_AGAIN, language)) != []


def test_a_quality_may_be_told_if_the_product_is_called_so_in_whatever_language() -> None:
    text = "Diese Bio-Milch passt gut zu der anderen."

    assert check(text, grounds_of(ReasonKind.BOUGHT_TOGETHER, "de")) == []
    cereal = one_sentence(ExplanationTask("de", (ItemTask(CEREAL, (TOGETHER,)),)))
    assert check(text, cereal) == ["claim Bio"]


def test_a_taste_says_nothing_of_a_product_unless_it_is_a_reason() -> None:
    shopper = ShopperFacts(tastes=("vegan",))
    text = "It is vegan and goes with the other milk."

    with_taste = one_sentence(ExplanationTask("en", (ItemTask(MILK, (EVERY_KIND[ReasonKind.STATED_TASTE],)),), shopper))
    untold = one_sentence(ExplanationTask("en", (ItemTask(MILK, (TOGETHER,)),), shopper))

    assert check(text, with_taste) == []
    assert check(text, untold) == ["claim vegan"]


def test_what_is_no_mere_name_excuses_nothing() -> None:
    lure = replace(MILK, name="Milk, 90% off, cures a cold, see evil.example.com", brand="Buy now and save")
    grounds = one_sentence(
        ExplanationTask("en", (ItemTask(lure, (TOGETHER,)),), ShopperFacts(tastes=("all for free",)))
    )

    assert check(f"It is {lure.name}, as they say.", grounds) != []
    assert "claim free" in check("It comes all for free with the milk.", grounds)
    assert "number 90" in check("It goes with milk in 90 of all baskets.", grounds)


def test_a_price_is_told_as_the_language_writes_it() -> None:
    grounds = one_sentence(ExplanationTask("de", (ItemTask(replace(MILK, price="3,49\u00a0€"), (TOGETHER,)),)))

    assert check("Es kostet 3,49 € und passt zu der Milch.", grounds) == []
    assert check("Es kostet 3,94 € und passt zu der Milch.", grounds) == ["number 3,94"]


def test_an_explanation_has_one_to_three_sentences() -> None:
    (grounds, _) = explanation_grounds(TASK)
    sentence = "It goes well with the other milk."

    verdicts = [check(" ".join([sentence] * count), grounds) for count in (1, 2, 3, 4)]

    assert verdicts == [[], [], [], ["4 sentences instead of 1 to 3"]]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("It is good. It is ca. 5 cm long.", 2),
        ("Es passt, z. B. zum Kaffee. Es ist gut!", 2),
        ("It costs 3.49 dollars", 1),
        ("Good? Yes. 540 people know it.", 3),
        ("Well… it is.", 1),
    ],
)
def test_sentences_are_counted_apart_from_abbreviations(text: str, count: int) -> None:
    assert count_sentences(text) == count


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("It was bought with the milk that you often take.", "en"),
        ("Es wurde oft mit der Milch gekauft und ist gut.", "de"),
        ("Il a été acheté avec le lait et les œufs.", "fr"),
        ("Se compra con el pan y los huevos de la tienda.", "es"),
        ("Bu ürün çok kez onunla birlikte alındı.", "tr"),
        ("Milk Bread Cereal", None),
    ],
)
def test_a_language_is_told_by_its_function_words(text: str, language: str | None) -> None:
    assert language_of(text) == language


def test_texts_for_another_language_are_held_to_english() -> None:
    grounds = one_sentence(ExplanationTask("it-IT", (ItemTask(ProductFacts("Latte"), (TOGETHER,)),)))

    assert check("It goes well with the other milk.", grounds) == []
    assert check("Va molto bene con il latte che si compra ogni giorno.", grounds) != []


@pytest.mark.parametrize(
    "text",
    [
        "It makes a delicious tomato sauce. It belongs to Cereal.",
        "It goes along with fruit juices of all kinds. It belongs to Cereal.",
    ],
)
def test_what_the_shop_sells_elsewhere_is_no_evidence(text: str) -> None:
    shelves = frozenset({"Pantry > Tomato Sauce", "Fruit juice/nectar", "Home", "Cereal"})
    task = ExplanationTask("en", (ItemTask(CEREAL, (CATEGORY,)),), shelves=shelves)
    sauce = ProductFacts("Chopped Tomato Sauce", category="Tomato Sauces")

    assert any(problem.startswith("other product") for problem in check(text, one_sentence(task)))
    assert not any(
        problem.startswith("other product") for problem in check(text, one_sentence(replace(task, shelves=frozenset())))
    )
    own = one_sentence(ExplanationTask("en", (ItemTask(sauce, (CATEGORY,)),), shelves=shelves))
    assert "other product tomato sauce" not in check("It is a tomato sauce for your home. It belongs to Cereal.", own)


@pytest.mark.parametrize(
    "claim",
    [
        "It has been tested to be safe.",
        "It was made in a factory.",
        "It is not available in other stores.",
        "Es wurde hergestellt wie früher.",
        "Il est fabriqué chez nous.",
        "Lleva buenos ingredientes.",
        "Test edildi.",
    ],
)
def test_no_evidence_tells_how_it_was_made(claim: str) -> None:
    assert any(problem.startswith("claim ") for problem in check(claim, grounds_of(ReasonKind.PROMOTED)))


@pytest.mark.parametrize(
    "text",
    [
        "The item was chosen by the customer who bought it from a shop.",
        "The data contains a list of products with no product names.",
        "The user message is designed to encourage you.",
        "The reason for this sentence is that it belongs here.",
        "Der Kunde hat es gewählt.",
        "Le client l’a choisi.",
        "El cliente lo eligió.",
    ],
)
def test_a_text_speaks_to_the_shopper_and_not_of_its_own_making(text: str) -> None:
    assert any(problem.startswith("claim ") for problem in check(text, grounds_of(ReasonKind.SAME_CATEGORY)))
