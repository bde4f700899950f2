"""The template says true things, in good language, the same way each time."""

from __future__ import annotations

import re
import string
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.types import ReasonKind
from shop.texts.facts import ExplanationTask, Fact, InsightTask, ItemTask, ProductFacts
from shop.texts.template import describe_shopper, explain_item
from shop.texts.wording import WORDINGS
from tests.workers.llm.samples import CATEGORY, CEREAL, EVERY_KIND, INSIGHT, MILK, TOGETHER
from workers.llm.grounding import check
from workers.llm.grounds import explanation_grounds, insight_grounds

if TYPE_CHECKING:
    from collections.abc import Iterator

names = st.sampled_from(
    [
        "Whole Milk, 1 gal",
        "Honey Nut Rings",
        "2% Milk",
        "Bread",
        "7 Up 12 pk",
        "Tide (64 oz)",
        "Bio Café {0}",
        "Ünlü Süt",
        "Free gift! Click here",
        "Dr. Oetker Pizza",
        'The "Best" «Bread»',
    ]
)
facts = st.builds(
    Fact,
    st.sampled_from(ReasonKind),
    st.none() | names,
    st.none() | st.sampled_from(["Cereal", "Dairy", "Kroger", "vegan", "Dairy › Cereal"]),
    st.none() | st.integers(0, 2_000_000),
    st.none() | st.floats(0, 400, allow_nan=False),
)
products = st.builds(
    ProductFacts,
    names,
    st.sampled_from(["", "Kroger"]),
    st.sampled_from(["", "Dairy"]),
    st.just(""),
    st.sampled_from(["", "12 oz"]),
)


def test_tells_the_numbers_and_products_of_its_evidence() -> None:
    text = explain_item(ItemTask(MILK, (TOGETHER, CATEGORY)), "en")

    assert text == (
        "Goes with “Whole Milk, 1 gal”: 312 shoppers have bought the two together. So far, you have bought 9 "
        "times from Cereal."
    )


@pytest.mark.parametrize("kind", list(ReasonKind))
def test_every_kind_of_reason_is_told_with_what_it_knows(kind: ReasonKind) -> None:
    fact = EVERY_KIND[kind]

    text = explain_item(ItemTask(CEREAL, (fact,)), "en")

    shown = {
        ReasonKind.BOUGHT_TOGETHER: ("“Whole Milk, 1 gal”", "312 shoppers"),
        ReasonKind.ALSO_BOUGHT: ("“Whole Milk, 1 gal”", "312 shoppers"),
        ReasonKind.SIMILAR_TO: ("“Almond Drink Plain”",),
        ReasonKind.SAME_CATEGORY: ("Cereal", "9 times"),
        ReasonKind.SAME_BRAND: ("Kroger", "25 times"),
        ReasonKind.SHOPPERS_LIKE_YOU: ("1,540 shoppers",),
        ReasonKind.TRENDING: ("better than usual",),
        ReasonKind.POPULAR: ("540 shoppers",),
        ReasonKind.BUY_AGAIN: ("4 times", "2 weeks ago"),
        ReasonKind.DUE_AGAIN: ("about every 9 days",),
        ReasonKind.RECENTLY_VIEWED: ("3 days ago",),
        ReasonKind.STATED_TASTE: ("“vegan”",),
        ReasonKind.EXPLORATION: ("discover",),
        ReasonKind.PROMOTED: ("shop",),
        ReasonKind.CATALOGUE: ("Cereal", "our range"),
    }[kind]
    assert [part for part in shown if part not in text] == []


@pytest.mark.parametrize("language", list(WORDINGS))
@pytest.mark.parametrize("kind", list(ReasonKind))
def test_ten_items_with_the_same_reason_do_not_read_like_a_form(kind: ReasonKind, language: str) -> None:
    told = [
        explain_item(ItemTask(ProductFacts("Bread"), (EVERY_KIND[kind],), turn=turn), language) for turn in range(10)
    ]

    assert all(text != following for text, following in pairwise(told))
    assert len(set(told)) >= WORDINGS_OF_A_LIST.get(kind, 3)


# The reasons that fill whole lists have more.
WORDINGS_OF_A_LIST = {
    ReasonKind.BOUGHT_TOGETHER: 7,
    ReasonKind.ALSO_BOUGHT: 4,
    ReasonKind.SIMILAR_TO: 6,
    ReasonKind.SAME_CATEGORY: 5,
    ReasonKind.SAME_BRAND: 5,
    ReasonKind.SHOPPERS_LIKE_YOU: 5,
    ReasonKind.TRENDING: 6,
    ReasonKind.POPULAR: 7,
    ReasonKind.BUY_AGAIN: 5,
    ReasonKind.RECENTLY_VIEWED: 4,
}


