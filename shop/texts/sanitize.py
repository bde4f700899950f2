"""Untrusted names from a catalogue or a shopper, made safe to stand inside a sentence.

Markup, hidden characters and line breaks are removed, and the length is bounded. A name that is a link, an instruction
or an advertisement is not repeated at all.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

LONGEST_NAME, LONGEST_LABEL = 80, 60  # characters
_MARKUP = re.compile(r"<[^<>]*>?|[*_`#|\\{}\[\]]+|&(?:#\w+|\w+);")
# Controls, format characters (bidi marks, zero width), private use, unassigned, line and paragraph separators.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

LINK = re.compile(
    r"\w+:/|\bwww\b|\w@\w|\w\s*[\[({]\s*(?:dot|\.)\s*[\])}]\s*\w|\bdot (?:com|net|org|io)\b"
    r"|[^\W\d_][\w-]*\.(?:[a-z]{2,3}|shop|store|info|site|online|link)(?:\b|/)",
    re.IGNORECASE,
)
# Instructions to a model that repeats the text, and advertisements to its reader, in the languages served.
_INSTRUCTIONS = (
    r"\b(?:ignor\w*|disregard|override|vergiss|missachte|oublie[zr]?|olvida\w*|unutun?|yok say\w*)\b"
    r"|\b(?:system|assistant|user|human)\s*:|\b(?:prompts?|instructions?|anweisung\w*|instruccion\w*|talimat\w*)\b"
    r"|\byou are now\b|\bpretend\b|\bact as\b|\bas an ai\b"
    r"|\b(?:du bist jetzt|du bist nun|tu es maintenant|ahora eres|eres ahora|artık sen)\b"
    r"|\b(?:say|write|tell|claim|mention|reply|answer|respond|repeat|reveal|translate)\b.{0,20}"
    r"\b(?:that|this|it|them|with|in|your|the)\b"
    r"|\b(?:sage?|schreibe?|antworte|behaupte|erwähne)\b.{0,20}\bdass\b"
    r"|\b(?:dis|dites|écris|écrivez|réponds|répondez|affirme[zr]?)\b.{0,20}\bqu(?:e\b|['’])"
    r"|\b(?:di|diga|escrib[ea]|responde|afirma)\b.{0,20}\bque\b|\b(?:söyle(?:yin)?|yazın|cevap ver\w*|de ki)\b"
)
_ADVERTISEMENTS = (
    r"\d\s?%\s?(?:off|discount|rabatt|günstiger|de réduction|de descuento)"
    r"|\b(?:discount\w*|coupon\w*|promo\w*|gutschein\w*|rabatt\w*|réduction\w*|descuento\w*|cup[oó]n\w*|indirim\w*)\b"
    r"|\b(?:for free|is free|are free|all free|free (?:shipping|delivery|gift|today)|kostenlos\w*|gratuit\w*|gratis)\b"
    r"|\b(?:bedava|ücretsiz\w*)\b"
    r"|\b(?:cures|heals|heilt|guérit|cura el|tedavi eder)\b"
    r"|\b(?:click here|visit us|call now|buy now|order now|act now|hurry|klicken|cliquez|haz clic|tıkla\w*)\b"
)
_HOSTILE = re.compile(f"{_INSTRUCTIONS}|{_ADVERTISEMENTS}", re.IGNORECASE)
_SEVERAL_SENTENCES = re.compile(r"[!?]\s*\w|[^\W\d_]{4,}[.;]\s+\w+\s+\w+")


def sanitize(text: str, longest: int = LONGEST_NAME) -> str:
    """On one line, without markup and hidden characters, cut at a word when it is longer."""
    seen = _MARKUP.sub(" ", visible(text))
    clean = " ".join(seen.split())
    if len(clean) <= longest:
        return clean
    cut = clean[: longest - 1]
    return f"{cut.rsplit(' ', 1)[0] if ' ' in cut[longest // 2 :] else cut}…"


@lru_cache(maxsize=20_000)
def safe_name(text: str, longest: int = LONGEST_NAME) -> str:
    """The name as a sentence may hold it; empty for a link, an instruction or an advertisement."""
    name = sanitize(text, longest)
    folded = unicodedata.normalize("NFKC", visible(text))
    if any(pattern.search(folded) for pattern in (LINK, _HOSTILE, _SEVERAL_SENTENCES)) or mixes_scripts(folded):
        return ""
    return name if any(char.isalnum() for char in name) else ""


def visible(text: str) -> str:
    """Without invisible characters, by which one word can be hidden in another."""
    spaced = "".join(" " if char.isspace() else char for char in text)
    return "".join(char for char in spaced if unicodedata.category(char) not in _HIDDEN)


def has_hidden_characters(text: str) -> bool:
    """Whether the text has an invisible character other than white space."""
    return any(unicodedata.category(char) in _HIDDEN for char in text if not char.isspace())


def mixes_scripts(text: str) -> bool:
    """Whether one word mixes Latin with letters that only look Latin."""
    return any(len({_script(char) for char in word} - {""}) > 1 for word in re.findall(r"\w+", text))


@lru_cache(maxsize=4_000)
def _script(char: str) -> str:
    """LATIN, GREEK, CYRILLIC and the like; "" for the rest: Japanese, say, is written in several at once."""
    script = unicodedata.name(char, "").split(" ")[0]
    return script if script in {"LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "CHEROKEE"} else ""
