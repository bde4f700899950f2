"""The product export of WooCommerce: variations find their parent, whichever comes first."""

from __future__ import annotations

from mongo_seed.files.presets.woocommerce import WOOCOMMERCE
from tests.mongo_seed.files.presets.records import csv_records, products_of, reasons_of

EXPORT = r"""
ID,Type,SKU,Name,Published,Visibility in catalog,Short description,Description,Date sale price starts,Date sale price ends,In stock?,Regular price,Sale price,Categories,Tags,Images,Parent,Brands
44,variable,HOODIE,Hoodie,1,visible,Warm.,<p>Thick\ncotton</p>,,,1,,,"Clothing, Clothing > Hoodies, Sale","warm, cotton","https://shop.example/a.jpg, https://shop.example/b.jpg",,"Nord, Sud"
45,simple,CAP,Cap,1,visible,,,,,1,16.00,12.50,Clothing,,,,
46,"simple, virtual",GIFT,Gift,-1,visible,,,,,1,20,,,,,,
47,simple,OLD,Old cap,1,visible,,,2020-01-01,2020-02-01,1,16.00,12.50,"Hats\, caps",,,,
48,simple,SECRET,Secret,1,hidden,,,,,1,5,,,,,,
60,variation,HOODIE-S,Hoodie - S,1,visible,,,,,0,45.00,,,,,HOODIE,
61,variation,,Hoodie - M,1,visible,,,,,backorder,47.00,,,,,id:44,
70,variation,TIE-R,Tie - Red,1,visible,,,,,1,9.00,,,,,TIE,
71,variable,TIE,Tie,1,visible,,,,,1,,,,,,,
"""  # noqa: E501  records are lines


def test_a_parent_has_the_price_stock_and_skus_of_its_variations() -> None:
    products = products_of(WOOCOMMERCE, csv_records(EXPORT))

    assert products["44"] == {
        "id": "44",
        "sku": "HOODIE",
        "name": "Hoodie",
        "description": "Warm.\n<p>Thick\ncotton</p>",
        "category": ["Clothing", "Hoodies"],
        "tags": ["warm", "cotton"],
        "image_url": "https://shop.example/a.jpg",
        "brand": "Nord",
        "price": "45.00",
        "in_stock": True,
        "variant_skus": ["HOODIE", "HOODIE-S", "61"],
    }
    assert products["71"]["price"] == "9.00", "its variation came first"
    assert "60" not in products


def test_a_sale_price_counts_while_the_sale_lasts() -> None:
    products = products_of(WOOCOMMERCE, csv_records(EXPORT))

    assert (products["45"]["price"], products["47"]["price"]) == ("12.50", "16.00")
    assert products["47"]["category"] == ["Hats, caps"]


def test_drafts_and_hidden_products_are_not_in_stock() -> None:
    products = products_of(WOOCOMMERCE, csv_records(EXPORT))

    assert {id_ for id_, row in products.items() if not row["in_stock"]} == {"46", "48"}


def test_what_is_malformed_is_refused_with_the_reason() -> None:
    header = "ID,Type,SKU,Name,Published,Regular price,Parent\n"

    lines = [
        ",simple,A,A,1,1,",
        "2,simple,B,,1,1,",
        "3,variation,C,C,1,1,",
        "4,variation,D,D,1,1,id:99",
        "5,subscription_variation,E,E,1,1,B",
        "6,variation,F,F,1,1,id:99",
    ]
    reasons = reasons_of(WOOCOMMERCE, csv_records(header + "\n".join(lines)))

    assert "ID is empty" in reasons[1]
    assert reasons[2] == reasons[5] == "Name is empty", "a variation shares the fate of its parent"
    assert "Parent is empty" in reasons[3]
    assert reasons[4] == reasons[6] == "The parent '99' is not in the file: import its variations with it"