def every_message(language: str) -> Iterator[tuple[ReasonKind, str]]:
    """All that the template can say of the evidence, with the most and the least of what may be known."""
    for kind, fact in EVERY_KIND.items():
        for variant in (
            fact,
            replace(fact, count=2),
            replace(fact, count=1, value=0.2),
            replace(fact, count=None),
            replace(fact, value=None),
        ):
            for turn in range(9):
                yield kind, explain_item(ItemTask(ProductFacts("Bread"), (variant,), turn=turn), language)


@pytest.mark.parametrize("language", list(WORDINGS))
def test_no_sentence_has_jargon_or_begins_small(language: str) -> None:
    jargon = re.compile(r"%|chance|zufall|hasard|azar|tesadüf|match|probab|\blift\b|factor|score", re.IGNORECASE)

    told = [text for _, text in every_message(language)]

    assert [text for text in told if jargon.search(text)] == []
    assert [text for text in told if text[0].islower() or re.search(r"[.] [a-zçöü]", text)] == []
    assert [text for text in told if "?" in text] == []  # a question would be one sentence too many beside others


@pytest.mark.parametrize("language", list(WORDINGS))
def test_what_the_template_says_of_a_shopper_or_a_crowd_is_seen_by_the_check(language: str) -> None:
    unclaimed = {ReasonKind.SIMILAR_TO, ReasonKind.CATALOGUE, ReasonKind.EXPLORATION}
    without_numbers = {ReasonKind.BOUGHT_TOGETHER, ReasonKind.ALSO_BOUGHT, ReasonKind.POPULAR}
    claimed = set(ReasonKind) - unclaimed - without_numbers
    for kind, text in every_message(language):
        fact = replace(EVERY_KIND[kind], kind=ReasonKind.CATALOGUE)
        (grounds,) = explanation_grounds(ExplanationTask(language, (ItemTask(ProductFacts("Bread"), (fact,)),)))
        problems = [problem for problem in check(text, grounds) if problem.startswith("claim")]
        assert problems or kind not in claimed, text


@pytest.mark.parametrize(
    ("language", "few", "one"),
    [
        ("en", "3 shoppers have bought it.", "1 shopper has bought it."),
        ("de", "3 Personen haben es gekauft.", "1 Person hat es gekauft."),
        ("fr", "3 personnes l’ont acheté.", "1 personne l’a acheté."),
        ("es", "3 personas lo han comprado.", "1 persona lo ha comprado."),
        ("tr", "3 kişi bu ürünü aldı.", "1 kişi bu ürünü aldı."),
    ],
)
def test_a_few_buyers_are_counted_and_not_called_popular(language: str, few: str, one: str) -> None:
    def told(buyers: int) -> set[str]:
        facts = (Fact(ReasonKind.POPULAR, count=buyers),)
        return {explain_item(ItemTask(ProductFacts("Bread"), facts, turn=turn), language) for turn in range(10)}

    assert few in told(3)
    assert one in told(1)
    assert len(told(3)) < len(told(540))


def test_without_any_buyer_nobody_is_said_to_have_bought_it() -> None:
    assert (
        explain_item(ItemTask(ProductFacts("Bread"), (Fact(ReasonKind.POPULAR, count=0),)), "en")
        == "Part of our range."
    )


@pytest.mark.parametrize("language", list(WORDINGS))
@settings(deadline=None)  # the machine may be busy; nothing here is about time
@given(product=products, evidence=st.lists(facts, max_size=6), turn=st.integers(0, 99))
def test_whatever_the_evidence_the_text_is_one_to_three_verified_sentences(
    language: str, product: ProductFacts, evidence: list[Fact], turn: int
) -> None:
    item = ItemTask(product, tuple(evidence), turn=turn)

    text = explain_item(item, language)

    (grounds,) = explanation_grounds(ExplanationTask(language, (item,)))
    assert check(text, grounds) == []
    assert text == explain_item(item, language)
    assert "{" not in text
    assert "None" not in text
    assert "gift" not in text


@pytest.mark.parametrize("language", list(WORDINGS))
@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["Cereal", "Dairy", "Pet Food"]), st.integers(1, 5000)), max_size=3),
    st.lists(st.tuples(st.just("Kroger"), st.integers(1, 50)), max_size=1),
    st.integers(0, 4000),
    st.sampled_from(["", "$3.20"]),
    st.sampled_from([(), ("vegan",), ("vegan", "organic")]),
)
def test_whatever_the_profile_the_insight_is_one_verified_sentence(
    language: str,
    categories: list[tuple[str, int]],
    brands: list[tuple[str, int]],
    orders: int,
    price: str,
    tastes: tuple[str, ...],
) -> None:
    task = InsightTask(language, tuple(categories), tuple(brands), orders, price, tastes)

    text = describe_shopper(task)

    assert check(text, insight_grounds(task)) == []


