"""Reads files into a training data set, without a database, with the columns, rules and refusals of an import."""

from __future__ import annotations

from array import array
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from mongo_seed.complete_journey import reader as complete_journey
from mongo_seed.complete_journey.demo import household_id, order_id
from mongo_seed.files import fields
from mongo_seed.files.fields import RowError
from mongo_seed.files.refusals import Refusals
from mongo_seed.files.rows import INTERACTIONS, PRODUCTS, InteractionParser, event_type, parse_product
from mongo_seed.files.tables import open_tables
from scoring.data.dataset import Catalogue, Dataset
from scoring.types import EVENT_CODES, EventType
from shop.entities.catalog import Money
from shop.entities.users import Actor
from shop.services.export import NO_ORDER, in_order, key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from mongo_seed.files.options import ReadOptions
    from mongo_seed.files.tables import TableReader
    from mongo_seed.loading import Progress
    from scoring.data.dataset import Interactions

Values = dict[str, Any]

_CACHED_VALUES = 100_000  # parsed values that each column keeps
_REPORT_EVERY = 20_000


@dataclass(slots=True)
class TableSummary:
    """How a file was read, and how many of its rows were read and refused."""

    file: Path
    description: str = ""  # such as `semicolons, Latin-1`
    ignored: str = ""  # which of its columns mean nothing here, as a sentence
    rows: int = 0
    refusals: Refusals = field(default_factory=Refusals)

    @property
    def refused(self) -> int:
        return self.refusals.count


@dataclass(frozen=True, slots=True)
class FileData:
    """What the files hold, numbered as a shop numbers it. `users` names each user of the interactions: the user id, or
    else the session's; `keys` are their hashes, ascending."""

    dataset: Dataset
    users: list[str]
    keys: NDArray[np.uint64]
    tables: list[TableSummary]
    products_without_row: int  # named by interactions alone


def read_files(
    interactions: Path,
    products: Path | None = None,
    progress: Progress | None = None,
    options: ReadOptions | None = None,
) -> FileData:
    """Reads CSV or JSON lines, as in docs/data.md. Products that only interactions name have an id and nothing else.

    A bad row is counted and left out. `progress` is told (stage, bytes read, bytes in all). Raises BadInputError when a
    file as a whole is unusable.
    """
    report_progress = progress or (lambda _stage, _done, _total: None)
    tables = []
    known: dict[str, Values] = {}
    with ExitStack() as files:
        product_file, event_file = open_tables(files, [(products, PRODUCTS), (interactions, INTERACTIONS)], options)
        if product_file is not None:
            tables.append(_read(product_file, _Products(known).add, report_progress, "reading products"))
        events = _Events(known)
        if event_file is not None:
            tables.append(_read(event_file, events.add, report_progress, "reading interactions"))
    ids = sorted(known.keys() | events.products.keys())
    columns, keys = events.columns(ids)
    names = {_actor_key(*actor): actor[1] for actor in events.users}
    users = [names[key] for key in keys.tolist()]
    return FileData(Dataset(columns, _catalogue(ids, known)), users, keys, tables, len(ids) - len(known))


def read_demo() -> FileData:
    """The demo shop's data, straight from its package. Raises DataSetError where that is not installed."""
    journey = complete_journey.read_journey()
    selection = complete_journey.select(journey, None)
    documents = complete_journey.product_documents(journey, selection, 0, datetime.now(UTC))
    known = {document["_id"]: document for document in documents}
    ids, lines = sorted(known), selection.lines
    row_of = {id_: index for index, id_ in enumerate(ids)}
    items = np.array([row_of[str(number)] for number in journey.product_ids.tolist()], dtype=np.int32)[lines.product]
    households, users = np.unique(lines.household, return_inverse=True)
    baskets, orders = np.unique(lines.basket, return_inverse=True)
    ids_of = [household_id(number) for number in households.tolist()]
    user_keys = np.array([_actor_key(True, id_) for id_ in ids_of], dtype=np.uint64)
    order_keys = np.array([key_of(order_id(basket)) for basket in baskets.tolist()], dtype=np.uint64)
    rows: dict[str, NDArray[Any]] = {
        "users": user_keys[users],
        "events": np.full(len(items), EVENT_CODES[EventType.PURCHASE]),
        "orders": order_keys[orders],
        "times": lines.at // 1000,
        "quantities": lines.quantity.astype(np.float32),
    }
    columns, keys = in_order(rows, items)
    names = [ids_of[index] for index in np.argsort(user_keys).tolist()]
    return FileData(Dataset(columns, _catalogue(ids, known)), names, keys, [], 0)


