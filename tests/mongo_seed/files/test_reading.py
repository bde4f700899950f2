"""Files as other programs write them: found out how they are to be read, and read record by record."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mongo_seed.files import presets
from mongo_seed.files.dataset import read_files
from mongo_seed.files.fields import RowError
from mongo_seed.files.options import ReadOptions, Table
from mongo_seed.files.presets.preset import Preset
from mongo_seed.files.refusals import RejectsFile, describe_refusals
from mongo_seed.files.rows import INTERACTIONS, PRODUCTS, InteractionParser, parse_product
from mongo_seed.files.tables import TableReader
from shop.errors import BadInputError

if TYPE_CHECKING:
    from pathlib import Path

    from mongo_seed.files.gathering import Row


def read(
    folder: Path, content: str | bytes, name: str = "p.csv", *, table: Table = PRODUCTS, **options: Any
) -> tuple[TableReader, list[Row]]:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with TableReader(path, table, ReadOptions(**options)) as reader:
        return reader, list(reader)


def values(rows: list[Row]) -> list[dict[str, Any] | None]:
    return [row.values for row in rows]


def reasons(rows: list[Row]) -> list[str]:
    return [str(row.error) for row in rows if row.error]


TEXT = 'id;name;price\r\n1;"Thé; à la menthe";3,20\r\n'
ROW = {"id": "1", "name": "Thé; à la menthe", "price": "3,20"}


@pytest.mark.parametrize(
    ("content", "description", "row"),
    [
        (TEXT.encode(), "semicolons, UTF-8", ROW),
        (TEXT.encode("utf-8-sig"), "semicolons, UTF-8", ROW),
        (TEXT.encode("latin-1"), "semicolons, Latin-1", ROW),
        (TEXT.replace("menthe", "menthe €").encode("cp1252"), "semicolons, Windows-1252", None),
        (TEXT.encode("utf-16"), "semicolons, UTF-16", ROW),
        (TEXT.encode("utf-16-le"), "semicolons, UTF-16", ROW),
        (TEXT.encode("utf-16-be"), "semicolons, UTF-16", ROW),
        (b"id\tname\r1\tOld, Mac\r", "tabs, UTF-8", {"id": "1", "name": "Old, Mac"}),
        (b"id|name\n1|Tea, green; loose\n", "pipes, UTF-8", {"id": "1", "name": "Tea, green; loose"}),
        (b'"id","name; or not"\n1,Tea\n', "commas, UTF-8", {"id": "1"}),
        (b"id\n1\n", "commas, UTF-8", {"id": "1"}),
    ],
)
def test_separator_and_encoding_are_found_out(
    tmp_path: Path, content: bytes, description: str, row: dict[str, str] | None
) -> None:
    reader, rows = read(tmp_path, content)

    assert reader.description == description
    assert values(rows) == [row or {**ROW, "name": "Thé; à la menthe €"}]


def test_a_bad_byte_spoils_no_letters(tmp_path: Path) -> None:
    """Thirty letters of UTF-8 and one byte that is none: the text is UTF-8, and the row with the byte is refused."""
    _, rows = read(tmp_path, "id,name\n1,{}\n".format("é" * 30).encode() + b"2,caf\xe9\n")

    assert values(rows) == [{"id": "1", "name": "é" * 30}, None]
    assert reasons(rows) == ["not valid UTF-8; save the file as UTF-8"]


def test_a_guessed_encoding_is_said(tmp_path: Path) -> None:
    utf8, _ = read(tmp_path, TEXT)
    guessed, _ = read(tmp_path, TEXT.encode("latin-1"))
    told, _ = read(tmp_path, TEXT.encode("latin-1"), encoding="latin-1")

    assert (utf8.guess, told.guess) == ("", "")
    assert guessed.guess == "Its encoding is a guess: does 'Thé' read well? If not, say it, as in --encoding cp1250."


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("Чай зелёный листовой", "cp1251"), ("Ελληνικά προϊόντα", "iso8859-7"), ("绿茶测试产品", "gb18030")],
)
def test_letters_of_another_code_page_are_not_stored_as_western_ones(tmp_path: Path, text: str, encoding: str) -> None:
    content = f"id,name\n1,{text}\n".encode(encoding)

    with pytest.raises(BadInputError, match=r"neither UTF-8 nor .* as in --encoding cp1251"):
        read(tmp_path, content)
    assert values(read(tmp_path, content, encoding=encoding)[1]) == [{"id": "1", "name": text}]


@pytest.mark.parametrize("text", ["12 €", "Moule à tarte", "Tee – grün", "Nº 5 ® • °", "été"])
def test_signs_and_short_words_are_western(tmp_path: Path, text: str) -> None:
    content = "id,name\n" + "".join(f"{number},{text}\n" for number in range(40))

    _, rows = read(tmp_path, content.encode("cp1252"))

    assert [row["name"] for row in values(rows) if row] == [text] * 40


def test_a_mark_that_says_replaced_is_text(tmp_path: Path) -> None:
    _, rows = read(tmp_path, "id,name\n1,caf\ufffd\n")

    assert values(rows) == [{"id": "1", "name": "caf\ufffd"}]


def test_a_text_that_ends_too_early_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="is not utf-32 text"):
        read(tmp_path, "id,name\n1,Tea\n".encode("utf-32")[:-2], encoding="utf-32")


def test_inch_signs_are_read_in_one_go(tmp_path: Path) -> None:
    """Each record is broken, and no quote ever pairs: looking ahead from each of them would never end."""
    content = "id,name\n" + 'TV 27" black,"Screen 27" wide"\n' * 30_000

    _, rows = read(tmp_path, content)

    assert len(reasons(rows)) == 30_000


def test_options_go_before_what_is_found_out(tmp_path: Path) -> None:
    reader, rows = read(
        tmp_path, "id;a,name\n1;b,Şeker\n".encode("cp1254"), separator=",", encoding="cp1254", renamed={"id": "id;a"}
    )

    assert (reader.description, values(rows)) == ("commas, cp1254", [{"id": "1;b", "name": "Şeker"}])


def test_decimal_commas_by_option(tmp_path: Path) -> None:
    content = 'id,price,name\n1,"1.299,50","a,b"\n2,"3,20",c\n3,12.50,d\n4,,e\n5,1.299,f\n6,0.500,g\n7,1299.500,h\n'

    _, rows = read(tmp_path, content, decimal_comma=True)

    assert [row.values and row.values["price"] for row in rows] == ["1299.50", "3.20", None, "", "1299", None, None]
    assert reasons(rows) == [
        f"With --decimal-comma a point groups thousands, as in 1.299,50; that of {number!r} does not."
        for number in ("12.50", "0.500", "1299.500")
    ]


@pytest.mark.parametrize(
    ("header", "options", "message"),
    [
        ("Id,name", {}, "the column 'id' is missing. Did you mean 'id' by 'Id'? Then say --map id=Id."),
        ("product,price", {}, "the column 'id' is missing. If it has another name, say --map OURS=THEIRS."),
        ("id;name;price", {"separator": ","}, "It seems to be separated by semicolons."),
        ("id,name", {"format": "shopfy"}, "There is no format 'shopfy'. Formats: auto, native, "),
    ],
)
def test_a_header_that_is_close(tmp_path: Path, header: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInputError) as error:
        read(tmp_path, f"{header}\n1,2,3\n", **options)
    assert message in error.value.message


def test_a_semicolon_header_is_never_one_strange_column(tmp_path: Path) -> None:
    with pytest.raises(BadInputError) as error:
        read(tmp_path, "\ufeffidd;name;price\n1;Tea;3\n")
    assert "Did you mean 'id' by 'idd'?" in error.value.message
    assert "idd;name" not in error.value.message


def test_columns_that_mean_nothing_are_ignored_and_said(tmp_path: Path) -> None:
    reader, rows = read(tmp_path, "id,colour,prise,,line\n1,red,3,,7\n")
    _, lines = read(tmp_path, '{"id": "1", "colour": "red"}\n{"id": "2", "size": 3}\n', "p.jsonl")

    assert values(rows) == [{"id": "1"}]
    assert reader.columns.ignored_text() == (
        "Ignored: colour, prise. Did you mean 'price' by 'prise'? Then say --map price=prise."
    )
    assert values(lines) == [{"id": "1"}, {"id": "2"}]


def test_columns_of_other_names(tmp_path: Path) -> None:
    renamed = {"user_id": "customer", "timestamp": "when", "product_sku": "article"}
    orders, stock = tmp_path / "i.csv", tmp_path / "p.jsonl"
    orders.write_text(
        "customer,article,when\nanna,T-1,1700000000\nanna,T-1-XL,1700000001\nben,cup,1700000002\n", "utf-8"
    )
    stock.write_text('{"id": "tea", "sku": "T-1", "variant_skus": "T-1-L|T-1-XL"}\n{"id": "cup"}\n', "utf-8")

    data = read_files(orders, stock, options=ReadOptions(renamed=renamed))

    assert (data.users, data.dataset.catalogue.ids) == (["anna", "ben"], ["cup", "tea"])
    assert data.dataset.interactions.items.tolist() == [1, 1, 0]
    assert [table.refused for table in data.tables] == [0, 0]


@pytest.mark.parametrize(
    ("renamed", "message"),
    [
        ({"user": "customer"}, "there is no column 'user'; write ours first. Did you mean 'user_id'?"),
        ({"rating": "stars"}, "--map rating=stars: no file has a column 'stars'."),
        ({"user_id": "client"}, "--map user_id=client names a column that is not there."),
    ],
)
def test_a_column_that_is_not_there_cannot_be_mapped(tmp_path: Path, renamed: dict[str, str], message: str) -> None:
    orders = tmp_path / "i.csv"
    orders.write_text("user_id,product_id,timestamp\n", "utf-8")
    with pytest.raises(BadInputError) as error:
        read_files(orders, options=ReadOptions(renamed=renamed))
    assert message in error.value.message


OPEN = "a quote is probably open, or one within a cell not doubled"


@pytest.mark.parametrize(
    ("content", "names", "said"),
    [
        # an open quote that no other follows takes all that is left
        ('1,"open\n2,b\n3,c\n', [], [f"the row that starts at line 2 runs to line 4, the end of the file: {OPEN}"]),
        # one that meets the quote of a sound cell ends there
        ('1,"open\n2,b\n3,"c, d"\n4,e\n', ["e"], [f"the row that starts at line 2 runs to line 4: {OPEN}"]),
        # quotes that are not doubled: the second line is text of the cell, though it looks like a row
        ('1,"a "big" cup\n2,evil"\n3,c\n', ["c"], [f"the row that starts at line 2 runs to line 3: {OPEN}"]),
        ('1,"a "big" cup"\n2,b\n', ["b"], ["not readable as CSV: ',' expected after '\"'"]),
        ('1,27" screen\n2,"27"" screen"\n', ['27" screen', '27" screen'], []),
        ('1,"two\nlines"\n', ["two\nlines"], []),
        (
            '1,"two\nlines",3\n2,b\n',
            ["b"],
            ["3 fields where the header has 2; the row that starts at line 2 runs to line 3: a quote is probably open"],
        ),
        # longer than what a reader of CSV takes by default; the lines of the cell look like rows
        ('1,"{}"\n2,b\n'.format("9,evil\n" * 40_000), ["9,evil\n" * 40_000, "b"], []),
    ],
)
def test_no_text_of_a_cell_becomes_a_row(tmp_path: Path, content: str, names: list[str], said: list[str]) -> None:
    _, rows = read(tmp_path, "id,name\n" + content)

    assert [row.values["name"] for row in rows if row.values] == names
    assert reasons(rows) == said


CELLS = st.text(st.sampled_from('ab",\n; \r'), max_size=8)


@given(cells=st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=6), quoting=st.sampled_from([0, 1]))
def test_sound_records_are_read_as_they_were_written(
    cells: list[list[str]], quoting: Literal[0, 1], tmp_path_factory: pytest.TempPathFactory
) -> None:
    written = io.StringIO()
    csv.writer(written, quoting=quoting).writerows([["id", "name"], *cells])

    _, rows = read(tmp_path_factory.mktemp("sound"), written.getvalue())

    assert [row.raw for row in rows] == cells
    assert reasons(rows) == []


def test_a_reject_keeps_what_was_read(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_bytes('id;name\n1;"Thé "chaud" ici\n2;fin"\n3;x;y\n'.encode("latin-1"))
    with TableReader(path, PRODUCTS) as reader, RejectsFile(reader) as rejects:
        for row in reader:
            rejects.add(row, row.error or RowError(""))

    lines = rejects.path.read_bytes().decode("latin-1").splitlines()
    assert lines[0] == "line;reason;id;name"
    assert lines[1].endswith(';"1;""Thé ""chaud"" ici')
    assert lines[2] == '2;fin"""'
    assert lines[3] == "4;3 fields where the header has 2;3;x;y"