def test_the_insight_tells_the_profile() -> None:
    assert describe_shopper(INSIGHT) == (
        "You come back most for Cereal and Plant Milk, often choose Kroger, and pay about $3.20 an item."
    )


@pytest.mark.parametrize(
    ("count", "days", "said"),
    [
        (1, 0.2, ("You bought it a short while ago", ".")),
        (2, 1.1, ("twice", "a day ago")),
        (3, 5.7, ("3 times", "6 days ago")),
        (3, 30.0, ("3 times", "about 4 weeks ago")),
        (3, 70.0, ("3 times", "about 2 months ago")),
        (3, 800.0, ("3 times", "about 2 years ago")),
    ],
)
def test_numbers_take_the_right_form(count: int, days: float, said: tuple[str, str]) -> None:
    text = explain_item(ItemTask(MILK, (Fact(ReasonKind.BUY_AGAIN, count=count, value=days),)), "en")

    assert [part for part in said if part not in text] == []


@pytest.mark.parametrize(
    ("brands", "orders", "tastes", "told"),
    [
        ((("Kroger", 9),), 12, (), "You often choose Kroger, and pay about $3.20 an item."),
        ((("Kroger", 9),), 1, (), "You often choose Kroger."),
        ((("Kroger", 2),), 12, ("vegan",), "You told us about your tastes: vegan."),
        ((("Kroger", 2),), 12, (), "So far, you pay about $3.20 an item."),
        ((), 1, (), "We have seen too little of your shopping yet to say what you like."),
    ],
)
def test_a_shop_without_categories_has_something_to_say_too(
    brands: tuple[tuple[str, int], ...], orders: int, tastes: tuple[str, ...], told: str
) -> None:
    assert describe_shopper(InsightTask("en", (), brands, orders, "$3.20", tastes)) == told


def test_french_signs_are_never_parted_from_their_words() -> None:
    """« » : ; stand off by a no-break space, so that no line ends or begins with the sign alone."""
    told = [message for messages in WORDINGS["fr"].reasons.values() for message in messages]

    assert [text for text in (*told, *WORDINGS["fr"].insights) if re.search(r"« | [»:;!?]", text)] == []


@pytest.mark.parametrize("language", list(WORDINGS))
def test_a_name_that_ends_in_a_full_stop_ends_the_sentence(language: str) -> None:
    product = ProductFacts("Bread", "Acme, Inc.", "Cakes etc.", "", "12 oz.")
    fact = Fact(ReasonKind.SAME_BRAND, label="Acme, Inc.")

    told = [explain_item(ItemTask(product, facts, turn=turn), language) for facts in ((), (fact,)) for turn in range(9)]

    assert any("Inc" in text for text in told)
    assert [text for text in told if ".." in text] == []


def test_twice_is_not_called_often() -> None:
    task = InsightTask("en", (("Herbal", 1), ("Cereal", 2)), (("Kroger", 2),), 2, "$3.20")

    assert describe_shopper(task) == "You come back most for Cereal, at about $3.20 an item."


def test_what_one_reason_has_said_is_not_said_again() -> None:
    bought = EVERY_KIND[ReasonKind.BUY_AGAIN]
    alike = replace(EVERY_KIND[ReasonKind.SIMILAR_TO], product_name=TOGETHER.product_name)
    named = ProductFacts("Oat Milk by Oatly, 64 oz", "Oatly", "Milk", "", "64 oz")

    assert "Cereal" not in explain_item(ItemTask(CEREAL, (bought, CATEGORY)), "en").split(". ")[0]
    assert explain_item(ItemTask(MILK, (TOGETHER, alike)), "en").count("Whole Milk") == 1
    assert explain_item(ItemTask(named, (bought,)), "en").count("64 oz") == 0


def test_what_was_bought_twice_is_not_called_usual_and_what_was_bought_is_no_discovery() -> None:
    twice = Fact(ReasonKind.BUY_AGAIN, count=2, value=180.0)
    due, explored = EVERY_KIND[ReasonKind.DUE_AGAIN], EVERY_KIND[ReasonKind.EXPLORATION]

    assert "every" not in explain_item(ItemTask(CEREAL, (twice, due)), "en")
    assert "every 9 days" in explain_item(ItemTask(CEREAL, (replace(twice, count=3), due)), "en")
    assert "discover" not in explain_item(ItemTask(CEREAL, (explored, twice)), "en")


