"""A text is shown only if the facts carry all that it says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scoring.types import ReasonKind
from tests.workers.llm.samples import EVERY_KIND, INSIGHT, MILK, TASK
from workers.llm.grounding import check, explanation_grounds, insight_grounds
from workers.llm.protocol import ExplanationTask, ItemTask

MILK_GROUNDS = explanation_grounds(TASK)[0]  # bought together with Whole Milk, 1 gal: 312 times, lift 2.41


@pytest.mark.parametrize(
    "text",
    [
        "Shoppers who bought Whole Milk, 1 gal often took this too: 312 baskets held both.",
        "It goes with whole milk, 1 gal, about 2.4 times as often as chance would give.",
        "The pair appears 2.41 times as often as by chance.",
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
    (grounds,) = explanation_grounds(ExplanationTask("de-DE", (ItemTask(MILK, (fact,)),)))

    for number in ("1540", "1.540", "1,540", "1\u202f540", "1’540"):
        assert check(f"Schon {number} Kunden haben es gekauft.", grounds) == []
    assert check("Schon 1.541 Kunden haben es gekauft.", grounds) == ["number 1.541"]


def test_a_share_may_be_told_in_percent() -> None:
    (grounds,) = explanation_grounds(ExplanationTask("en", (ItemTask(MILK, (EVERY_KIND[ReasonKind.SIMILAR_TO],)),)))

    assert check("It resembles Almond Drink Plain by 83%.", grounds) == []
    assert check("It resembles Almond Drink Plain by 0.83.", grounds) == []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (ReasonKind.BUY_AGAIN, "You have bought it 4 times already."),
        (ReasonKind.SAME_CATEGORY, "You often bought from Cereal, 9 times so far."),
        (ReasonKind.RECENTLY_VIEWED, "You looked at it 3 days ago."),
        (ReasonKind.STATED_TASTE, "You told us that you like vegan food."),
        (ReasonKind.TRENDING, "It is trending at 3.3 times its usual level."),
    ],
)
def test_a_claim_is_proved_by_evidence_of_its_kind(kind: ReasonKind, text: str) -> None:
    def grounds(of: ReasonKind) -> list[str]:
        return check(text, explanation_grounds(ExplanationTask("en", (ItemTask(MILK, (EVERY_KIND[of],)),)))[0])

    assert grounds(kind) == []
    assert grounds(ReasonKind.EXPLORATION) != []


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
    (grounds,) = explanation_grounds(ExplanationTask("en", (ItemTask(MILK, (EVERY_KIND[ReasonKind.PROMOTED],)),)))

    assert check(text, grounds) != []
    assert check("The shop chose Organic Oat Milk for this place. It comes as 64 oz.", grounds) == []


def test_only_what_the_shop_chose_is_told_as_chosen_by_it() -> None:
    text = "The shop itself picked this one. It comes as 64 oz."

    assert check(text, MILK_GROUNDS) == ["claim shop itself picked"]


def test_a_sentence_on_a_shopper_rests_on_the_profile() -> None:
    grounds = insight_grounds(INSIGHT)

    assert check("You love Cereal: 42 purchases in 120 orders, at $3.20 each.", grounds) == []
    assert check("You love Cereal: 43 purchases in 120 orders.", grounds) == ["number 43"]
    assert check("You always hunt for a discount on Cereal.", grounds) == ["claim discount"]
