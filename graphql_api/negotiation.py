"""In which form and language an answer goes out: what the client accepts (RFC 9110, 12.5) of what there is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from werkzeug.datastructures import LanguageAccept, MIMEAccept
from werkzeug.http import parse_accept_header

from shop.texts.wording import WORDINGS

if TYPE_CHECKING:
    from collections.abc import Sequence

JSON = "application/json"
GRAPHQL_RESPONSE = "application/graphql-response+json"
EVENT_STREAM = "text/event-stream"
LANGUAGE_TAG = re.compile(r"[a-z]{1,8}(-[a-z0-9]{1,8})*", re.IGNORECASE | re.ASCII)


def chosen(accept: str | None, offers: Sequence[str]) -> str | None:
    """The offer of the highest quality; among equals the one that the client names first, then the first offer.

    None when no offer is acceptable. Without a header every offer is.
    """
    if not accept or not accept.strip():
        return offers[0]
    ranges = _ranges(accept)
    acceptable = {offer: ranges.quality(offer) for offer in offers if ranges.quality(offer) > 0}
    if not acceptable:
        return None
    highest = max(acceptable.values())
    best = [offer for offer, quality in acceptable.items() if quality == highest]
    named = list(ranges.values())
    return min(best, key=lambda offer: named.index(offer) if offer in named else len(named))


def names(accept: str | None, media_type: str) -> bool:
    """Whether the header names this very type, not only a range that holds it."""
    return any(name == media_type and quality > 0 for name, quality in _ranges(accept or ""))


def preferred_language(accept_language: str | None) -> str | None:
    """Of the languages that texts are written in the one that `Accept-Language` prefers; else the first that it names.

    None for a header that names none.
    """
    header = accept_language or ""
    places = {
        part.partition(";")[0].strip().lower(): place for place, part in reversed([*enumerate(header.split(","))])
    }
    # Regions do not count: there is one wording for each language. What is quoted has no place, and comes last.
    ranked = sorted(
        (-quality, places.get(tag.lower(), len(places)), tag.split("-")[0].lower())
        for tag, quality in parse_accept_header(header, LanguageAccept)
        if LANGUAGE_TAG.fullmatch(tag) and quality > 0
    )
    languages = [language for _, _, language in ranked]
    return next((language for language in languages if language in WORDINGS), next(iter(languages), None))


def _ranges(accept: str) -> MIMEAccept:
    """Without parameters such as the charset, which nothing here depends on."""
    parsed = parse_accept_header(accept, MIMEAccept)
    return MIMEAccept([(name.partition(";")[0].strip().lower(), quality) for name, quality in parsed])
