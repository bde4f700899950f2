"""Exports of Shopify: several records make a product, and an order is told in its first record alone."""

from __future__ import annotations

from hashlib import sha256

from mongo_seed.files.presets.shopify_orders import SHOPIFY_ORDERS
from mongo_seed.files.presets.shopify_products import SHOPIFY_PRODUCTS
from tests.mongo_seed.files.presets.records import csv_records, outcomes, products_of, reasons_of, translated

OLDER = """
Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Value,Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price,Image Src,Status
tee,Linen Tee,"<p>Soft, ""light"" linen</p>",Nord,Apparel > Clothing > Shirts,Tops,"summer, linen",true,S,TEE-S,shopify,0,deny,29.90,,active
tee,,,,,,,,M,TEE-M,shopify,4,deny,31.90,//cdn.shop.example/m.jpg,
tee,,,,,,,,,,,,,,https://cdn.shop.example/back.jpg,
mug,Mug,,Clay,,Kitchen,,true,Default Title,MUG,,,deny,12.00,https://cdn.shop.example/mug.jpg,active
bowl,Bowl,,Clay,Uncategorized,Kitchen,,true,Default Title,BOWL,shopify,9,deny,,,draft
vase,Vase,,Clay,,,,false,Default Title,MUG,shopify,9,deny,40.00,,active
lamp,Lamp,,,,,,true,Default Title,LAMP,shopify,-3,continue,80.00,,active
rug,Rug,,,,,,true,Default Title,,shopify,0,deny,80.00,,active
"""  # noqa: E501  records are lines
NEWER = """
Title,URL handle,Description,Vendor,Product category,Type,Tags,Published on online store,Status,SKU,Option1 value,Price,Inventory tracker,Inventory quantity,Continue selling when out of stock,Product image URL
Linen Tee,tee,<p>Soft</p>,Nord,Apparel > Clothing > Shirts,Tops,summer,TRUE,Active,TEE-S,S,29.90,shopify,0,DENY,https://cdn.shop.example/s.jpg
,tee,,,,,,,,TEE-M,M,31.90,shopify,0,DENY,
Mug,mug,,,,,,TRUE,Archived,MUG,,12.00,shopify,5,DENY,
"""  # noqa: E501  records are lines
ORDERS = """
Name,Email,Financial Status,Currency,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Cancelled at
#1001,Anna@Shop.example,paid,EUR,2024-03-15 10:20:30 +0100,2,Linen Tee - M,31.90,TEE-M,
#1001,Anna@Shop.example,,,2024-03-15 10:20:30 +0100,1,Mug,12.00,MUG,
#1002,,paid,EUR,2024-03-15 11:00:00 +0100,1,Mug,12.00,MUG,
#1003,ben@shop.example,refunded,EUR,2024-03-16 10:00:00 +0100,1,Mug,12.00,MUG,
#1003,ben@shop.example,,,2024-03-16 10:00:00 +0100,1,Lamp,80.00,LAMP,
#1004,ben@shop.example,paid,EUR,2024-03-17 10:00:00 +0100,1,Mug,12.00,MUG,2024-03-18 09:00:00 +0100
#1005,anna@shop.example ,paid,EUR,2024-03-18 10:00:00 +0100,0,Mug,12.00,MUG,
#1005,anna@shop.example ,,,2024-03-18 10:00:00 +0100,1,Rug,80.00,,
#1006,anna@shop.example,paid,EUR,45384.3478,1,Mug,12.00,MUG,
"""


def test_records_of_a_handle_make_one_product() -> None:
    tee = products_of(SHOPIFY_PRODUCTS, csv_records(OLDER))["tee"]

    assert tee == {
        "id": "tee",
        "name": "Linen Tee",
        "description": '<p>Soft, "light" linen</p>',
        "brand": "Nord",
        "category": ["Apparel", "Clothing", "Shirts"],
        "tags": ["summer", "linen"],
        "image_url": "https://cdn.shop.example/m.jpg",
        "price": "29.90",
        "in_stock": True,
        "sku": "TEE-S",
        "variant_skus": ["TEE-S", "TEE-M"],
    }


def test_the_newer_header_says_the_same() -> None:
    products = products_of(SHOPIFY_PRODUCTS, csv_records(NEWER))

    assert products["tee"]["category"] == ["Apparel", "Clothing", "Shirts"]
    assert products["tee"]["variant_skus"] == ["TEE-S", "TEE-M"]
    assert products["tee"]["description"] == "<p>Soft</p>"
    assert {id_: row["in_stock"] for id_, row in products.items()} == {"tee": False, "mug": False}


def test_what_cannot_be_bought_is_not_in_stock() -> None:
    products = products_of(SHOPIFY_PRODUCTS, csv_records(OLDER))

    assert {id_ for id_, row in products.items() if not row["in_stock"]} == {"bowl", "vase", "rug"}


