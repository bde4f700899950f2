"""Categories and brands as a sentence may name them: what says nothing alone comes with its path, or not at all."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from shop.texts.sanitize import LONGEST_LABEL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shop.entities.catalog import Category

_BELOW = " › "
_WORD = re.compile(r"\w+")
# Names that are true of anything, in the languages that texts are written in.
_GENERIC = frozenset({
    "other", "others", "misc", "miscellaneous", "accessories", "accessory", "all", "assorted", "basics", "essentials",
    "extras", "general", "items", "more",
    "new", "products", "sale", "special", "specials", "sets", "set", "standard", "supplies", "unassigned",
    "uncategorized", "uncategorised", "various",
    "sonstige", "sonstiges", "andere", "anderes", "allgemein", "allgemeines", "diverse", "diverses", "verschiedenes",
    "zubehör", "alle", "neu", "neuheiten",
    "autre", "autres", "divers", "accessoires", "tout", "tous", "nouveautés", "général",
    "otro", "otros", "otra", "otras", "varios", "accesorios", "todo", "todos", "novedades",
    "diğer", "diğerleri", "çeşitli", "aksesuar", "aksesuarlar", "tümü", "hepsi", "yeni", "genel",
})  # fmt: skip
_NO_MAKER = re.compile(
    r"(?:(?:maker|manufacturer|brand|vendor|supplier|label)s?\W*(?:no\W*)?\d+"
    r"|(?:the )?(?:house|private|own|store|shop)(?:['’]s)?[ -](?:own )?(?:brand|label)s?|private|national(?: brand)?"
    r"|no[ -]?(?:name|brand)|unbranded|generic|n/?a|none|null|unknown|other|various|-+"
    r"|eigenmarke|hausmarke|ohne marke|marque (?:distributeur|maison)|sans marque|marca (?:blanca|propia)|sin marca"
    r"|markasız|özel marka)",
    re.IGNORECASE,
)


class CategoryLabels:
    """What texts call the categories of one shop."""

    def __init__(self, categories: Iterable[Category]) -> None:
        self._categories = {category.id: category for category in categories}
        self._bearers = Counter(category.name.casefold() for category in self._categories.values())

    def __iter__(self) -> Iterator[str]:
        """The names of all categories."""
        return (category.name for category in self._categories.values())

    def label(self, id_: str, beside: str = "") -> str | None:
        """The category's name, None if there is no such category.

        It comes as "Parent › Leaf" when several categories share the name, when the name is true of anything
        ("Other"), or when `beside`, a product's name, says all of it already.
        """
        category = self._categories.get(id_)
        if category is None:
            return None
        if self._bearers[category.name.casefold()] == 1 and self._speaks(category.name, beside):
            return category.name
        path = _BELOW.join(self._path(category))
        return path if len(path) <= LONGEST_LABEL else category.name

    def _path(self, category: Category) -> list[str]:
        """From the nearest category above that has a name of its own down to this one."""
        names = [category.name]
        for id_ in reversed(category.path[:-1]):
            above = self._categories.get(id_)
            if above is None or above.name.casefold() == names[0].casefold():
                continue
            names.insert(0, above.name)
            if self._speaks(above.name, ""):
                break
        return names

    @staticmethod
    def _speaks(name: str, beside: str) -> bool:
        words = set(_words(name))
        return not words <= _GENERIC and not words <= set(_words(beside))


def brand_label(brand: str) -> str:
    """The brand; empty for one that names nobody, such as "Private brand" or "Maker 12"."""
    return "" if _NO_MAKER.fullmatch(brand.strip()) else brand


def _words(text: str) -> list[str]:
    """In one case and without the ending of a plural."""
    words = _WORD.findall(text.casefold())
    return [word[:-1] if len(word) > 3 and word.endswith("s") and word not in _GENERIC else word for word in words]
