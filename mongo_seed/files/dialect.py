"""Which encoding and which separator a file has."""

from __future__ import annotations

import codecs
import csv
import re
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK = 1 << 20
_HEAD = 1 << 16
_SEPARATORS = (",", ";", "\t", "|")
_SEPARATOR_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes"}
_ENCODING_NAMES = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "iso8859-1": "Latin-1",
    "cp1252": "Windows-1252",
}
GUESSED = ("iso8859-1", "cp1252")  # when the bytes are no UTF-8
_BETWEEN_WORDS = re.compile(r"[\s,;|\"]+")
_MOST_BEYOND = 0.75  # of the letters: two of three in été
_SHORTEST_JUDGED, _JUDGED = 3, 8  # letters of a word, and of all words
_C1 = bytes(range(0x80, 0xA0))  # letters and signs in Windows-1252, nothing in Latin-1


def encoding_of(source: IO[bytes]) -> str:
    """UTF-8 unless the bytes say otherwise: UTF-16 by its mark or its zeros, else Windows-1252 or Latin-1.

    Reads all of it, and rewinds. A text of UTF-8 with a few bad bytes stays one: its other letters would be spoilt.
    """
    head = source.read(_HEAD)
    source.seek(0)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head[:4].count(0) == 2:  # a header begins with ASCII
        return "utf-16-le" if head[1] == 0 else "utf-16-be"
    letters, damaged, has_c1 = _beyond_ascii(source)
    source.seek(0)
    if damaged <= letters:
        return "utf-8-sig"
    return "cp1252" if has_c1 else "iso8859-1"


def _beyond_ascii(source: IO[bytes]) -> tuple[int, int, bool]:
    """Letters beyond ASCII if it is UTF-8, bytes that then are none, and whether there are bytes of 0x80 to 0x9F."""
    letters = damaged = 0
    has_c1 = False
    for chunk, text in _decoded(source):
        if text.isascii():
            continue
        valid = text.encode("utf-8", "ignore").decode("utf-8")
        damaged += len(text) - len(valid)
        letters += len(valid) - len(valid.encode("ascii", "ignore"))
        has_c1 = has_c1 or len(chunk.translate(None, _C1)) < len(chunk)
    return letters, damaged, has_c1


def _decoded(source: IO[bytes]) -> Iterator[tuple[bytes, str]]:
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    while chunk := source.read(_CHUNK):
        yield chunk, decoder.decode(chunk)
    yield b"", decoder.decode(b"", final=True)


def words_beyond_ascii(head: str) -> list[str]:
    """Those that have a letter beyond ASCII."""
    return [word for word in _BETWEEN_WORDS.split(head) if not word.isascii()]


def are_western(words: list[str]) -> bool:
    """Whether words with letters beyond ASCII have others too, as in Western languages; few letters are not judged.

    Text of another code page that is read as a Western one has words of such letters alone. Signs such as € are no
    letters, and words as short as à may be one such letter in any language.
    """
    spelled = ("".join(filter(str.isalpha, word)) for word in words)
    letters = "".join(word for word in spelled if len(word) >= _SHORTEST_JUDGED)
    beyond = sum(not letter.isascii() for letter in letters)
    return beyond < _JUDGED or beyond <= _MOST_BEYOND * len(letters)


def separator_of(head: str) -> str:
    """What separates the most columns in the first line, a comma when none does."""
    lines = [line for line in head.splitlines(keepends=True) if line.strip()][:1]
    return max(_SEPARATORS, key=lambda separator: len(next(csv.reader(lines, delimiter=separator), [])))


def described(separator: str, encoding: str) -> str:
    """For people, such as `semicolons, Latin-1`."""
    name = _SEPARATOR_NAMES.get(separator, f"separated by {separator!r}")
    return f"{name}, {encoding_name(encoding)}"


def encoding_name(encoding: str) -> str:
    return _ENCODING_NAMES.get(encoding, encoding)