def _actor_key(signed_in: bool, id_: str) -> int:
    """The hash that an export has for a user or a session."""
    return key_of((Actor(user_id=id_) if signed_in else Actor(session_id=id_)).key)


def _read(
    file: TableReader,
    add: Callable[[Mapping[str, Any]], None],
    report_progress: Callable[[str, int, int], None],
    stage: str,
) -> TableSummary:
    summary = TableSummary(file.path, file.description)
    for row in file:
        summary.rows += 1
        if summary.rows % _REPORT_EVERY == 0:
            report_progress(stage, file.position, file.size)
        if row.values is None:
            summary.refusals.add(row, row.error or RowError("no row"))
            continue
        try:
            add(row.values)
        except RowError as error:
            summary.refusals.add(row, error)
    summary.ignored = file.columns.ignored_text()
    report_progress(stage, file.size, file.size)
    return summary


class _Products:
    def __init__(self, known: dict[str, Values]) -> None:
        self._known = known

    def add(self, values: Mapping[str, Any]) -> None:
        """A later row about the same product overwrites the fields that it names."""
        row = parse_product(values)
        given = row.given
        if row.id in self._known:
            given = {**self._known[row.id], **given}
        self._known[row.id] = given


def _catalogue(ids: Sequence[str], known: Mapping[str, Values]) -> Catalogue:
    nothing: Values = {}
    rows = [known.get(id_, nothing) for id_ in ids]
    prices = [row.get("price") for row in rows]
    return Catalogue(
        ids=list(ids),
        names=[row.get("name", "") for row in rows],
        descriptions=[row.get("description", "") for row in rows],
        categories=[tuple(row.get("categoryPath", ())) for row in rows],
        brands=[row.get("brand", "") for row in rows],
        tags=[tuple(row.get("tags", ())) for row in rows],
        prices=np.array([_amount(price) if price else np.nan for price in prices], dtype=np.float32),
        ratings=np.array([row.get("rating") for row in rows], dtype=np.float32),
    )


def _ids_by_sku(known: Mapping[str, Values]) -> dict[str, str]:
    """As `CatalogStore.by_skus` finds them: an own SKU goes before a variant's, and then the first by id."""
    variants = {sku: id_ for id_ in sorted(known, reverse=True) for sku in known[id_].get("variantSkus", ())}
    return variants | {row["sku"]: id_ for id_, row in known.items() if "sku" in row}


def _amount(price: Values) -> float:
    return float(Money.from_minor(price["minor"], price["currency"]).amount)


class _CachedColumn(dict[str, Any]):
    """The parsed value of each text in a column: most texts repeat, and are parsed once."""

    def __init__(self, name: str, read: Callable[[Mapping[str, Any], str], Any]) -> None:
        super().__init__()
        self._name = name
        self._read = read

    def __missing__(self, cell: str) -> Any:
        if len(self) >= _CACHED_VALUES:
            self.clear()
        value = self[cell] = self._read({self._name: cell}, self._name)
        return value

    def of(self, values: Mapping[str, Any]) -> Any:
        """None where the cell is absent or empty. Raises RowError."""
        cell = values.get(self._name)
        if cell is None or cell == "":
            return None
        return self[cell] if type(cell) is str else self._read(values, self._name)


