"""What values may be, whichever way they come in: one set of rules for files and for the API."""

from __future__ import annotations

import html
import math
import re
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from babel import Locale
from babel.core import get_global

from shop.entities.access import PROGRAMS
from shop.entities.catalog import Money, is_price
from shop.entities.interactions import CLOCK_SLACK

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_ID = 200  # characters
LONGEST_TEXT = 20_000
LONGEST_NAME = 1_000  # of a product
LONGEST_LABEL = 500  # of a brand, a tag or a package size
LONGEST_ADDRESS = 2_000
LONGEST_EMAIL = 254  # RFC 5321
MOST_TAGS = 200
LONGEST_MARKUP = 200_000  # of a text with its markup: taking that away takes time
MOST_UNITS = 1_000_000
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
# Characters that nobody sees: they would make two ids of one.
_DIRECTIONS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad" + _DIRECTIONS))
_WITHOUT_MEANING = dict.fromkeys(map(ord, "\u200b\u2060\ufeff\u00ad"))  # joiners stay: Persian and emoji need them
_MARKUP = re.compile(r"<[a-zA-Z/!?]|&(?:[a-zA-Z][a-zA-Z0-9]{1,31}|#\d{1,7}|#[xX][0-9a-fA-F]{1,6});")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_GROUPED = re.compile(r"[1-9]\d{0,2}(\.\d{3})+", re.ASCII)
_CDATA = re.compile(r"<!\[CDATA\[((?:(?!<!\[CDATA\[).)*?)\]\]>", re.DOTALL)
_NO_TAG = re.compile(
    r"<!--(?:(?!<!--).)*?-->|<[?!][^<>]*>"  # comments, and what the parser takes no rest of: <?xml ...?>, <![if ...]>
    r"|<(?=[^<>]*(?:<|$))",  # what no > ends: the parser's time would grow with the square of their number
    re.DOTALL,
)
_ATTRIBUTE = r"""\s+[a-zA-Z:_][\w:.-]*+(?:\s*+=\s*+(?:"[^"<>]*+"|'[^'<>]*+'|[^\s"'<>=`/]++))?+"""
_SIMPLE_TAG = re.compile(rf"</?[a-zA-Z][a-zA-Z0-9]*+(?:{_ATTRIBUTE})*+\s*+/?>", re.ASCII)
# Elements whose text is not shown, or is no markup.
_HIDING = re.compile(
    "<(?:script|style|template|noscript|textarea|title|xmp|iframe|noembed|noframes|plaintext|[?!])", re.IGNORECASE
)
_LOCALE = re.compile(
    r"([a-z]{2,3})(?:-([a-z]{4}))?(?:-([a-z]{2}|\d{3}))?(?:-[a-z\d]{5,8}|-\d[a-z\d]{3})*(?:-[a-wyz\d](?:-[a-z\d]{2,8})+)*",
    re.IGNORECASE | re.ASCII,
)
_NO_LANGUAGE = {"und", "mul", "zxx", "mis", "root"}
_SHOWN = 60  # characters of a value that an error repeats
_ESCAPED_AT_MOST = 4  # times that markup is found escaped within itself


