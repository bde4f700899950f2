"""What somebody may have meant who typed a word that is not there."""

from __future__ import annotations

import pytest

from shop.search.vocabulary import LARGEST, Vocabulary

WORDS = {"cheese": 900, "cheesecake": 40, "cheesy": 3, "cheer": 1, "milk": 500, "silk": 2, "500ml": 70, "緑茶": 9}


@pytest.mark.parametrize("typed", ["chees", "cheeese", "chesee", "cheeze", "hceese"])
def test_one_typing_error_is_forgiven(typed: str) -> None:
    assert Vocabulary(WORDS).near(typed)[0] == "cheese"


def test_two_errors_are_not_and_frequent_words_come_first() -> None:
    vocabulary = Vocabulary(WORDS)

    assert vocabulary.near("chse") == []
    assert vocabulary.near("chees") == ["cheese", "cheesy", "cheer"]
    assert vocabulary.near("bilk") == ["milk", "silk"]


def test_numbers_and_short_words_have_no_spelling() -> None:
    vocabulary = Vocabulary(WORDS)

    assert len(vocabulary) == 6
    assert vocabulary.near("600ml") == vocabulary.near("mi") == vocabulary.near("緑荼") == []


def test_a_word_that_is_begun_is_completed() -> None:
    vocabulary = Vocabulary(WORDS)

    assert vocabulary.beginning("chee") == ["cheese", "cheesecake", "cheesy", "cheer"]
    assert vocabulary.beginning("m") == []
    assert vocabulary.beginning("zz") == []


def test_words_of_new_products_are_known_at_once() -> None:
    vocabulary = Vocabulary(WORDS)

    vocabulary.add(["ricotta", "milk"])

    assert vocabulary.near("ricota") == vocabulary.beginning("ric") == ["ricotta"]
    assert vocabulary.frequency("milk") == 500


def test_answers_and_words_are_bounded() -> None:
    alike = Vocabulary({f"word{first}{second}": 1 for first in "abcdefghijklm" for second in "abcdefghijklm"})

    assert len(alike.near("worda")) <= 8
    assert len(alike.beginning("wor")) <= 16
    assert LARGEST <= 100_000
