"""The words of a catalogue in memory: which of them somebody may have meant who typed another."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from heapq import nsmallest
from itertools import takewhile
from typing import TYPE_CHECKING

from rapidfuzz import process
from rapidfuzz.distance import OSA

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LARGEST = 100_000  # words: about 20 MB, and a look-up of 2 ms
_MOST_MEANT = 8
_MOST_BEGUN = 16
_SHORTEST_FORGIVEN = 3  # letters
_SHORTEST_BEGUN = 2


class Vocabulary:
    """Words, each with the number of products that had it when it was read."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self._counts = {word: count for word, count in counts.items() if _is_kept(word)}
        self._sorted = sorted(self._counts)
        self._by_end: dict[tuple[int, str], list[str]] = defaultdict(list)
        for word in self._sorted:
            self._note_ends(word)

    def _note_ends(self, word: str) -> None:
        for end in _ends(word):
            self._by_end[len(word), end].append(word)

    def __len__(self) -> int:
        return len(self._counts)

    def frequency(self, word: str) -> int:
        return self._counts.get(word, 0)

    def add(self, words: Iterable[str]) -> None:
        """Words of a product that has changed."""
        for word in words:
            if word not in self._counts and _is_kept(word) and len(self) < LARGEST:
                self._counts[word] = 1
                insort(self._sorted, word)
                self._note_ends(word)

    def near(self, word: str) -> list[str]:
        """Words of which a letter missed, added or changed, or two exchanged, make this one; frequent ones first."""
        if len(word) < _SHORTEST_FORGIVEN:
            return []
        lengths = range(len(word) - 1, len(word) + 2)
        # One error leaves the first letter or the last one as it is.
        choices = {near for length in lengths for end in _ends(word) for near in self._by_end.get((length, end), ())}
        found = process.extract(word, list(choices), scorer=OSA.distance, score_cutoff=1, limit=None)
        return self._frequent((near for near, _, _ in found if near != word), _MOST_MEANT)

    def beginning(self, start: str) -> list[str]:
        """Longer words that begin so; frequent ones first."""
        if len(start) < _SHORTEST_BEGUN:
            return []
        return self._frequent((word for word in self._from(start) if word != start), _MOST_BEGUN)

    def _from(self, start: str) -> Iterable[str]:
        first = bisect_left(self._sorted, start)
        following = (self._sorted[position] for position in range(first, len(self._sorted)))
        return takewhile(lambda word: word.startswith(start), following)

    def _frequent(self, words: Iterable[str], most: int) -> list[str]:
        return nsmallest(most, words, key=lambda word: (-self._counts[word], word))


def _ends(word: str) -> tuple[str, str]:
    return f"{word[0]}-", f"-{word[-1]}"


def _is_kept(word: str) -> bool:
    """Pieces of scripts without spaces have two letters at most, and numbers have no spelling."""
    return len(word) > 2 and not any(map(str.isdecimal, word))