class RefusedValueError(ValueError):
    """Why a value cannot be taken, and what to do: `message` is for people, `code` for programs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def clean_id(value: str) -> str:
    """An id without the spaces around it, no-break and invisible ones included. Raises RefusedValueError."""
    cleaned = value.strip()
    if not (cleaned.isascii() and cleaned.isprintable()):
        cleaned = unicodedata.normalize("NFC", cleaned.translate(_INVISIBLE)).strip()
    if not cleaned:
        raise RefusedValueError("REQUIRED", "An id must not be empty.")
    if len(cleaned) > LONGEST_ID:
        raise RefusedValueError("TOO_LONG", f"An id has {LONGEST_ID} characters at most.")
    if _CONTROL.search(cleaned):
        raise RefusedValueError("INVALID", "An id must not hold line breaks or other control characters.")
    return cleaned


def clean_user_id(value: str) -> str:
    """The id of a shopper or of staff, as `clean_id` gives it. Raises RefusedValueError, also for what names a
    program: nobody is to be taken for one."""
    cleaned = clean_id(value)
    if cleaned.startswith(PROGRAMS):
        raise RefusedValueError("INVALID", f"Ids that begin with {PROGRAMS} are those of programs with API keys.")
    return cleaned


def email(value: str) -> str:
    """An e-mail address, however it was typed, as it is stored and found: in small letters, the domain as people read
    it. Nothing is sent and nothing looked up. Raises RefusedValueError."""
    from email_validator import EmailNotValidError, validate_email

    if len(value) > LONGEST_EMAIL:
        raise RefusedValueError("TOO_LONG", f"An e-mail address has {LONGEST_EMAIL} characters at most.")
    try:
        checked = validate_email(value.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise RefusedValueError("INVALID", f"This is no e-mail address: {error}") from error
    return checked.normalized.lower()


def is_numeral(value: str) -> bool:
    """Whether a text is a number as JSON writes it, with or without spaces around it."""
    return _NUMBER.fullmatch(value.strip()) is not None


def number(value: object) -> float:
    """A finite number, written as in JSON. Python's own forms (`1_000`, `nan`) are none. Raises RefusedValueError."""
    if (isinstance(value, (int, float)) and not isinstance(value, bool)) or (
        isinstance(value, str) and is_numeral(value)
    ):
        try:
            parsed = float(value)
        except OverflowError:  # of a whole number with hundreds of digits
            parsed = math.inf
    else:
        parsed = math.nan
    if not math.isfinite(parsed):
        raise RefusedValueError("INVALID", f"A number such as 12.5 is wanted, not {shown(value)}.")
    return parsed


def quantity(value: float) -> float:
    """Raises RefusedValueError for a quantity that nobody buys."""
    if not 0 < value <= MOST_UNITS:
        raise RefusedValueError("OUT_OF_RANGE", f"The quantity must be above 0, and {MOST_UNITS:,} at most.")
    return value


def rating(value: float) -> float:
    """Raises RefusedValueError."""
    if not 0 <= value <= 5:
        raise RefusedValueError("OUT_OF_RANGE", "A rating is between 0 and 5.")
    return value


def event_time(at: datetime, now: datetime | None = None) -> datetime:
    """A moment in which a shopper can have done something. Raises RefusedValueError."""
    if not EARLIEST <= at <= (now or datetime.now(UTC)) + CLOCK_SLACK:
        raise RefusedValueError("OUT_OF_RANGE", "The time must be between the year 1990 and now.")
    return at


def money(amount: object, currency: str) -> Money:
    """An exact amount, as it is stored. Raises RefusedValueError for one that rounding would change."""
    exact = _decimal(amount)
    checked_currency(currency)
    if not is_price(exact):
        raise RefusedValueError("OUT_OF_RANGE", "A price is 0 or more, and below a billion.")
    stored = Money.from_minor(Money(exact, currency).minor, currency)
    if stored.amount != exact:
        raise RefusedValueError("TOO_PRECISE", _too_exact(exact, stored))
    return stored


def rounded(amount: Decimal | None, currency: str) -> Decimal | None:
    """An amount that a program has computed, in the digits of its currency. What is no price comes back as it is."""
    if amount is None or not is_currency(currency) or not is_price(amount):
        return amount
    return Money.from_minor(Money(amount, currency).minor, currency).amount


def _too_exact(exact: Decimal, stored: Money) -> str:
    digits = max(-int(stored.amount.as_tuple().exponent), 0)
    text = str(exact)
    written = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
    message = f"{stored.currency} has {digits} digits after the point, and {written} has more: round it first"
    if _GROUPED.fullmatch(text):
        return f"{message}, or write {text.replace('.', '')} if its point separates thousands."
    return f"{message}."


