"""The catalogue as the recommender sees it: ids, category, brand and tag codes, prices, and filters over them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.data.ties import tie_hashes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from scoring.data.dataset import Catalogue
    from scoring.types import ItemFilter


def pack_strings(texts: Sequence[str]) -> dict[str, NDArray[Any]]:
    """UTF-8 bytes and end offsets: compact, and no pickle."""
    encoded = [text.encode() for text in texts]
    ends = np.cumsum([len(text) for text in encoded], dtype=np.int64)
    return {"bytes": np.frombuffer(b"".join(encoded), dtype=np.uint8), "ends": ends}


def unpack_strings(arrays: dict[str, NDArray[Any]], prefix: str) -> list[str]:
    data = arrays[f"{prefix}_bytes"].tobytes()
    ends = arrays[f"{prefix}_ends"].tolist()
    return [data[start:end].decode() for start, end in itertools.pairwise([0, *ends])]


@dataclass(frozen=True)
class Labels:
    """A set of labels over items (categories, brands or tags), inverted: the items of each code."""

    names: list[str]
    starts: NDArray[np.int64]  # (codes + 1,)
    items: NDArray[np.int32]  # items of code c: items[starts[c]:starts[c + 1]]

    @cached_property
    def _codes(self) -> dict[str, list[int]]:
        """Names that differ in case alone are one label to a filter."""
        codes: dict[str, list[int]] = {}
        for code, name in enumerate(self.names):
            codes.setdefault(name.casefold(), []).append(code)
        return codes

    def named(self, names: Iterable[str]) -> Iterator[tuple[str, NDArray[np.int32]]]:
        """The labels under these names, as the catalogue spells them, each with its items."""
        for name in names:
            for code in self._codes.get(name.casefold(), ()):
                yield self.names[code], self.items[self.starts[code] : self.starts[code + 1]]

    def members(self, names: Iterable[str]) -> NDArray[np.int32]:
        """The items under any of these names; unknown names have none."""
        found = [items for _, items in self.named(sorted(set(names)))]
        return np.concatenate(found) if found else np.zeros(0, dtype=np.int32)

    def to_arrays(self, prefix: str) -> dict[str, NDArray[Any]]:
        packed = {f"{prefix}_{key}": array for key, array in pack_strings(self.names).items()}
        return {**packed, f"{prefix}_starts": self.starts, f"{prefix}_items": self.items}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]], prefix: str) -> Labels:
        return cls(unpack_strings(arrays, prefix), arrays[f"{prefix}_starts"], arrays[f"{prefix}_items"])

    @classmethod
    def of(cls, labels: Sequence[Sequence[str]]) -> Labels:
        """Built from the labels of each item."""
        code_of = {name: code for code, name in enumerate(sorted({name for row in labels for name in row if name}))}
        codes = np.array([code_of[name] for row in labels for name in set(row) if name], dtype=np.int64)
        owners = np.repeat(np.arange(len(labels)), [len({name for name in row if name}) for row in labels])
        order = np.lexsort((owners, codes))
        starts = np.searchsorted(codes[order], np.arange(len(code_of) + 1)).astype(np.int64)
        return cls(list(code_of), starts, owners[order].astype(np.int32))


@dataclass(frozen=True)
class ItemIndex:
    """Product attributes as arrays of shape (items,), and the inverted labels."""

    ids: list[str]
    leaf: NDArray[np.int32]  # code of the deepest category, -1 for none
    brand: NDArray[np.int32]  # code, -1 for none
    prices: NDArray[np.float32]  # NaN for none
    ties: NDArray[np.uint32]  # hash of the id: an order among equals that does not depend on the catalogue's
    categories: Labels
    brands: Labels
    tags: Labels

    def __len__(self) -> int:
        return len(self.ids)

    def mask(self, wanted: ItemFilter) -> NDArray[np.bool_]:
        """True where a product may appear, shape (items,); a new array."""
        allowed = np.ones(len(self), dtype=bool)
        choices = ((self.categories, wanted.categories), (self.brands, wanted.brands), (self.tags, wanted.tags))
        for labels, names in choices:
            if names:
                member = np.zeros(len(self), dtype=bool)
                member[labels.members(names)] = True
                allowed &= member
        if wanted.exclude_categories:
            allowed[self.categories.members(wanted.exclude_categories)] = False
        # A comparison with NaN is false: a product without a price is in no price range.
        if wanted.min_price is not None:
            allowed &= self.prices >= wanted.min_price
        if wanted.max_price is not None:
            allowed &= self.prices <= wanted.max_price
        return allowed

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        packed = {f"ids_{key}": array for key, array in pack_strings(self.ids).items()}
        own = {"leaf": self.leaf, "brand": self.brand, "prices": self.prices, "ties": self.ties}
        labels = {"categories": self.categories, "brands": self.brands, "tags": self.tags}
        return {**packed, **own, **{k: v for name, one in labels.items() for k, v in one.to_arrays(name).items()}}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> ItemIndex:
        return cls(
            ids=unpack_strings(arrays, "ids"),
            leaf=arrays["leaf"],
            brand=arrays["brand"],
            prices=arrays["prices"],
            ties=arrays["ties"],
            categories=Labels.from_arrays(arrays, "categories"),
            brands=Labels.from_arrays(arrays, "brands"),
            tags=Labels.from_arrays(arrays, "tags"),
        )

    @classmethod
    def of(cls, catalogue: Catalogue) -> ItemIndex:
        categories, brands = Labels.of(catalogue.categories), Labels.of([(brand,) for brand in catalogue.brands])
        category_code = {name: code for code, name in enumerate(categories.names)}
        brand_code = {name: code for code, name in enumerate(brands.names)}
        leaves = [category_code.get(path[-1], -1) if path else -1 for path in catalogue.categories]
        return cls(
            ids=list(catalogue.ids),
            leaf=np.array(leaves, dtype=np.int32),
            brand=np.array([brand_code.get(brand, -1) for brand in catalogue.brands], dtype=np.int32),
            prices=np.asarray(catalogue.prices, dtype=np.float32),
            ties=tie_hashes(catalogue.ids),
            categories=categories,
            brands=brands,
            tags=Labels.of(catalogue.tags),
        )


def top_categories(catalogue: Catalogue) -> NDArray[np.int32]:
    """Code of each item's first category, shape (items,); -1 for none."""
    code = {name: number for number, name in enumerate(sorted({path[0] for path in catalogue.categories if path}))}
    return np.array([code[path[0]] if path else -1 for path in catalogue.categories], dtype=np.int32)