def test_a_refused_product_keeps_all_its_records(tmp_path: Path) -> None:
    content = "Handle,Title,Variant SKU,Variant Price\nmug,Mug,M1,1_299.50\ncap,Cap,C1,5\nmug,,M2,5\n"

    reader, rows = read(tmp_path, content)
    with RejectsFile(reader) as rejects:
        for row in rows:
            try:
                parse_product(row.values or {})
            except RowError as error:
                rejects.add(row, error)
    mended = rejects.path.read_text("utf-8").replace("1_299.50", "1299.50")
    _, again = read(tmp_path, mended, "mended.csv")

    assert rejects.refusals.count == 1
    assert [row["variant_skus"] for row in values(again) if row] == [["M1", "M2"]]


def test_a_refused_line_of_an_order_can_be_mended_by_itself(tmp_path: Path) -> None:
    content = (
        "Name,Financial Status,Currency,Created at,Lineitem quantity,Lineitem price,Lineitem sku\n"
        "#1,paid,EUR,2024-03-15 10:20:30 +0100,1,5.00,A\n"
        "#1,,,2024-03-15 10:20:30 +0100,1_0,7.00,B\n"
    )

    _, (_, row) = read(tmp_path, content, table=INTERACTIONS)

    assert row.raw == ["#1", "paid", "EUR", "2024-03-15 10:20:30 +0100", "1_0", "7.00", "B"]