@cache
def _currencies() -> frozenset[str]:
    return frozenset(Locale("en").currencies)


def is_currency(code: str) -> bool:
    return code in _currencies()


def checked_currency(code: str) -> str:
    """Raises RefusedValueError."""
    if not is_currency(code):
        raise RefusedValueError("INVALID", f"{shown(code)} is no currency of ISO 4217, such as USD (in capitals).")
    return code


def _decimal(amount: object) -> Decimal:
    if isinstance(amount, Decimal):
        return amount
    if isinstance(amount, bool) or not is_numeral(str(amount)):
        raise RefusedValueError("INVALID", f"A price is a decimal number such as 12.50, not {shown(amount)}.")
    try:
        return Decimal(str(amount).strip())
    except InvalidOperation as error:
        raise RefusedValueError(
            "INVALID", f"A price is a decimal number such as 12.50, not {shown(amount)}."
        ) from error


def locale(value: str) -> str:
    """A BCP 47 tag of a language that there is, as its standard writes it: "DE_at" is "de-AT". What a tag says beyond
    language, script and region is left out. Raises RefusedValueError."""
    names = Locale("en")
    found = _LOCALE.fullmatch(value.strip().replace("_", "-"))
    language, script, region = found.groups(default="") if found else ("", "", "")
    language = _languages_of_old_codes().get(language.lower(), language.lower())
    script, region = script.title(), region.upper()
    known = language in names.languages and language not in _NO_LANGUAGE
    if not known or (script and script not in names.scripts) or (region and region not in names.territories):
        message = f"{shown(value)} names no language. Write a BCP 47 tag, such as de or fr-CA."
        raise RefusedValueError("INVALID", message)
    return "-".join(filter(None, (language, script, region)))


@cache
def _languages_of_old_codes() -> dict[str, str]:
    """`iw`, which old programs send, is `he`."""
    aliases: Mapping[str, str] = get_global("language_aliases")
    return {old: new for old, new in aliases.items() if "_" not in new}


def web_address(value: str) -> str:
    """The address of a picture. Raises RefusedValueError for what a browser would run."""
    address = value.strip()
    try:
        parts = urlsplit(address)
    except ValueError:
        parts = urlsplit("")
    if len(address) > LONGEST_ADDRESS:
        raise RefusedValueError("TOO_LONG", f"An address has {LONGEST_ADDRESS:,} characters at most.")
    if parts.scheme.lower() not in {"http", "https"} or not parts.netloc or _CONTROL.search(address):
        raise RefusedValueError("INVALID", "An address begins with https:// or http:// and a host.")
    return address


def plain_text(value: str) -> str:
    """Text as shoppers read it: without tags, scripts, entities and control characters, spaces in a row made one."""
    text = _visible(value)
    for _ in range(_ESCAPED_AT_MOST):
        if not _MARKUP.search(text):
            return text
        text = _visible(_without_markup(text))
    return _visible(_MARKUP.sub(lambda found: f" {found[0][1:]}", text))


def _visible(text: str) -> str:
    text = _CONTROL.sub(" ", text)
    if not text.isascii():
        text = unicodedata.normalize("NFC", text.translate(_WITHOUT_MEANING))
    return " ".join(text.split())


def _without_markup(text: str) -> str:
    # Of nearly every description this leaves no tag: a tree of them would take twenty times as long.
    simple = text if _HIDING.search(text) else _SIMPLE_TAG.sub(" ", text)
    if "<" not in simple:
        return html.unescape(simple)
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(_NO_TAG.sub(" ", _CDATA.sub(r"\1", text)), "html.parser")
    for hidden in soup(["script", "style", "template", "noscript"]):
        hidden.decompose()
    return soup.get_text(" ")


def shown(value: object) -> str:
    """A value as an error may repeat it."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
