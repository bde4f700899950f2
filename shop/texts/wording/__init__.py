"""The sentences of the template writer, a module for each language."""

from __future__ import annotations

from shop.texts.wording.de import GERMAN
from shop.texts.wording.en import ENGLISH
from shop.texts.wording.es import SPANISH
from shop.texts.wording.fr import FRENCH
from shop.texts.wording.tr import TURKISH
from shop.texts.wording.wording import Wording

__all__ = ["WORDINGS", "Wording", "is_written", "text_language", "wording_for"]

WORDINGS = {wording.language: wording for wording in (ENGLISH, GERMAN, FRENCH, SPANISH, TURKISH)}


def text_language(tag: str) -> str:
    """The language in which texts for a BCP 47 tag are written: its own if it is one of WORDINGS, else English.

    For models too: the check of what they write knows these languages and no others.
    """
    return _language(tag) if is_written(tag) else "en"


def is_written(tag: str) -> bool:
    """Whether texts come in the language of this BCP 47 tag."""
    return _language(tag) in WORDINGS


def _language(tag: str) -> str:
    return tag.lower().replace("_", "-").split("-")[0]


def wording_for(tag: str) -> Wording:
    return WORDINGS[text_language(tag)]
