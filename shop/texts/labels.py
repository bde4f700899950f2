"""Categories, brands and products as a sentence may name them: what says nothing alone comes with its path, or not at
all."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from shop.texts.sanitize import LONGEST_LABEL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shop.entities.catalog import Category

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
    r"(?:(?:maker|manufacturer|vendor|supplier)s?\W*(?:no\W*)?\d+|(?:brand|label)\W*no\W*\d+"
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
        above = self._above(category, beside)
        path = f"{above} › {category.name}" if above else category.name
        return path if len(path) <= LONGEST_LABEL else category.name

    def _above(self, category: Category, beside: str) -> str | None:
        """The name of the nearest category above that adds something, else of the nearest that is called otherwise."""
        above = [self._categories[id_].name for id_ in reversed(category.path[:-1]) if id_ in self._categories]
        others = [name for name in above if name.casefold() != category.name.casefold()]
        return next((name for name in others if self._speaks(name, beside)), others[0] if others else None)

    @staticmethod
    def _speaks(name: str, beside: str) -> bool:
        words = set(_words(name))
        return not words <= _GENERIC and not words <= set(_words(beside))


def brand_label(brand: str) -> str:
    """The brand; empty for one that names nobody, such as "Private brand" or "Maker 12"."""
    return "" if _NO_MAKER.fullmatch(brand.strip()) else brand


def product_label(name: str) -> str:
    """The name without a brand in brackets that names nobody: "Gala Apples (Maker 2, no. 6)" is "Gala Apples"."""
    plain, opened, aside = name.rstrip(" )").rpartition(" (")
    named = aside.split(",")[0]
    return plain if opened and name.endswith(")") and not brand_label(named) else name


def _words(text: str) -> list[str]:
    """In one case and without the ending of a plural."""
    words = _WORD.findall(text.casefold())
    return [word[:-1] if len(word) > 3 and word.endswith("s") and word not in _GENERIC else word for word in words]
