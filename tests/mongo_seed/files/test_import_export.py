"""Anybody's shop goes in and out; a bad row is named, kept aside, and stops nothing."""

from __future__ import annotations

import csv
import gzip
import json
from typing import TYPE_CHECKING, Any, TypedDict

import pytest

from mongo_seed.files.exporter import export_files
from mongo_seed.files.importer import import_files
from mongo_seed.seed import seed
from shop.errors import BadInputError
from shop.store.documents import interaction_from_document, product_from_document

if TYPE_CHECKING:
    from pathlib import Path

    from shop.entities.interactions import Interaction
    from shop.store.database import Database

PRODUCTS = """\
id,name,category,tags,price,currency
tea,Green Tea,Drinks > Tea,green|loose,3.50,EUR
cup,Cup,"[""Home > Kitchen"", ""Cups""]",,12,EUR
"""
INTERACTIONS = """\
user_id,session_id,product_id,type,timestamp,quantity,price,currency,order_id
anna,,tea,purchase,2026-05-14T09:30:00+02:00,2,3.40,EUR,o1
anna,,tea,purchase,2026-05-14T09:30:00+02:00,2,3.40,EUR,o1
ben,,tea,,1778745000,,,,
,s-1,cup,view,1778745000.5,,,,
"""


class Files(TypedDict):
    """The files of one import or export."""

    products: Path
    interactions: Path