def _seconds(values: Mapping[str, Any], name: str) -> int | None:
    moment = fields.timestamp(values, name)
    return None if moment is None else int(moment.timestamp() // 1)


def _event_code(values: Mapping[str, Any], name: str) -> int:
    return EVENT_CODES[event_type(fields.text(values, name))]


class _Events:
    """Interactions as columns of a few bytes per event. `known` are the products that have a row."""

    def __init__(self, known: Mapping[str, Values]) -> None:
        self._known_products = known
        self._by_sku = _ids_by_sku(known)
        self.users: dict[tuple[bool, str], int] = {}  # (signed in, id)
        self.products: dict[str, int] = {}
        self._orders: dict[str, int] = {}
        self._codes, self._times, self._quantities = array("i"), array("q"), array("f")
        self._keys: set[int] = set()
        self._prices: set[str] = set()
        self._parser = InteractionParser()
        readers: dict[str, Callable[[Mapping[str, Any], str], Any]] = {
            "timestamp": _seconds,
            "type": _event_code,
            "quantity": fields.quantity,
            "rating": fields.rating,
            "product_id": self._product_by_id,
            "product_sku": self._product_by_sku,
        }
        columns = INTERACTIONS.readable
        self._cells = {name: _CachedColumn(name, readers.get(name, fields.identifier)) for name in columns}

    def _product_by_id(self, values: Mapping[str, Any], name: str) -> str:
        id_ = fields.required_identifier(values, name)
        return id_ if id_ in self._known_products else self._by_sku.get(id_, id_)

    def _product_by_sku(self, values: Mapping[str, Any], name: str) -> str:
        sku = fields.required_identifier(values, name)
        return self._by_sku.get(sku, sku)

    def add(self, values: Mapping[str, Any]) -> None:
        """Raises RowError, as the parser of an import does."""
        try:
            self._add(values)
        except RowError:
            self._parser.parse(values)  # raises the first of several reasons
            raise

    def _add(self, values: Mapping[str, Any]) -> None:
        # Price, currency and recommendation are checked as in an import, though nothing here needs them.
        cells = {name: self._cells[name].of(values) for name in values if name not in ("price", "currency")}
        self._check_price(values)
        user, at = cells.get("user_id"), cells.get("timestamp")
        product = cells.get("product_id") or cells.get("product_sku")
        actor_id = cells.get("session_id") if user is None else user
        event, quantity = cells.get("type"), cells.get("quantity")
        event = EVENT_CODES[EventType.PURCHASE] if event is None else event
        unrated = event == EVENT_CODES[EventType.RATING] and cells.get("rating") is None
        if actor_id is None or at is None or product is None or unrated:
            raise RowError("a value is missing")
        actor = (user is not None, str(actor_id))
        if (key := cells.get("key")) is not None and self._known(actor, key):
            return
        order = cells.get("order_id")
        codes = (
            self.users.setdefault(actor, len(self.users)),
            self.products.setdefault(product, len(self.products)),
            event,
            -1 if order is None else self._orders.setdefault(order, len(self._orders)),
        )
        self._codes.extend(codes)
        self._times.append(at)
        self._quantities.append(1.0 if quantity is None else quantity)

    def _check_price(self, values: Mapping[str, Any]) -> None:
        price, currency = values.get("price"), values.get("currency")
        if price is None or price == "":
            return
        price_text = f"{price!r} {currency!r}"
        if price_text not in self._prices:
            fields.money(values)
            if len(self._prices) < _CACHED_VALUES:
                self._prices.add(price_text)

    def _known(self, actor: tuple[bool, str], key: str) -> bool:
        """Whether the same event was there before: a key is unique for its user or session."""
        key_hash = hash((actor, key))
        if key_hash in self._keys:
            return True
        self._keys.add(key_hash)
        return False

    def columns(self, ids: Sequence[str]) -> tuple[Interactions, NDArray[np.uint64]]:
        """The events and the keys of their users. `ids` are the products of the catalogue in its order."""
        row_of = {id_: index for index, id_ in enumerate(ids)}
        items = np.array([row_of[id_] for id_ in self.products], dtype=np.int32)
        users = np.array([_actor_key(*actor) for actor in self.users], dtype=np.uint64)
        orders = np.array([*(key_of(order) for order in self._orders), NO_ORDER], dtype=np.uint64)
        table = np.array(self._codes, dtype=np.int32).reshape(-1, 4)
        rows: dict[str, NDArray[Any]] = {
            "users": users[table[:, 0]],
            "events": table[:, 2],
            "orders": orders[table[:, 3]],  # -1 is the last one: none
            "times": np.array(self._times, dtype=np.int64),
            "quantities": np.array(self._quantities, dtype=np.float32),
        }
        return in_order(rows, items[table[:, 1]])
