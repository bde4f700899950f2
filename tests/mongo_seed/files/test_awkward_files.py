"""Small files as shops really have them: what is stored, what is refused, and what is said."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from mongo_seed.files.importer import import_files
from mongo_seed.files.refusals import describe_refusals

if TYPE_CHECKING:
    from pathlib import Path

    from mongo_seed.files.importer import TableReport
    from shop.store.database import Database


async def load(
    database: Database, folder: Path, products: str | bytes, events: str | None = None, kind: str = "csv"
) -> list[TableReport]:
    """Imports what the files hold; the report of each."""
    paths = {"products": folder / f"p.{kind}", "interactions": folder / f"i.{kind}"}
    paths["products"].write_bytes(products if isinstance(products, bytes) else products.encode())
    paths["interactions"].write_bytes((events or "").encode())
    report = await import_files(
        database, products=paths["products"], interactions=paths["interactions"] if events else None
    )
    return report.tables


async def stored(database: Database, collection: str, field: str = "_id") -> list[Any]:
    return [document[field] async for document in database[collection].find().sort([("_id", 1)])]


def said(table: TableReport) -> dict[int, str]:
    """The reason of each refused line."""
    assert table.rejects_file is not None
    rows = csv.DictReader(table.rejects_file.read_text("utf-8").splitlines())
    return {int(row["line"]): row["reason"] for row in rows}


async def test_ids_beyond_64_bits_keep_their_digits(database: Database, tmp_path: Path) -> None:
    names = {2**128 - 1: "Blue mug", 2**128 - 2: "Red mug", 8437291056: "Plate", 2**64 - 1: "Bowl"}
    products = "".join(f'{{"id": {id_}, "name": "{name}"}}\n' for id_, name in names.items())
    users = (90000000000000000000001, 90000000000000000000002, "12.0")
    events = "".join(f'{{"user_id": {user}, "product_id": 8437291056, "timestamp": 1780000000}}\n' for user in users)

    stock, orders = await load(database, tmp_path, products, events, "jsonl")

    assert {document["_id"]: document["name"] async for document in database["products"].find()} == {
        str(id_): name for id_, name in names.items()
    }
    assert await stored(database, "users") == ["90000000000000000000001", "90000000000000000000002"]
    assert (stock.rejected, orders.rejected) == (0, 1)
    assert "user_id: An id is a text or a whole number, not 12.0" in orders.refusals.first[0][1]


async def test_dates_are_no_unix_seconds(database: Database, tmp_path: Path) -> None:
    times = {
        "20240315": "looks like a date: write 2024-03-15T00:00:00Z",
        "45366.5": "looks like a spreadsheet's day number: write 2024-03-15T12:00:00Z",
        "2024": "looks like a year",
        "0": "between the year 1990 and now",
        "20240315093000": "looks like a date: write 2024-03-15T09:30:00Z",
        "2024-03-15": "has no time zone",
        "15/03/2024": "RFC 3339",
        "2024-03-15 09:30:00+0000": "",
        "1710495000000": "Milliseconds? Divide them by 1000.",
        "2024-03-15T09:30:00Z": "",
        "3687888089": "between the year 1990 and now",
        "1_780_000_000": "RFC 3339",
    }
    products = "id,name,created_at\nD1,Tea,20240315\nD2,Mug,2024\n"
    events = "user_id,product_id,timestamp\n" + "".join(f"u{n},D1,{at}\n" for n, at in enumerate(times, 1))

    stock, orders = await load(database, tmp_path, products, events)

    assert await stored(database, "products") == ["D1", "D2"]
    assert all(at > datetime(2026, 1, 1, tzinfo=UTC) for at in await stored(database, "products", "createdAt"))
    assert describe_refusals(stock.left_out) == [
        "line 2: created_at: 20240315 looks like a date: write 2024-03-15T00:00:00Z.",
        "line 3: created_at: 2024 looks like a year: write a time such as 2024-05-14T09:30:00Z.",
    ]
    assert await stored(database, "interactions", "userId") == ["u10", "u8"]
    reasons = said(orders)
    assert reasons.keys() == {line for line, reason in enumerate(times.values(), 2) if reason}
    assert all(reason in reasons.get(line, "") for line, reason in enumerate(times.values(), 2))


async def test_an_open_quote_is_said_and_swallows_no_more_than_it_must(database: Database, tmp_path: Path) -> None:
    plain = "".join(f"Q{number},Plain {number},1.00\n" for number in range(3, 30))
    content = f'id,name,price\nQ1,Good,1.00\nQ2,"Screen 27 inch,2.00\n{plain}Q30,"Quoted, fine",3.00\nQ31,After,4.00\n'

    (table,) = await load(database, tmp_path, content)

    assert await stored(database, "products") == ["Q1", "Q31"]
    assert table.refusals.first[0][0] == 3
    assert "the row that starts at line 3 runs to line 31: a quote is probably open" in table.refusals.first[0][1]
    assert table.rejects_file is not None
    assert 'Q30,""Quoted, fine""' in table.rejects_file.read_text("utf-8")


async def test_numbers_are_those_of_json(database: Database, tmp_path: Path) -> None:
    products = (
        "id,price,rating\nN1,1_299.50,\nN2,١٢.٥٠,\nN3,1e3,\nN4,+4.50,\nN5,2.00,4_5\nN6,2.00,0_4\nN7,0x10,\nN8,5,4.5\n"
    )
    quantities = ("1_0", "-1", "0", "1e300", "0.333", "1000001")
    events = "user_id,product_id,timestamp,quantity\n" + "".join(f"u,N8,1780000000,{each}\n" for each in quantities)

    stock, orders = await load(database, tmp_path, products, events)

    assert await stored(database, "products") == ["N3", "N4", "N8"]
    assert said(stock).keys() == {2, 3, 6, 7, 8}
    assert await stored(database, "interactions", "quantity") == [0.333]
    assert said(orders)[4] == "quantity: The quantity must be above 0, and 1,000,000 at most."


async def test_amounts_are_stored_as_written_or_refused(database: Database, tmp_path: Path) -> None:
    prices = ["1250,JPY", "1250.50,JPY", "1.2345,KWD", "1.234,KWD", '"12,50",EUR', '"1,299.00",USD', '"1.299,00",EUR']
    prices += ["$12.50,USD", "12.50,usd", "-3.00,USD", "0,USD", "1.299,EUR", "0.001,USD", "99999999999999,USD", "1,ZZZ"]
    rows = "".join(f"P{number:02},{price}\n" for number, price in enumerate(prices, 2))

    (table,) = await load(database, tmp_path, f"id,price,currency\n{rows}")

    assert await stored(database, "products", "price") == [
        {"minor": 1250, "currency": "JPY"},
        {"minor": 1234, "currency": "KWD"},
        {"minor": 0, "currency": "USD"},
    ]
    reasons = said(table)
    assert "Is that a decimal comma? Say --decimal-comma." in reasons[6]
    assert "or write 1299 if its point separates thousands" in reasons[13]
    assert "USD has 2 digits after the point, and 0.001 has more" in reasons[14]
    assert "'ZZZ' is no currency of ISO 4217" in reasons[16]


async def test_spaces_around_ids_are_nobodys(database: Database, tmp_path: Path) -> None:
    products = 'id,name\n S1,a\nS2 ,b\nS3,c\n"S4\u00a0",d\nS5,e\ns5,f\n'
    events = "user_id,product_id,timestamp\nu1,S1,1780000000\nu1,S2,1780000001\n u1 ,S3,1780000002\nu1,S3 ,1780000003\n"
    events += 'u1,S4,1780000004\n"u\n2",S1,1780000005\n'

    stock, orders = await load(database, tmp_path, products, events)

    assert await stored(database, "products") == ["S1", "S2", "S3", "S4", "S5", "s5"]
    assert await stored(database, "users") == ["u1"]
    assert (stock.rejected, orders.added, orders.rejected) == (0, 5, 1)
    assert "user_id: An id must not hold line breaks" in orders.refusals.first[0][1]
    assert "the row that starts at line 7 runs to line 8" in orders.refusals.first[0][1]


@pytest.mark.parametrize(
    ("content", "description", "names"),
    [
        ('\ufeffid,name\r\nE1,"Käse, mild"\r\nE2,שלום 🧀\r\n'.encode(), "commas, UTF-8", ["Käse, mild", "שלום 🧀"]),
        (b"id,name\rM1,Old Mac\rM2,Old Mac 2\r", "commas, UTF-8", ["Old Mac", "Old Mac 2"]),
        ("id,name\nL1,Plain\nL2,Café\n".encode("latin-1"), "commas, Latin-1", ["Plain", "Café"]),
        ("id;name\nL1;Plain\nL2;Café\n".encode("utf-16"), "semicolons, UTF-16", ["Plain", "Café"]),
    ],
)
async def test_any_encoding_and_separator(
    database: Database, tmp_path: Path, content: bytes, description: str, names: list[str]
) -> None:
    (table,) = await load(database, tmp_path, content)

    assert (table.description, table.rejected) == (description, 0)
    assert await stored(database, "products", "name") == names


async def test_markup_is_not_stored(database: Database, tmp_path: Path) -> None:
    row = "1,<b>Green</b> tea,<p>Mild &amp; sweet<script>alert(1)</script></p>,<i>Leaf</i>,a&amp;b|<u>c</u>|c,"
    row += "Drinks > <b>Tea</b>"
    await load(database, tmp_path, f"id,name,description,brand,tags,category\n{row}\n")

    product = await database["products"].find_one({})
    assert product is not None
    texts = (product["name"], product["description"], product["brand"], product["tags"])
    assert texts == ("Green tea", "Mild & sweet", "Leaf", ["a&b", "c"])
    assert await stored(database, "categories", "name") == ["Drinks", "Tea"]


async def test_skus_of_variants_are_ids_like_others(database: Database, tmp_path: Path) -> None:
    await load(database, tmp_path, "id,sku,name,variant_skus\n1,AB  12,Tea,AB  12|a&amp;b\n")

    (document,) = [document async for document in database["products"].find()]
    assert (document["sku"], document["variantSkus"]) == ("AB  12", ["AB  12", "a&amp;b"])


async def test_events_may_name_products_by_sku(database: Database, tmp_path: Path) -> None:
    products = "id,sku,variant_skus\n1,SHIRT,SHIRT-S| SHIRT-M \n2,2,\n3,4,\n4,CUP,\n"
    events = "user_id,product_id,product_sku,timestamp\n"
    named = ("a,,SHIRT-M", "b,SHIRT,", "c,4,", "d,,4", "e,,NO", "f,NO,")
    events += "".join(f"{each},1780000000\n" for each in named)

    _, orders = await load(database, tmp_path, products, events)

    assert [(e["userId"], e["productId"]) async for e in database["interactions"].find().sort([("userId", 1)])] == [
        ("a", "1"),
        ("b", "1"),
        ("c", "4"),
        ("d", "3"),
    ]
    assert list(said(orders).values()) == [
        "no product has the SKU 'NO'; import it first",
        "no product has the id 'NO' (nor that SKU); import it first",
    ]