def write(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8", newline="")
    return path


async def documents(database: Database, collection: str) -> list[dict[str, Any]]:
    """All documents by id, without what an import may set anew."""
    found = await database[collection].find().sort([("_id", 1)]).to_list(None)
    return [{**document, "updatedAt": None} for document in found]


async def events(database: Database) -> list[Interaction]:
    return [interaction_from_document(document) for document in await documents(database, "interactions")]


async def test_a_shop_from_csv(database: Database, tmp_path: Path) -> None:
    # when products and interactions are imported
    report = await import_files(
        database,
        products=write(tmp_path, "p.csv", PRODUCTS),
        interactions=write(tmp_path, "i.csv", INTERACTIONS),
    )

    # then everything is in: also both of two equal lines
    assert report.rejected == 0
    assert report.products is not None
    assert report.interactions is not None
    assert (report.products.added, report.interactions.added, report.users_added) == (2, 4, 2)
    tea = product_from_document((await documents(database, "products"))[1])
    assert (tea.name, tea.tags, tea.category_path) == ("Green Tea", ("green", "loose"), ("drinks", "drinks.tea"))
    assert tea.price is not None
    assert (str(tea.price.amount), tea.price.currency, tea.sku) == ("3.50", "EUR", "tea")
    # and what depends on it is computed: two of two buyers bought tea, nobody a cup
    assert (tea.buyer_count, tea.popularity) == (2, 1.0)
    categories = {c["_id"]: (c["name"], c["productCount"]) for c in await documents(database, "categories")}
    assert categories["drinks"] == ("Drinks", 1)
    assert categories["home-kitchen"] == ("Home > Kitchen", 1)
    session = next(event for event in await events(database) if event.actor.user_id is None)
    assert (session.actor.session_id, session.type, session.at.microsecond) == ("s-1", "view", 500_000)


async def test_importing_again_changes_nothing(database: Database, tmp_path: Path) -> None:
    files: Files = {
        "products": write(tmp_path, "p.csv", PRODUCTS),
        "interactions": write(tmp_path, "i.csv", INTERACTIONS),
    }
    await import_files(database, **files)
    before = await documents(database, "products"), await documents(database, "interactions")

    report = await import_files(database, **files)

    assert before == (await documents(database, "products"), await documents(database, "interactions"))
    assert report.products is not None
    assert report.interactions is not None
    assert (report.products.unchanged, report.interactions.unchanged) == (2, 4)
    assert report.users_added == 0
    assert report.changed_products == []


async def test_search_knows_what_an_import_has_written(database: Database, tmp_path: Path) -> None:
    await import_files(database, products=write(tmp_path, "p.csv", PRODUCTS))
    kept = await database["products"].find_one({"_id": "tea"})
    assert kept is not None
    assert kept["search"] == {
        "name": ["green", "tea"],
        "labels": ["green", "loose"],
        "exact": ["greentea", "tea"],
        "words": ["green", "tea", "loose"],
    }

    # when a later file changes the name alone
    await import_files(database, products=write(tmp_path, "names.csv", "id,name\ntea,IŞIK çayı\n"))

    kept = await database["products"].find_one({"_id": "tea"})
    assert kept is not None
    assert kept["search"]["words"] == ["isik", "cayi", "tea", "green", "loose"]


async def test_only_the_columns_that_are_there_are_changed(database: Database, tmp_path: Path) -> None:
    await import_files(database, products=write(tmp_path, "p.csv", PRODUCTS))

    # when a price list knows nothing of names, and clears one price
    prices = write(tmp_path, "prices.csv", "id,price,currency\ntea,4,EUR\ncup,,\n")
    report = await import_files(database, products=prices)

    cup, tea = [product_from_document(document) for document in await documents(database, "products")]
    assert tea.name == "Green Tea"
    assert tea.price is not None
    assert tea.price.minor == 400
    assert cup.price is None
    assert report.changed_products == ["cup", "tea"]


BAD_PRODUCTS = {
    "price,abc": "price: A price is a decimal number such as 12.50, not 'abc'.",
    "price,-1": "price: A price is 0 or more",
    "price,NaN": "price: A price is a decimal number",
    "price,1_2": "price: A price is a decimal number",
    "price,12345678901": "price: A price is 0 or more, and below a billion.",
    "currency,euro": "currency: 'euro' is no currency of ISO 4217",
    "currency,ZZZ": "currency: 'ZZZ' is no currency of ISO 4217",
    "in_stock,maybe": "in_stock: true or false is wanted",
    "rating,7": "rating: A rating is between 0 and 5.",
    "image_url,javascript:alert(1)": "image_url: An address begins with https://",
}


async def test_bad_products_are_refused_with_line_and_reason(database: Database, tmp_path: Path) -> None:
    columns = ("price", "currency", "in_stock", "rating", "image_url")
    lines = [f"id,{','.join(columns)}", "good,1,EUR,,,"]
    for number, fault in enumerate(BAD_PRODUCTS):
        column, value = fault.split(",", 1)
        row = {"price": "1", "currency": "EUR", column: value}
        lines.append(",".join([f"bad-{number}", *(row.get(name, "") for name in columns)]))

    report = await import_files(database, products=write(tmp_path, "p.csv", "\n".join(lines)))

    # the good one is in; the bad ones are in the rejects file
    assert [document["_id"] for document in await documents(database, "products")] == ["good"]
    assert report.products is not None
    assert report.products.rejects_file == tmp_path / "p.rejects.csv"
    rejected = list(csv.DictReader((tmp_path / "p.rejects.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rejected) == report.rejected == len(BAD_PRODUCTS)
    for number, (row, reason) in enumerate(zip(rejected, BAD_PRODUCTS.values(), strict=True)):
        assert (row["line"], row["id"]) == (str(number + 3), f"bad-{number}")
        assert reason in row["reason"]


async def test_bad_lines_of_csv(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_bytes(b'id,name\n1,caf\xe9\n2,"two\nlines"\n3\n,No id\n4,x,y\n\n5,Caf\xc3\xa9\n')

    report = await import_files(database, products=path)

    # then a line number is that of the file, also after a field with a line break
    assert report.products is not None
    assert report.products.refusals.first == [
        (2, "not valid UTF-8; save the file as UTF-8"),
        (5, "1 fields where the header has 2"),
        (6, "id is missing"),
        (7, "3 fields where the header has 2"),
    ]
    assert [document["name"] for document in await documents(database, "products")] == ["two lines", "Café"]
    # and bytes that could not be read are kept as they were
    assert b"caf\xe9" in (tmp_path / "p.rejects.csv").read_bytes()


BAD_EVENTS = {
    '{"user_id":"a","product_id":"tea","timestamp":1778745000,"type":"theft"}': "type: One of",
    '{"user_id":"a","product_id":"nope","timestamp":1778745000}': "no product has the id 'nope'",
    '{"product_id":"tea","timestamp":1778745000}': "user_id and session_id are both missing",
    '{"user_id":"a","product_id":"tea"}': "timestamp is missing",
    '{"user_id":"a","timestamp":1778745000}': "product_id is missing",
    '{"user_id":"a","product_id":"tea","timestamp":1778745000,"quantity":-1}': "quantity: The quantity must be above 0",
    '{"user_id":"a","product_id":"tea","timestamp":1778745000,"type":"rating"}': "rating is missing",
    '{"user_id":["a"],"product_id":"tea","timestamp":1778745000}': "user_id: A text is wanted",
    '{"user":"a","product_id":"tea","timestamp":1778745000}': "user_id and session_id are both missing",
    '{"user_id":"a"': "not valid JSON",
    "[1]": "not a JSON object",
}


async def test_bad_interactions_are_refused_with_line_and_reason(database: Database, tmp_path: Path) -> None:
    good = '{"user_id":"a","product_id":"tea","timestamp":1778745000}'
    products = write(tmp_path, "p.jsonl", '{"id":"tea"}\n')
    interactions = write(tmp_path, "i.jsonl", "\n".join([good, *BAD_EVENTS, good]))

    report = await import_files(database, products=products, interactions=interactions)

    assert len(await events(database)) == 2
    rejected = [json.loads(line) for line in (tmp_path / "i.rejects.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(rejected) == report.rejected == len(BAD_EVENTS)
    for number, (row, reason) in enumerate(zip(rejected, BAD_EVENTS.values(), strict=True), start=2):
        assert row["line"] == number
        assert reason in row["reason"]


async def test_a_mended_rejects_file_can_be_imported(database: Database, tmp_path: Path) -> None:
    await import_files(database, products=write(tmp_path, "p.csv", "id,price\ntea,abc\n"))
    rejects = tmp_path / "p.rejects.csv"
    rejects.write_text(rejects.read_text(encoding="utf-8").replace("tea,abc", "tea,3.50"), encoding="utf-8")

    report = await import_files(database, products=rejects)

    assert report.rejected == 0
    assert [document["price"]["minor"] for document in await documents(database, "products")] == [350]


async def test_a_taken_sku_is_refused(database: Database, tmp_path: Path) -> None:
    content = "id,sku\na,same\nb,same\nc,other\n"

    report = await import_files(database, products=write(tmp_path, "p.csv", content))

    assert report.products is not None
    assert (report.products.added, report.products.rejected) == (2, 1)
    assert report.products.refusals.first == [(3, "another document already has sku 'same'")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty; its first line must name the columns"),
        ("name,price\nTea,1\n", "the column 'id' is missing"),
        ("i.d;name\n1;1\n", "'id' is missing. Did you mean 'id' by 'i.d'? Then say --map id=i.d."),
        ("id,id\n1,1\n", "'id' is there twice"),
        ("id,caf\xe9\n1,\xc3\xa9\n", "not UTF-8 text"),
    ],
)
async def test_a_wrong_header_is_an_error_before_anything_is_written(
    database: Database, tmp_path: Path, content: str, message: str
) -> None:
    bad = tmp_path / "i.csv"
    bad.write_bytes(content.encode("latin-1"))
    with pytest.raises(BadInputError, match=message.replace("?", r"\?")):
        await import_files(database, products=bad)
    assert await database.list_collection_names() == []


async def test_files_that_cannot_be_read(database: Database, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"nope\.csv cannot be read: No such file"):
        await import_files(database, products=tmp_path / "nope.csv")
    with pytest.raises(BadInputError, match=r"must end in \.csv or \.jsonl"):
        await import_files(database, products=write(tmp_path, "p.xlsx", ""))
    with pytest.raises(BadInputError, match="is damaged"):
        await import_files(database, products=write(tmp_path, "p.csv.gz", "no gzip at all"))


@pytest.mark.usefixtures("read_once")
@pytest.mark.parametrize("extension", ["csv", "jsonl.gz"])
async def test_what_is_exported_can_be_imported(database: Database, tmp_path: Path, extension: str) -> None:
    # given a shop with awkward names
    await seed(database, sample=1)
    awkward = json.dumps(
        {"id": "[1]", "name": 'a "b",\r\nc\t', "category": ["A > B", "[x]"], "tags": ["a|b"], "description": " é "}
    )
    dinars = json.dumps({"id": "2", "price": 1.005, "currency": "KWD", "rating": 4.5})
    view = json.dumps({"session_id": "s", "product_id": "[1]", "timestamp": 1778745000.5, "type": "view"})
    await import_files(
        database,
        products=write(tmp_path, "awkward.jsonl", f"{awkward}\n{dinars}\n"),
        interactions=write(tmp_path, "i.jsonl", view),
    )
    names = ("products", "categories", "interactions")
    before = {name: await documents(database, name) for name in names}

    # when it is exported and imported into an empty shop
    files: Files = {"products": tmp_path / f"p.{extension}", "interactions": tmp_path / f"i.{extension}"}
    exported = await export_files(database, **files)
    for name in (*names, "users"):
        await database[name].delete_many({})
    report = await import_files(database, **files)

    # then it is the same shop
    assert report.rejected == 0
    assert {name: await documents(database, name) for name in names} == before
    assert exported.interactions == len(before["interactions"])
    # and exporting that gives the same files
    again = tmp_path / f"again.{extension}"
    await export_files(database, products=again)
    assert again.read_bytes() == files["products"].read_bytes()


async def test_an_export_that_fails_leaves_the_old_file(database: Database, tmp_path: Path) -> None:
    path = write(tmp_path, "p.csv", "old")
    await database["products"].insert_one({"_id": "not a product"})

    with pytest.raises(KeyError):
        await export_files(database, products=path)

    assert path.read_text(encoding="utf-8") == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["p.csv"]
    with pytest.raises(BadInputError, match="cannot be written"):
        await export_files(database, products=tmp_path / "no" / "p.csv")


async def test_a_gzipped_export_is_gzip(database: Database, tmp_path: Path) -> None:
    await import_files(database, products=write(tmp_path, "p.csv", PRODUCTS))
    await export_files(database, products=tmp_path / "p.jsonl.gz")

    with gzip.open(tmp_path / "p.jsonl.gz", "rt", encoding="utf-8") as file:
        assert [json.loads(line)["id"] for line in file] == ["cup", "tea"]