def test_a_type_stands_in_for_a_category_and_a_price_may_be_missing() -> None:
    products = products_of(SHOPIFY_PRODUCTS, csv_records(OLDER))

    assert products["mug"]["category"] == products["bowl"]["category"] == ["Kitchen"]
    assert products["bowl"]["price"] == ""


def test_a_sku_that_two_products_have_belongs_to_the_first() -> None:
    products = products_of(SHOPIFY_PRODUCTS, csv_records(OLDER))

    assert products["mug"]["sku"] == "MUG"
    assert products["vase"]["sku"] == "", "the id stands in"
    assert products["vase"]["variant_skus"] == ["MUG"]


def test_a_record_without_its_product_is_refused_with_the_reason() -> None:
    records = csv_records(
        "Handle,Title,Variant SKU,Variant Price,Variant Inventory Qty\n,A,1,1,1\nb,,2,1,1\nc,C,3,1,many"
    )

    reasons = reasons_of(SHOPIFY_PRODUCTS, records)

    assert "Handle is empty" in reasons[1]
    assert "No record of 'b' has a Title" in reasons[2]
    assert "A number such as 12.5 is wanted, not 'many'." in reasons[3]


def test_a_product_is_refused_with_all_its_records() -> None:
    header = "Handle,Title,Variant SKU,Variant Price,Variant Inventory Qty\n"
    records = csv_records(f"{header}mug,Mug,M1,5,1\ncap,Cap,C1,5,1\nmug,,M2,5,1_0\nmug,,M3,5,inf")

    assert reasons_of(SHOPIFY_PRODUCTS, records).keys() == {1, 3, 4}
    assert products_of(SHOPIFY_PRODUCTS, records).keys() == {"cap"}


def test_a_product_loses_the_skus_that_it_has_no_longer() -> None:
    records = csv_records("Handle,Title,Variant SKU,Variant Price\nmug,Mug,M1,5")

    mug = products_of(SHOPIFY_PRODUCTS, records)["mug"]

    assert (mug["sku"], mug["variant_skus"]) == ("M1", [])


def test_a_line_of_an_order_says_what_its_first_line_says() -> None:
    translate = SHOPIFY_ORDERS.reader()
    assert callable(translate)
    first, second = csv_records(ORDERS)[:2]
    translate(first)
    translate(second)

    assert (second["Currency"], second["Financial Status"]) == ("EUR", "paid")
    (row,) = translated(SHOPIFY_ORDERS, [second])
    assert row["currency"] == "EUR", "it can be imported by itself"


def test_lines_of_json_may_leave_out_what_is_empty() -> None:
    first, second = csv_records(ORDERS)[:2]
    filled = {name: value for name, value in second.items() if value}

    _, row = translated(SHOPIFY_ORDERS, [first, filled])

    assert (row["order_id"], row["currency"]) == ("#1001", "EUR")


def test_a_line_whose_first_line_is_missing_is_no_purchase() -> None:
    orders = csv_records(ORDERS)

    assert "The first line of order '#1003'" in outcomes(SHOPIFY_ORDERS, [*orders[:3], orders[4]])[3]


def test_each_line_of_an_order_is_a_purchase() -> None:
    first, second, *_ = translated(SHOPIFY_ORDERS, [r for r in csv_records(ORDERS) if r["Name"] < "#1005"])

    anna = "customer-" + sha256(b"anna@shop.example").hexdigest()[:32]
    assert first == {
        "product_sku": "TEE-M",
        "type": "purchase",
        "timestamp": "2024-03-15T10:20:30+01:00",
        "quantity": "2",
        "order_id": "#1001",
        "user_id": anna,
        "price": "31.90",
        "currency": "EUR",
    }
    assert (second["user_id"], second["currency"], second["order_id"]) == (anna, "EUR", "#1001")


def test_what_was_taken_back_or_is_nobodys_is_no_purchase_of_a_shopper() -> None:
    told = outcomes(SHOPIFY_ORDERS, csv_records(ORDERS))

    assert told[3] == told[4] == told[5] == told[6] == []
    (counter,) = translated(SHOPIFY_ORDERS, csv_records(ORDERS)[2:3])
    assert counter["session_id"] == "order-#1002"
    assert "user_id" not in counter
    assert "Lineitem sku is empty" in told[7]
    assert "Created at must be like 2024-03-15 10:20:30 +0100, not '45384.3478'" in told[8]


def test_no_address_goes_into_a_row() -> None:
    assert "@" not in str([rows for rows in outcomes(SHOPIFY_ORDERS, csv_records(ORDERS)) if isinstance(rows, list)])


def test_the_id_of_a_customer_is_the_user() -> None:
    records = [{**record, "Customer ID": "'7081"} for record in csv_records(ORDERS)[:2]]

    assert {row["user_id"] for row in translated(SHOPIFY_ORDERS, records)} == {"7081"}