def test_where_no_rejects_file_can_be_written_rows_are_counted_all_the_same(tmp_path: Path) -> None:
    reader, (row,) = read(tmp_path, "id,name\n1,2,3\n")
    rejects = RejectsFile(reader)
    rejects.path.mkdir()
    with rejects:
        rejects.add(row, RowError("bad"))

    assert rejects.refusals.count == 1
    assert "p.rejects.csv could not be written" in rejects.problem


def test_rejects_of_an_earlier_run_are_kept(tmp_path: Path) -> None:
    (tmp_path / "p.rejects.csv").write_text("half mended")
    reader, _ = read(tmp_path, "id,name\n1,Tea\n")
    with RejectsFile(reader):
        pass

    assert (tmp_path / "p.rejects.old.csv").read_text() == "half mended"
    assert not (tmp_path / "p.rejects.csv").exists()


def test_a_reject_keeps_the_digits_of_numbers(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(
        '{"line":4,"reason":"old","id":340282366920938463463374607431768211455,"price":1.10}\n{}\n5\n', "utf-8"
    )
    with TableReader(path, PRODUCTS) as reader, RejectsFile(reader) as rejects:
        for row in reader:
            rejects.add(row, RowError("no"))

    assert rejects.path.read_text("utf-8").splitlines() == [
        '{"line":1,"reason":"no","id":340282366920938463463374607431768211455,"price":1.10}',
        '{"line":2,"reason":"no"}',
        '{"line":3,"reason":"no","row":"5"}',
    ]


def test_reasons_are_counted(tmp_path: Path) -> None:
    orders = tmp_path / "i.csv"
    rows = [f"u,p,{time},{type_}" for time, type_ in [("20240315", ""), ("1700000000", "rating"), ("20240316", "")]]
    orders.write_text("\n".join(["user_id,product_id,timestamp,type", *rows]), "utf-8")

    (table,) = read_files(orders).tables

    assert (table.rows, table.refused) == (3, 3)
    assert describe_refusals(table.refusals) == [
        "line 2 and 1 more: timestamp: 20240315 looks like a date: write 2024-03-15T00:00:00Z.",
        "line 3: rating is missing; an event of type 'rating' needs one from 0 to 5",
    ]


@pytest.mark.parametrize(
    "content", ['[\n{"id": "1"},\n{"id": "2"}\n]\n', '{\n "id": "1",\n "variants": [\n {"id": "2"}\n ]\n}\n']
)
def test_one_json_document_is_no_json_lines(tmp_path: Path, content: str) -> None:
    with pytest.raises(BadInputError, match="holds one JSON document"):
        read(tmp_path, content, "p.jsonl")


def _fake_translator() -> Any:
    seen: list[str] = []

    def translate(record: dict[str, Any]) -> list[dict[str, Any]]:
        if record["Artikel"] == "?":
            raise RowError("no Artikel")
        seen.append(record["Artikel"])
        return [{"id": part, "name": f"{part} {len(seen)}"} for part in record["Artikel"].split("+")]

    return translate


FEED = "id\ttitle\tlink\timage_link\tprice\tsize\titem_group_id\tproduct_type\tproduct_type\n"


def test_a_map_adds_to_what_a_preset_knows(tmp_path: Path) -> None:
    reader, rows = read(
        tmp_path, f"{FEED}1\tTea\thttps://a\t\t5 EUR\tL\t\tDrinks > Tea\t\n", renamed={"package_size": "size"}
    )

    assert reader.description.endswith("Google Merchant feed")
    (row,) = values(rows)
    assert row is not None
    assert (row["name"], row["package_size"]) == ("Tea", "L")
    assert row["category"] == ["Drinks", "Tea"], "of two columns of one name the one that is filled counts"


def test_a_feed_of_one_group_is_read_in_one_go(tmp_path: Path) -> None:
    lines = (f"{number}\tTea\thttps://a\t\t5 EUR\tL\tall\t\t\n" for number in range(20_000))

    _, (row,) = read(tmp_path, FEED + "".join(lines))

    assert row.values is not None
    assert len(row.values["variant_skus"]) == 20_000


def test_ids_of_other_programs_pass_the_same_rules(tmp_path: Path) -> None:
    event = {"event_name": "purchase", "event_timestamp": "1710494430123456", "items": [{"item_id": 12.0}]}
    strange = {**event, "event_timestamp": "1" * 5_000, "user_id": "u"}

    _, (float_id, long_time) = read(
        tmp_path, f"{json.dumps(event)}\n{json.dumps(strange)}\n", "i.jsonl", table=INTERACTIONS
    )
    _, (list_id,) = read(
        tmp_path,
        json.dumps({"id": "1", "title": "Tea", "link": "", "price": "5 EUR", "image_link": "", "ids": ["a"]}),
        "p.jsonl",
        renamed={"id": "ids"},
    )

    with pytest.raises(RowError, match="An id is a text or a whole number"):
        InteractionParser().parse({**(float_id.values or {}), "user_id": "u"})
    assert "event_timestamp must be microseconds" in str(long_time.error)
    with pytest.raises(RowError, match="id: A text is wanted"):
        parse_product(list_id.values or {})


def test_computed_amounts_are_rounded_to_their_currency(tmp_path: Path) -> None:
    event = {
        "event_name": "purchase",
        "event_timestamp": "1710494430123456",
        "items": [{"item_id": "a", "price_in_usd": 20.479999542236328}],
    }
    woo = "ID,Type,SKU,Name,Published,Regular price\n1,simple,A,Tea,1,16.8067\n"

    _, (bought,) = read(tmp_path, json.dumps(event), "i.jsonl", table=INTERACTIONS)
    _, (yen,) = read(tmp_path, woo, currency="JPY")
    _, (native,) = read(tmp_path, "id,price,currency\n1,1.299,EUR\n")

    assert bought.values is not None
    assert yen.values is not None
    assert native.values is not None
    assert (bought.values["price"], yen.values["price"], native.values["price"]) == ("20.48", "17", "1.299")


def test_no_option_makes_another_event_of_a_row(tmp_path: Path) -> None:
    content = "user_id,product_id,timestamp,price,quantity\nu1,p1,1780000000,5.00,1\nu1,p1,1780000000,,1\n"

    def keys(**options: Any) -> list[str]:
        parse = InteractionParser().parse
        return [parse(row.values or {}).event.key for row in read(tmp_path, content, table=INTERACTIONS, **options)[1]]

    assert keys() == keys(currency="EUR")
    assert len(set(keys())) == 2


def test_records_without_meaning_are_counted(tmp_path: Path) -> None:
    events = [{"event_name": name, "event_timestamp": "1"} for name in ("scroll", "page_view")]

    reader, rows = read(tmp_path, "\n".join(map(json.dumps, events)), "i.jsonl", table=INTERACTIONS)

    assert (rows, reader.skipped) == ([], 2)


FAKE = Preset("kasse", "Kasse export", "products", lambda names: "Artikel" in names, _fake_translator)


@pytest.mark.parametrize(("options", "title"), [({}, ", Kasse export"), ({"format": "kasse"}, ", Kasse export")])
def test_a_file_of_another_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], title: str
) -> None:
    monkeypatch.setattr(presets, "PRESETS", (FAKE,))

    reader, rows = read(tmp_path, "Artikel;Farbe\na+b;rot\n?;blau\nc;\n", **options)
    _, lines = read(tmp_path, json.dumps({"Artikel": "a+b"}), "p.jsonl", **options)

    assert reader.description == f"semicolons, UTF-8{title}"
    good = [row.values for row in rows if row.values]
    assert good == [{"id": "a", "name": "a 1"}, {"id": "b", "name": "b 1"}, {"id": "c", "name": "c 2"}]
    assert [row.raw for row in rows if row.error] == [["?", "blau"]]
    assert values(lines) == [{"id": "a", "name": "a 1"}, {"id": "b", "name": "b 1"}]


def test_native_by_option_or_by_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presets, "PRESETS", (FAKE,))
    content = "id,Artikel\n1,Tea\n"

    _, native = read(tmp_path, content, format="native")
    _, mapped = read(tmp_path, content, renamed={"name": "Artikel"})
    reader, _ = read(tmp_path, "user_id,product_id,timestamp\n", table=INTERACTIONS, format="kasse")

    assert values(native) == [{"id": "1"}]
    assert values(mapped) == [{"id": "1", "name": "Tea"}]
    assert reader.description == "commas, UTF-8", "a format of products is none of interactions"
