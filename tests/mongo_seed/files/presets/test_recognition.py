"""Each program's file is told by its header, and no file is taken for two programs."""

from __future__ import annotations

import pytest

from mongo_seed.files.presets import PRESETS
from mongo_seed.files.rows import INTERACTIONS, PRODUCTS

HEADERS = {
    "Shopify products export": "Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,"
    "Option1 Value,Variant SKU,Variant Inventory Qty,Variant Price,Image Src,Image Position,Status",
    "Shopify orders export": "Name,Email,Financial Status,Paid at,Currency,Created at,Lineitem quantity,"
    "Lineitem name,Lineitem price,Lineitem sku,Billing Name,Id,Tags,Vendor",
    "WooCommerce product export": "ID,Type,SKU,Name,Published,Short description,Description,In stock?,Stock,"
    "Sale price,Regular price,Categories,Tags,Images,Parent,Brands",
    "Google Merchant feed": "id,title,description,link,image_link,availability,price,brand",
    "Google Analytics 4 events": "event_date,event_timestamp,event_name,user_pseudo_id,items",
    "Google Retail user events": "eventType,visitorId,eventTime,productDetails",
    "Amazon Personalize interactions": "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE",
    "Amazon Personalize items": "ITEM_ID,PRICE,CATEGORY_L1,CREATION_TIMESTAMP",
}
VARIANTS = {
    "Shopify products export": "Title,URL handle,Description,Vendor,Product category,Type,Tags,"
    "Published on online store,Status,SKU,Price,Inventory quantity,Product image URL",
    "Google Merchant feed": "ID,Title,Link,Image Link,Price",
}


@pytest.mark.parametrize(("title", "header"), [*HEADERS.items(), *VARIANTS.items()])
def test_a_header_belongs_to_one_program(title: str, header: str) -> None:
    names = frozenset(header.split(","))

    assert [preset.title for preset in PRESETS if preset.recognises(names)] == [title]


@pytest.mark.parametrize(
    "names", [PRODUCTS.columns, INTERACTIONS.columns, ("user_id", "item_id", "timestamp"), ("id", "title", "price")]
)
def test_plain_files_belong_to_none(names: tuple[str, ...]) -> None:
    assert [preset.title for preset in PRESETS if preset.recognises(frozenset(names))] == []


def test_a_name_stands_for_one_preset_of_each_table() -> None:
    assert len({(preset.name, preset.table) for preset in PRESETS}) == len(PRESETS)
