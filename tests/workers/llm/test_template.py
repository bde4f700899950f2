"""The template says true things, in good language, the same way each time."""

from __future__ import annotations

import re
from dataclasses import replace

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
    ]
)
facts = st.builds(
    Fact,
    st.sampled_from(ReasonKind),
    st.none() | names,
    st.none() | st.sampled_from(["Cereal", "Dairy", "Kroger", "vegan"]),
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

    assert "Whole Milk, 1 gal" in text
    assert "312" in text
    assert "2.4 times" in text
    assert "Cereal" in text
    assert "9 times" in text


@pytest.mark.parametrize("kind", list(ReasonKind))
def test_every_kind_of_reason_is_told_with_what_it_knows(kind: ReasonKind) -> None:
    fact = EVERY_KIND[kind]

    text = explain_item(ItemTask(CEREAL, (fact,)), "en")

    shown = {
        ReasonKind.BOUGHT_TOGETHER: ("Whole Milk, 1 gal", "312", "2.4"),
        ReasonKind.SIMILAR_TO: ("Almond Drink Plain", "83%"),
        ReasonKind.SAME_CATEGORY: ("Cereal", "9 times"),
        ReasonKind.SAME_BRAND: ("Kroger", "25 times"),
        ReasonKind.SHOPPERS_LIKE_YOU: ("1,540 shoppers",),
        ReasonKind.TRENDING: ("3.3 times",),
        ReasonKind.POPULAR: ("540 shoppers",),
        ReasonKind.BUY_AGAIN: ("4 times", "2 weeks ago"),
        ReasonKind.DUE_AGAIN: ("about every 9 days",),
        ReasonKind.RECENTLY_VIEWED: ("3 days ago",),
        ReasonKind.STATED_TASTE: ("vegan",),
        ReasonKind.EXPLORATION: ("5%",),
        ReasonKind.PROMOTED: ("shop",),
    }[kind]
    assert [part for part in shown if part not in text] == []


@pytest.mark.parametrize("language", list(WORDINGS))
@settings(deadline=None)  # the machine may be busy; nothing here is about time
@given(product=products, evidence=st.lists(facts, max_size=6))
def test_whatever_the_evidence_the_text_is_two_or_three_verified_sentences(
    language: str, product: ProductFacts, evidence: list[Fact]
) -> None:
    item = ItemTask(product, tuple(evidence))

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
        "Over 120 orders you came back most for Cereal (42 purchases) and Plant Milk (30 purchases), "
        "often chose Kroger, and paid about $3.20 an item."
    )


@pytest.mark.parametrize(
    ("count", "days", "said"),
    [
        (1, 0.2, ("once", "less than a day ago")),
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


def test_chance_is_not_mentioned_when_the_pair_is_no_more_frequent_than_chance() -> None:
    text = explain_item(ItemTask(MILK, (replace(TOGETHER, value=0.8),)), "en")

    assert "chance" not in text
    assert "312 times" in text


def test_evidence_on_a_product_without_a_name_is_left_out() -> None:
    text = explain_item(ItemTask(MILK, (replace(TOGETHER, product_name=None), CATEGORY)), "en")

    assert "312" not in text
    assert "9 times" in text


def test_products_with_the_same_kind_of_evidence_are_not_all_told_alike() -> None:
    texts = {
        explain_item(ItemTask(replace(MILK, name=f"Product {letter}"), (TOGETHER,)), "en").split(". ")[0]
        for letter in "ABCDEFGHIJ"
    }

    assert len(texts) > 1


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
    "de": ("312-mal", "2,4", "4-mal", "vor etwa 2 Wochen", "1.540 Personen haben", "83 %", "einmal"),
    "fr": ("312 fois", "2,4 fois", "4 fois", "il y a environ 2 semaines", "1 540 personnes", "83 %", "une fois"),
    "es": ("312 veces", "2,4 veces", "4 veces", "hace unas 2 semanas", "1.540 personas", "83 %", "una vez"),
    "tr": ("312 kez", "2,4", "4 kez", "yaklaşık 2 hafta önce", "1.540 kişi", "%83", "bir kez"),
}


@pytest.mark.parametrize("language", list(IN_EVERY_LANGUAGE))
def test_numbers_and_plurals_are_those_of_the_language(language: str) -> None:
    kinds = (
        ReasonKind.BOUGHT_TOGETHER, ReasonKind.BUY_AGAIN, ReasonKind.SHOPPERS_LIKE_YOU, ReasonKind.SIMILAR_TO,
    )  # fmt: skip
    once = Fact(ReasonKind.BUY_AGAIN, count=1, value=2.0)
    facts = [EVERY_KIND[kind] for kind in kinds]

    texts = " ".join(explain_item(ItemTask(MILK, (fact,)), language) for fact in [*facts, once])

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
        assert wording.units.keys() == WORDINGS["en"].units.keys()
