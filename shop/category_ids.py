"""Category ids are made of the names from root to leaf, so that the same tree always gets the same ids."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import lru_cache

from shop.entities.catalog import Category


def slug(name: str) -> str:
    """`Dairy & Eggs` as `dairy-eggs`; letters of every script stay, accents of Latin ones go."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    text = re.sub(r"[\W_]+", "-", unicodedata.normalize("NFKC", plain).casefold()).strip("-")
    return text or hashlib.sha256(name.encode()).hexdigest()[:8]


@lru_cache(maxsize=20_000)
def category_chain(names: tuple[str, ...]) -> tuple[Category, ...]:
    """The categories of one path, root first: "Grocery", "Cold Cereal" get `grocery` and `grocery.cold-cereal`."""
    ids: list[str] = []
    chain: list[Category] = []
    for name in names:
        parent = ids[-1] if ids else None
        ids.append(f"{parent}.{slug(name)}" if parent else slug(name))
        chain.append(Category(ids[-1], name, parent, tuple(ids)))
    return tuple(chain)
