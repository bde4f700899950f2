"""What the check must know of a language: its function words, its number words, and its phrases that need evidence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_WORD = re.compile(r"[^\W\d_]+")


class Claim(StrEnum):
    """A statement that only evidence of some kinds can carry."""

    BOUGHT = "BOUGHT"  # the shopper bought something
    VIEWED = "VIEWED"
    LIKED = "LIKED"
    ACTED = "ACTED"  # searched, clicked, rated, saved: no evidence is about these
    STATED = "STATED"  # the shopper said so
    PERSONAL = "PERSONAL"  # it fits this shopper
    TREND = "TREND"
    POPULAR = "POPULAR"
    OFTEN = "OFTEN"
    USUAL = "USUAL"  # the shopper has a rhythm or a habit
    LIKE_YOU = "LIKE_YOU"  # shoppers like this one
    OTHERS = "OTHERS"  # other shoppers
    SHOP_CHOICE = "SHOP_CHOICE"


class Unit(StrEnum):
    """What a number may be of, where only some numbers are."""

    PEOPLE = "people"
    DAYS = "days"
    WEEKS = "weeks"
    MONTHS = "months"
    YEARS = "years"


@dataclass(frozen=True)
class Written:
    """A number in words: its text, value and end, and whether it is ambiguous ("one" is also a pronoun)."""

    text: str
    value: float
    end: int
    ambiguous: bool = False


@dataclass(frozen=True)
class Lexicon:
    """`numbers` are the words with a value; those of `ambiguous` count only beside another, or before a unit."""

    language: str
    function_words: frozenset[str]
    numbers: Mapping[str, float]
    ambiguous: frozenset[str]
    units: Mapping[Unit, str]
    claims: Mapping[Claim, str]
    joiner: str = ""  # the word inside "three hundred and twelve"
    compounds: bool = False  # whether numbers are written in one word: "dreihundertzwölf", "dreifach"
    polite: frozenset[str] = frozenset()  # capital words that are no names; empty where all nouns are capital
    capital_nouns: bool = False

    @cached_property
    def patterns(self) -> tuple[tuple[Claim, re.Pattern[str]], ...]:
        return tuple((claim, re.compile(pattern, re.IGNORECASE)) for claim, pattern in self.claims.items())

    def unit_after(self, text: str) -> Unit | None:
        """The unit that the text begins with, one word before it or none."""
        match = self._units.match(text)
        return Unit(match.lastgroup) if match and match.lastgroup else None

    @cached_property
    def _units(self) -> re.Pattern[str]:
        names = "|".join(f"(?P<{unit}>{pattern})" for unit, pattern in self.units.items())
        times = r"times|mal|fois|veces|kez|kat\w*"
        return re.compile(rf"[\s-]*(?:(?!{times})[^\W\d_]+\s+)?(?:{names})\b", re.IGNORECASE)

    def written_numbers(self, text: str) -> Iterator[Written]:
        """Each number in words."""
        run: list[re.Match[str]] = []
        for match in _WORD.finditer(text):
            joined = bool(run) and not text[run[-1].end() : match.start()].strip(" -\u00a0")
            if joined and match[0].lower() == self.joiner:
                run.append(match)
                continue
            if run and not (joined and self._atoms(match[0])):
                yield from self._from_run(text, run)
                run = []
            if self._atoms(match[0]):
                run.append(match)
        if run:
            yield from self._from_run(text, run)

    def _from_run(self, text: str, run: list[re.Match[str]]) -> Iterator[Written]:
        words = [match for match in run if match[0].lower() != self.joiner]
        ambiguous = len(words) == 1 and words[0][0].lower() in self.ambiguous
        atoms = [atom for match in words for atom in self._atoms(match[0])]
        if ambiguous or sum(atoms) > 1 or atoms == [0.5]:
            end = words[-1].end()
            yield Written(text[words[0].start() : end].lower(), _sum(atoms), end, ambiguous)

    def _atoms(self, word: str) -> list[float]:
        word = word.lower()
        if word in self.numbers:
            return [self.numbers[word]]
        if self.compounds and (match := self._compound.fullmatch(word)):
            return [self.numbers[part] for part in self._part.findall(match[1]) if part != "und"]
        return []

    @cached_property
    def _part(self) -> re.Pattern[str]:
        return re.compile("|".join(sorted([*self.numbers, "und"], key=len, reverse=True)))

    @cached_property
    def _compound(self) -> re.Pattern[str]:
        atoms = "|".join(sorted(self.numbers, key=len, reverse=True))
        return re.compile(rf"((?:{atoms})(?:und)?(?:{atoms}|und)*)(?:mal\w*|fach\w*)?")


def _sum(atoms: list[float]) -> float:
    total = current = 0.0
    for atom in atoms:
        if atom >= 1000:
            total, current = total + max(current, 1) * atom, 0
        elif atom == 100:
            current = max(current, 1) * 100
        elif atom == 20 and current % 100 == 4:
            current += 76  # quatre-vingts
        else:
            current += atom
    return total + current
