"""Data sets of Amazon Personalize."""

from __future__ import annotations

from mongo_seed.files.presets.personalize import PERSONALIZE_EVENTS, PERSONALIZE_ITEMS
from tests.mongo_seed.files.presets.records import csv_records, outcomes, translated

EVENTS = """
USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE
anna,shoe,1710494430,Purchase,
anna,sock,1710494431,View,
ben,shoe,1710494432,rating,4.5
ben,shoe,1710494433,StreamStarted,
"""
ITEMS = """
ITEM_ID,PRICE,CATEGORY_L1,CATEGORY_L2,PRODUCT_DESCRIPTION,CREATION_TIMESTAMP
shoe,49.90,Footwear,Shoes|Sale,A <b>red</b> shoe,1700000000
,1,Footwear,,,1700000000
"""


def test_interactions() -> None:
    purchase, view, rating = translated(PERSONALIZE_EVENTS, csv_records(EVENTS))

    assert purchase == {"user_id": "anna", "product_id": "shoe", "type": "purchase", "timestamp": "1710494430"}
    assert view["type"] == "view"
    assert (rating["type"], rating["rating"]) == ("rating", "4.5")


def test_interactions_without_a_type_are_purchases() -> None:
    (row,) = translated(PERSONALIZE_EVENTS, csv_records("USER_ID,ITEM_ID,TIMESTAMP\nanna,shoe,1710494430"))

    assert row["type"] == "purchase"


def test_items() -> None:
    shoe, refused = outcomes(PERSONALIZE_ITEMS, csv_records(ITEMS))

    assert shoe == [
        {
            "id": "shoe",
            "price": "49.90",
            "category": ["Footwear", "Shoes"],
            "description": "A <b>red</b> shoe",
            "created_at": "1700000000",
        }
    ]
    assert refused == "ITEM_ID is empty"
