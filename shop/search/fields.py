"""What a product's document keeps for search, derived from its other fields on every way in."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from shop.search.folding import LONGEST_WORD, key, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MOST_WORDS = 300  # of one product: those of its name, SKUs and labels, then the first ones of its description
_DESCRIPTION_CHARACTERS = 4_000
_LABEL_WORDS = 100
_LONGEST_NAME_KEY = 300


def search_fields(product: Mapping[str, Any]) -> dict[str, list[str]]:
    """Of a product's document.

    `words` are all words that find it; `name` and `labels` (brand, tags) are those of them that count more; `exact` is
    what puts it first when it is the whole search. Names of categories are not among them: a search looks these up.
    """
    skus = [product["sku"], *product.get("variantSkus", ())]
    name = _distinct(words(product["name"]))
    labels = _distinct(chain.from_iterable(map(words, (product["brand"], *product["tags"]))), _LABEL_WORDS)
    sku_keys = [key(sku)[:LONGEST_WORD] for sku in skus]
    rest = (*skus, product["packageSize"], product["description"][:_DESCRIPTION_CHARACTERS])
    return {
        "name": name,
        "labels": labels,
        "exact": _distinct((key(product["name"])[:_LONGEST_NAME_KEY], *sku_keys)),
        "words": _distinct(chain(name, sku_keys, labels, chain.from_iterable(map(words, rest)))),
    }


def _distinct(values: Iterable[str], most: int = MOST_WORDS) -> list[str]:
    return list(islice(dict.fromkeys(filter(None, values)), most))
