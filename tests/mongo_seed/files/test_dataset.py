"""Files read for training: the same rows are taken and refused, for the same reasons, as by an import."""

from __future__ import annotations

import csv
import gzip
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mongo_seed.files.dataset import read_files
from mongo_seed.files.fields import RowError
from mongo_seed.files.rows import INTERACTIONS, InteractionParser
from scoring.types import EVENT_CODES
from shop.errors import BadInputError

if TYPE_CHECKING:
    from pathlib import Path

    from shop.entities.interactions import Interaction

CELLS = {
    "user_id": ["anna", " ben\u00a0", "ben", "", " ", "x" * 201],
    "session_id": ["", "s1", "anna"],
    "product_id": ["tea", "cup", "", "  "],
    "type": ["", "purchase", " Click ", "rating", "bought"],
    "timestamp": ["1700000000", "1700000000.9", "2026-05-14T09:30:00Z", "2026-05-14T09:30:00", "20240315", "1e12", ""],
    "quantity": ["", "2", "0.5", "0", "1_0", "many"],
    "price": ["", "1.50", "-2", "nan", "1,5"],
    "currency": ["", "EUR", "eur"],
    "order_id": ["", "o1", "o2"],
    "recommendation_id": ["", "r1", "x" * 201],
    "rating": ["", "4", "5.5"],
    "key": ["", "k1", "k2"],
}
ROWS = st.lists(st.fixed_dictionaries({name: st.sampled_from(cells) for name, cells in CELLS.items()}), max_size=25)


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, INTERACTIONS.columns)
        writer.writeheader()
        writer.writerows(rows)
    return path


@given(rows=ROWS)
def test_rows_are_taken_and_refused_as_by_an_import(
    rows: list[dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = read_files(write(tmp_path_factory.mktemp("rows") / "i.csv", rows))

    parser = InteractionParser()
    events: dict[tuple[str, str], Interaction] = {}
    refused = []
    for line, row in enumerate(rows, start=2):
        try:
            event = parser.parse(row).event
        except RowError as error:
            refused.append((line, str(error)))
        else:
            events.setdefault((event.actor.key, event.key), event)
    table, columns = data.tables[0], data.dataset.interactions
    assert (table.rows, table.refused) == (len(rows), len(refused))
    assert table.refusals.first == refused[:5]
    read = zip(
        [data.users[user] for user in columns.users.tolist()],
        [data.dataset.catalogue.ids[item] for item in columns.items.tolist()],
        columns.events.tolist(),
        columns.times.tolist(),
        columns.quantities.tolist(),
        strict=True,
    )
    expected = [
        (
            event.actor.user_id or event.actor.session_id,
            event.product_id,
            EVENT_CODES[event.type],
            int(event.at.timestamp()),
            event.quantity,
        )
        for event in events.values()
    ]
    assert sorted(read) == sorted(expected)
    assert columns.n_users == len({event.actor.key for event in events.values()})
    orders = {event.order_id for event in events.values()} - {None}
    assert len(np.unique(columns.orders[columns.orders >= 0])) == len(orders)


def test_products_meet_their_interactions(tmp_path: Path) -> None:
    products, events = tmp_path / "p.jsonl", tmp_path / "i.jsonl.gz"
    products.write_text(
        '{"id": "tea", "name": "Green Tea", "category": ["Drinks", "Tea"], "tags": "bio|leaf", "price": 3.5}\n'
        '{"id": "cup", "price": "a lot"}\n{"id": "tea", "brand": "Leaf"}\n',
        encoding="utf-8",
    )
    rows = [{"session_id": "s", "product_id": "pot", "timestamp": 1700000000, "type": "view"}]
    rows += [{"user_id": "s", "product_id": "tea", "timestamp": "2023-11-14T22:13:20Z"}]
    with gzip.open(events, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)

    data = read_files(events, products)

    catalogue = data.dataset.catalogue
    assert catalogue.ids == ["pot", "tea"]
    assert (catalogue.names, catalogue.brands) == (["", "Green Tea"], ["", "Leaf"])
    assert catalogue.categories == [(), ("drinks", "drinks.tea")]
    assert catalogue.tags == [(), ("bio", "leaf")]
    assert np.isnan(catalogue.prices[0])
    assert catalogue.prices[1] == pytest.approx(3.5)
    assert data.products_without_row == 1
    assert data.tables[0].refusals.first[0][0] == 2
    # A session and a user of one name are two people.
    assert data.dataset.interactions.n_users == 2
    assert data.dataset.interactions.times.tolist() == [1700000000, 1700000000]


def test_a_file_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="No such file"):
        read_files(tmp_path / "no.csv")
    wrong = tmp_path / "i.csv"
    wrong.write_text("user,product_id,timestamp\n", encoding="utf-8")
    with pytest.raises(BadInputError, match="Did you mean 'user_id'"):
        read_files(wrong)
