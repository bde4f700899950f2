"""The template says true things, in good English, the same way each time."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.types import ReasonKind
from tests.workers.llm.samples import CATEGORY, CEREAL, EVERY_KIND, INSIGHT, MILK, TOGETHER
from workers.llm.grounding import check, explanation_grounds, insight_grounds
from workers.llm.messages import WORDINGS
from workers.llm.protocol import ExplanationTask, Fact, InsightTask, ItemTask, ProductFacts
from workers.llm.template import describe_shopper, explain_item

names = st.sampled_from(["Whole Milk, 1 gal", "Honey Nut Rings", "2% Milk", "Bread", "7 Up 12 pk", "Tide (64 oz)"])
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
        ReasonKind.BUY_AGAIN: ("4 times", "12 days ago"),
        ReasonKind.RECENTLY_VIEWED: ("3 days ago",),
        ReasonKind.STATED_TASTE: ("vegan",),
        ReasonKind.EXPLORATION: ("5%",),
        ReasonKind.PROMOTED: ("shop",),
    }[kind]
    assert [part for part in shown if part not in text] == []


@pytest.mark.parametrize("language", list(WORDINGS))
@settings(deadline=None)  # the machine may be busy; nothing here is about time
@given(product=products, evidence=st.lists(facts, max_size=6))
def test_whatever_the_evidence_the_text_is_two_or_three_proved_sentences(
    language: str, product: ProductFacts, evidence: list[Fact]
) -> None:
    item = ItemTask(product, tuple(evidence))

    text = explain_item(item, language)

    (grounds,) = explanation_grounds(ExplanationTask(language, (item,)))
    assert check(text, grounds) == []
    assert text == explain_item(item, language)
    assert 2 <= len(re.findall(r"[.](?= |$)", text)) <= 3
    assert "{" not in text
    assert "None" not in text


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["Cereal", "Dairy", "Pet Food"]), st.integers(1, 5000)), max_size=3),
    st.lists(st.tuples(st.just("Kroger"), st.integers(1, 50)), max_size=1),
    st.integers(0, 4000),
    st.sampled_from(["", "$3.20"]),
    st.sampled_from([(), ("vegan",), ("vegan", "organic")]),
)
def test_whatever_the_profile_the_insight_is_one_proved_sentence(
    categories: list[tuple[str, int]], brands: list[tuple[str, int]], orders: int, price: str, tastes: tuple[str, ...]
) -> None:
    task = InsightTask("en", tuple(categories), tuple(brands), orders, price, tastes)

    text = describe_shopper(task)

    assert check(text, insight_grounds(task)) == []
    assert len(re.findall(r"[.](?= |$)", text)) == 1


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
        (3, 30.0, ("3 times", "30 days ago")),
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
