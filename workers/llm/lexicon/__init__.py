"""Words and phrases of the languages that texts are written in, for the check of what a model wrote."""

from __future__ import annotations

from workers.llm.lexicon.anywhere import NEVER, NEW, QUALITIES
from workers.llm.lexicon.de import GERMAN
from workers.llm.lexicon.en import ENGLISH
from workers.llm.lexicon.es import SPANISH
from workers.llm.lexicon.fr import FRENCH
from workers.llm.lexicon.lexicon import Claim, Lexicon, Unit
from workers.llm.lexicon.tr import TURKISH

__all__ = ["LEXICONS", "NEVER", "NEW", "QUALITIES", "Claim", "Lexicon", "Unit"]

LEXICONS = {lexicon.language: lexicon for lexicon in (ENGLISH, GERMAN, FRENCH, SPANISH, TURKISH)}
