"""What is stored and what is asked become the same words."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.entities.catalog import Product
from shop.errors import BadInputError
from shop.search.fields import MOST_WORDS, search_fields
from shop.search.folding import fold, key, tokens, words
from shop.search.terms import MOST_TERMS, parse_search
from shop.store.documents import product_to_document


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_however_unicode_writes_a_text_it_is_found(text: str) -> None:
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert words(unicodedata.normalize(form, text)) == words(text)
    assert words(fold(text)) == words(text)
    assert fold(text.casefold()) == fold(text)


@given(st.text(max_size=60))
def test_a_name_is_found_by_all_that_it_says(name: str) -> None:
    assert all({token.word, *token.also} & set(words(name)) for token in tokens(name))


@pytest.mark.parametrize(
    ("stored", "typed"),
    [
        ("IŞIK lamba", "ışık"),
        ("IŞIK lamba", "isik"),
        ("ışık", "IŞIK"),
        ("DİYARBAKIR", "diyarbakır"),
        ("diyarbakır", "DIYARBAKIR"),
        ("Straße", "STRASSE"),
        ("Strasse", "straße"),
        ("STRAẞE", "strasse"),
        ("Cafe\u0301 cre\u0300me", "café crème"),
        ("Café crème", "CAFE CREME"),
        ("ＦＵＬＬ　ＷＩＤＴＨ", "full width"),
        ("ﾊﾞﾅﾅ", "バナナ"),
        ("ﬁsh ﬂakes", "FISH FLAKES"),
        ("Smørrebrød", "smorrebrod"),
        ("Łosoś", "losos"),
        ("Œuvre", "oeuvre"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("Ёлка", "елка"),
        ("緑茶ティーバッグ", "緑茶"),
        ("緑茶ティーバッグ", "バッグ"),
        ("緑茶ティーバッグ", "茶"),
        ("有機緑茶100g", "緑茶 100 g"),
        ("ชาเขียวมะลิ", "เขียว"),
        ("녹차티백", "티백"),
        ("שָׁלוֹם", "שלום"),
        ("شايٌ أخضر", "شاي اخضر"),
        ("हिन्दी चाय", "चाय"),
        ("T-shirt", "tshirt"),
        ("T-shirt", "t shirt"),
        ("Tshirt", "T-shirt"),
        ("Kellogg's", "kelloggs"),
        ("Kellogg’s", "kellogg"),
        ("l'eau", "eau"),
        ("M&M's", "m&m"),
        ("Oil 500 ml", "500ml"),
        ("Oil 500ml", "500 ml"),
        ("CJ-1082185", "cj1082185"),
        ("CJ-1082185", "1082185"),
        ("Tomatoes", "tomato"),
        ("Tomato", "tomatoes"),
        ("Cookies", "cookie"),
        ("Berries", "berry"),
        ("soft\u00adware", "software"),
    ],
)
def test_texts_that_shoppers_take_for_the_same_meet(stored: str, typed: str) -> None:
    found = set(words(stored))

    assert all(found & set(term.typed.words) for term in parse_search(typed).terms)


@pytest.mark.parametrize(
    ("stored", "typed"), [("緑茶", "紅茶"), ("が", "か"), ("Glass", "glas"), ("bus", "bu"), ("500 g", "600 g")]
)
def test_texts_that_differ_do_not(stored: str, typed: str) -> None:
    found = set(words(stored))

    assert not all(found & set(term.typed.words) for term in parse_search(typed).terms)


@pytest.mark.parametrize("typed", ["-cheese", '"cheese"', "(cheese)", "cheese*", "$cheese", "cheese\x00", "+cheese -"])
def test_signs_are_no_operators(typed: str) -> None:
    assert [term.typed.words for term in parse_search(typed).terms] == [("cheese",)]


@pytest.mark.parametrize("typed", ["x" * 201, "…", "\u0640", "\ud800", "'"])
def test_what_has_no_word_or_is_too_long_is_refused(typed: str) -> None:
    with pytest.raises(BadInputError):
        parse_search(typed)


@given(st.text(min_size=1, max_size=200))
def test_a_search_is_bounded(typed: str) -> None:
    try:
        search = parse_search(typed)
    except BadInputError:
        return
    assert 1 <= len(search.terms) <= MOST_TERMS
    assert all(len(word) <= 64 for term in search.terms for word in term.typed.words)


def test_a_long_description_is_bounded_and_never_crowds_out_the_name() -> None:
    description = " ".join(f"word{number}x" for number in range(5_000))
    product = Product("a", "AB-1", "Green tea", description, brand="Maker", variant_skus=("AB-1-XL",))

    fields = search_fields(product_to_document(product))

    assert len(fields["words"]) == MOST_WORDS
    assert {"green", "tea", "ab1", "ab1xl", "maker", "word0x"} <= set(fields["words"])
    assert fields["exact"] == ["greentea", "ab1", "ab1xl"]


def test_a_key_is_what_the_eye_compares() -> None:
    assert key("CJ 1082-185") == key("cj1082185") == "cj1082185"
