"""Values of files and of the API pass the same rules."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop import values
from shop.values import RefusedValueError

if TYPE_CHECKING:
    from collections.abc import Callable

PIECES = [
    "<",
    ">",
    "&",
    ";",
    "/",
    "!",
    "--",
    "?",
    "#60",
    "#x3c",
    "lt",
    "gt",
    "amp",
    "b",
    "a ",
    "script",
    "[CDATA[",
    "[",
    "<![",
    "]]",
]
PIECES += ["\u200b", "\u037e", "\u0338", "\n", "\x00", "=", "'", '"', "é", "e\u0301", " "]
MARKUP = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)
TAG = re.compile(r"<[a-zA-Z/!?]")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("<p>Green <b>tea</b> &amp; honey</p>", "Green tea & honey"),
        ("Tea<script>alert('x')</script><style>p{}</style>", "Tea"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;Tea", "Tea"),
        ("&amp;lt;b&amp;gt;Tea", "Tea"),
        ("<\u200bb>Tea</\u200bb>", "Tea"),
        ('<?xml version="1.0"?><!-- no -->Tea', "Tea"),
        ("Caf&eacute;&nbsp;au lait\r\n\x07 hot", "Café au lait hot"),
        ("5 < 6 & AT&T", "5 < 6 & AT&T"),
        ("<img src=x onerror=alert(1) Tea", "img src=x onerror=alert(1) Tea"),
        ("Tea <![endif]--> hot<![0]>", "Tea hot"),
        ("&lt;![50% off]&gt;Tea", "Tea"),
        ("<![CDATA[<p>Tea &amp; milk</p>]]>", "Tea & milk"),
        ("AT &foo; Rock & Roll", "AT foo; Rock & Roll"),
        ("می\u200cخواهم \U0001f469\u200d\U0001f373", "می\u200cخواهم \U0001f469\u200d\U0001f373"),
        ("<p\nclass='a b' hidden>Green<br/>tea</p ><img src=https://a.example/x?y=1>", "Green tea"),
        ('<b title="5 > 3">Tea</b>', "Tea"),
        ("<TEMPLATE><p>no</p></TEMPLATE>Tea<textarea><b>Cup</textarea>", "Tea Cup"),
        ("", ""),
    ],
)
def test_markup_becomes_text(text: str, plain: str) -> None:
    assert values.plain_text(text) == plain


@given(text=st.one_of(MARKUP, st.text()))
def test_text_without_markup_stays_as_it_is(text: str) -> None:
    plain = values.plain_text(text)

    assert not TAG.search(plain)
    assert values.plain_text(plain) == plain


@pytest.mark.parametrize(
    "piece", ["<a ", "<a x ", "<a x=", '<a x="', "<!--", "<", "</", "<![CDATA[", "<? ", "&amp;", "&lt;a "]
)
def test_what_no_bracket_ends_is_no_trap(piece: str) -> None:
    assert not TAG.search(values.plain_text(piece * 20_000))


@pytest.mark.parametrize(
    ("given_id", "id_"),
    [
        (" S1", "S1"),
        ("S4\u00a0", "S4"),
        ("\ufeffS5\u200b", "S5"),
        ("\u200eS\u202e6\u202c", "S6"),
        ("a b", "a b"),
        ("e\u0301", "é"),
        ("\u3000Ａ1", "Ａ1"),
        ("x" * 200, "x" * 200),
    ],
)
def test_ids_lose_what_nobody_sees(given_id: str, id_: str) -> None:
    assert values.clean_id(given_id) == id_


@pytest.mark.parametrize(
    ("given_tag", "tag"),
    [
        ("de", "de"),
        (" DE_at", "de-AT"),
        ("iw", "he"),
        ("zh-TW", "zh-TW"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("es-419", "es-419"),
        ("en-u-hc-h12", "en"),
        ("de-1996", "de"),
    ],
)
def test_a_language_tag_is_written_as_its_standard_has_it(given_tag: str, tag: str) -> None:
    assert values.locale(given_tag) == tag


@given(id_=st.text())
def test_an_id_is_clean_once_it_was_cleaned(id_: str) -> None:
    try:
        cleaned = values.clean_id(id_)
    except RefusedValueError:
        return
    assert values.clean_id(cleaned) == cleaned


@pytest.mark.parametrize(
    ("check", "value", "code"),
    [
        (values.clean_id, " \u00a0\u200b", "REQUIRED"),
        (values.clean_id, "x" * 201, "TOO_LONG"),
        (values.clean_id, "a\nb", "INVALID"),
        (values.clean_id, "a\x85b", "INVALID"),
        (values.number, "1_000", "INVALID"),
        (values.number, "nan", "INVALID"),
        (values.number, "inf", "INVALID"),
        (values.number, "1e999", "INVALID"),
        (values.number, "0x10", "INVALID"),
        (values.number, "١٢", "INVALID"),
        (values.number, 10**400, "INVALID"),
        (values.number, True, "INVALID"),
        (values.number, None, "INVALID"),
        (values.quantity, 0.0, "OUT_OF_RANGE"),
        (values.quantity, 1e300, "OUT_OF_RANGE"),
        (values.rating, 5.5, "OUT_OF_RANGE"),
        (values.event_time, datetime(1989, 12, 31, tzinfo=UTC), "OUT_OF_RANGE"),
        (values.event_time, datetime.now(UTC) + timedelta(days=1), "OUT_OF_RANGE"),
        *((values.locale, tag, "INVALID") for tag in ("", "und", "root", "xx", "de-XX", "de@euro", "english", "de-")),
        (values.web_address, "javascript:alert(1)", "INVALID"),
        (values.web_address, "data:image/png;base64,AAAA", "INVALID"),
        (values.web_address, "https://", "INVALID"),
        (values.web_address, "//shop.example/a.jpg", "INVALID"),
        (values.web_address, "https://[", "INVALID"),
        (values.web_address, "https://shop.example/\x00a.jpg", "INVALID"),
    ],
)
def test_refused(check: Callable[[Any], object], value: object, code: str) -> None:
    with pytest.raises(RefusedValueError) as refused:
        check(value)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [("12.50", "EUR", 1250), ("1250", "JPY", 1250), ("1.234", "KWD", 1234), ("12.500000", "USD", 1250), (0, "USD", 0)],
)
def test_amounts_are_exact(amount: object, currency: str, minor: int) -> None:
    assert values.money(amount, currency).minor == minor


@pytest.mark.parametrize(
    ("amount", "currency", "message"),
    [
        ("0.001", "USD", "USD has 2 digits after the point, and 0.001 has more: round it first."),
        ("1250.50", "JPY", "JPY has 0 digits after the point"),
        ("1.299", "EUR", "or write 1299 if its point separates thousands."),
        ("12.50", "ZZZ", "'ZZZ' is no currency of ISO 4217"),
        ("1." + "1" * 3_000, "USD", "... has more: round it first"),
        ("12.50", "usd", "'usd' is no currency of ISO 4217"),
        ("-1", "USD", "A price is 0 or more"),
        ("1000000000", "USD", "below a billion"),
        ("1_299.50", "USD", "A price is a decimal number such as 12.50, not '1_299.50'."),
        ("12,50", "EUR", "A price is a decimal number"),
        (True, "EUR", "A price is a decimal number"),
    ],
)
def test_amounts_are_never_rounded(amount: object, currency: str, message: str) -> None:
    with pytest.raises(RefusedValueError) as refused:
        values.money(amount, currency)
    assert message in refused.value.message