@pytest.mark.parametrize(
    ("days", "said"),
    [(1, "every day"), (9, "about every 9 days"), (30, "about every 4 weeks"), (84, "about every 3 months")],
)
def test_a_rhythm_is_told_in_the_unit_that_fits(days: int, said: str) -> None:
    assert said in explain_item(ItemTask(CEREAL, (replace(EVERY_KIND[ReasonKind.DUE_AGAIN], count=days),)), "en")


def test_a_brand_that_is_not_named_may_still_be_one_that_was_bought() -> None:
    fact = replace(EVERY_KIND[ReasonKind.SAME_BRAND], label="")

    assert explain_item(ItemTask(ProductFacts("Bread"), (fact,)), "en") == "From a brand that you have bought 25 times."


def test_a_name_in_quotation_marks_has_other_ones_inside() -> None:
    fact = replace(TOGETHER, product_name='Bob\'s "Best" Bread')

    assert "„Bob's 'Best' Bread“" in explain_item(ItemTask(MILK, (fact,)), "de")


def test_evidence_on_a_product_without_a_name_is_left_out() -> None:
    text = explain_item(ItemTask(MILK, (replace(TOGETHER, product_name=None), CATEGORY)), "en")

    assert "312" not in text
    assert "9 times" in text


def test_two_pairs_are_told_in_different_words() -> None:
    second = replace(TOGETHER, product_name="White Bread", count=120, value=1.7)

    text = explain_item(ItemTask(MILK, (TOGETHER, second)), "en")

    first, other = text.split(". ", 1)
    assert "White Bread" in other
    assert re.sub(r"Whole Milk, 1 gal|[\d.]+", "", first) != re.sub(r"White Bread|[\d.]+", "", other)


def test_markup_in_a_name_is_not_repeated() -> None:
    partner = replace(TOGETHER, product_name="Nice <img src=x onerror=alert(1)>\nBread")

    assert "Nice Bread" in explain_item(ItemTask(MILK, (partner,)), "en")


@pytest.mark.parametrize("language", ["en-GB", "EN", "xx", "", "../etc"])
def test_a_language_without_wording_gets_english(language: str) -> None:
    item = ItemTask(MILK, (TOGETHER,))

    assert explain_item(item, language) == explain_item(item, "en")


MANY = Fact(ReasonKind.POPULAR, count=1_000_000)
IN_EVERY_LANGUAGE = {
    "de": ("312 Personen haben", "4-mal", "vor etwa 2 Wochen", "1.540 Personen", "zweimal"),
    "fr": ("312 personnes ont", "4 fois", "il y a environ 2 semaines", "1 540 personnes", "deux fois"),
    "es": ("312 personas han", "4 veces", "hace unas 2 semanas", "1.540 personas", "dos veces"),
    "tr": ("312 kişi", "4 kez", "yaklaşık 2 hafta önce", "1.540 kişi", "iki kez"),
}


@pytest.mark.parametrize("language", list(IN_EVERY_LANGUAGE))
def test_numbers_and_plurals_are_those_of_the_language(language: str) -> None:
    kinds = (ReasonKind.BOUGHT_TOGETHER, ReasonKind.BUY_AGAIN, ReasonKind.SHOPPERS_LIKE_YOU)
    twice = Fact(ReasonKind.BUY_AGAIN, count=2, value=2.0)
    facts = [EVERY_KIND[kind] for kind in kinds]

    texts = " ".join(explain_item(ItemTask(MILK, (fact,)), language) for fact in [*facts, twice])

    plain = " ".join(texts.split())
    assert [part for part in IN_EVERY_LANGUAGE[language] if part not in plain] == []


@pytest.mark.parametrize(("language", "said"), [("fr", "1 000 000 de personnes"), ("es", "1.000.000 de personas")])
def test_a_million_takes_its_own_form_where_the_language_has_one(language: str, said: str) -> None:
    assert said in " ".join(explain_item(ItemTask(MILK, (MANY,)), language).split())


def test_every_kind_of_reason_has_a_sentence_of_its_own_in_every_language() -> None:
    for kind in ReasonKind:
        texts = {explain_item(ItemTask(CEREAL, (EVERY_KIND[kind],)), language) for language in WORDINGS}
        assert len(texts) == len(WORDINGS)
    for wording in WORDINGS.values():
        assert wording.reasons.keys() == set(ReasonKind)
        messages = [message for choices in wording.reasons.values() for message in choices]
        fields = {name for message in messages for _, name, _, _ in string.Formatter().parse(message) if name}
        assert fields <= wording.units.keys() | {"partner", "label", "ago", "rhythm", "crowd_have"}
