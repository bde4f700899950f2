"""Files of Google's programs: the Merchant feed, Analytics 4, and user events of Retail."""

from __future__ import annotations

from typing import Any

from mongo_seed.files.presets.ga4 import GA4
from mongo_seed.files.presets.google_merchant import GOOGLE_MERCHANT
from mongo_seed.files.presets.google_retail import GOOGLE_RETAIL
from tests.mongo_seed.files.presets.records import csv_records, outcomes, products_of, reasons_of, translated

FEED = """
id|title|description|link|image link|availability|price|sale price|sale price effective date|brand|google product category|product type|item group id
A-S|Shirt S|<b>Blue</b>|https://shop.example/a|https://shop.example/a.jpg|out_of_stock|12.50 EUR||||1604|Home > Shirts, Sale > Shirts|A
A-M|Shirt M||https://shop.example/a|https://shop.example/a.jpg|in_stock|13.50 EUR||||1604|Home > Shirts|A
B|Belt||https://shop.example/b|https://shop.example/b.jpg|in stock|EUR 20,00|15.00 EUR||Nord|Apparel > Belts||
C|Cap||https://shop.example/c|https://shop.example/c.jpg|preorder|20.00 EUR|15.00 EUR|2016-02-24T13:00-0800/2016-02-29T15:30-0800|Nord|178||
D|Dress||https://shop.example/d|https://shop.example/d.jpg|in stock|20.00||||178||
"""  # noqa: E501  records are lines
DETAIL = {"product": {"id": "shoe"}, "quantity": 2}


def ga4(name: str, **more: Any) -> dict[str, Any]:
    """An event as BigQuery exports it: integers are texts."""
    return {
        "event_date": "20240315",
        "event_timestamp": "1710494430123456",
        "event_name": name,
        "event_params": [{"key": "currency", "value": {"string_value": "EUR"}}],
        "user_pseudo_id": "12.34",
        "items": [{"item_id": "shoe", "price": 49.9, "quantity": "2"}],
        **more,
    }


def retail(type_: str, **more: Any) -> dict[str, Any]:
    return {"eventType": type_, "visitorId": "v1", "eventTime": "2024-03-15T09:20:30.1234Z", **more}


def test_a_feed_gives_one_product_for_each_group_at_the_price_of_today() -> None:
    records = csv_records(FEED, "|")[:-1]

    products = products_of(GOOGLE_MERCHANT, records)

    assert products["A"] == {
        "id": "A",
        "name": "Shirt S",
        "description": "<b>Blue</b>",
        "brand": "",
        "image_url": "https://shop.example/a.jpg",
        "category": ["Home", "Shirts"],
        "price": "12.50",
        "currency": "EUR",
        "in_stock": True,
        "sku": "A-S",
        "variant_skus": ["A-S", "A-M"],
    }
    assert (products["B"]["price"], products["B"]["category"]) == ("15.00", ["Apparel", "Belts"])
    assert (products["C"]["price"], products["C"]["category"], products["C"]["in_stock"]) == ("20.00", [], True)


def test_a_price_without_a_currency_is_refused() -> None:
    (told,) = reasons_of(GOOGLE_MERCHANT, csv_records(FEED, "|")).values()

    assert told == "price must be an amount with its currency such as 12.50 EUR, not '20.00'"


def test_an_event_of_analytics_is_one_for_each_item() -> None:
    (event,) = translated(
        GA4, [ga4("purchase", user_id="anna", ecommerce={"transaction_id": "T-1", "purchase_revenue": 99.8})]
    )

    assert event == {
        "type": "purchase",
        "timestamp": 1710494430.123456,
        "user_id": "anna",
        "session_id": "12.34",
        "order_id": "T-1",
        "product_id": "shoe",
        "quantity": "2",
        "price": "49.9",
        "currency": "EUR",
    }


def test_events_of_analytics_that_mean_something_here() -> None:
    names = ("view_item", "select_item", "add_to_cart", "add_to_wishlist", "purchase", "page_view", "scroll", "refund")

    told = {name: [row["type"] for row in translated(GA4, [ga4(name)])] for name in names}

    assert told == {
        "view_item": ["view"],
        "select_item": ["click"],
        "add_to_cart": ["click"],
        "add_to_wishlist": ["like"],
        "purchase": ["purchase"],
        "page_view": [],
        "scroll": [],
        "refund": [],
    }
    assert translated(GA4, [ga4("view_item", items=[]), ga4("view_item", items=[{"item_id": "(not set)"}])]) == []


def test_without_a_currency_the_price_in_dollars_counts() -> None:
    items = [{"item_id": "a", "price": 5, "price_in_usd": 5.5}, {"item_id": "b", "price": 5}]

    dollars, none = translated(GA4, [ga4("view_item", event_params=[], items=items)])

    assert (dollars["price"], dollars["currency"]) == ("5.5", "USD")
    assert "price" not in none


def test_a_malformed_event_of_analytics_is_refused() -> None:
    no_name, no_time, no_list = outcomes(
        GA4, [ga4(""), ga4("purchase", event_timestamp="yesterday"), ga4("purchase", items={"item_id": "a"})]
    )

    assert "event_name is missing" in no_name
    assert "event_timestamp must be microseconds since 1970, not 'yesterday'" in no_time
    assert "items must be a list of objects" in no_list


def test_user_events_of_retail() -> None:
    bought = retail(
        "purchase-complete",
        userInfo={"userId": "anna"},
        productDetails=[DETAIL, {"product": {"id": "sock", "priceInfo": {"price": 4.5, "currencyCode": "EUR"}}}],
        purchaseTransaction={"id": "T-1", "revenue": 104.3, "currencyCode": "EUR"},
    )

    shoe, sock, view, cart = translated(
        GOOGLE_RETAIL,
        [
            bought,
            retail("detail-page-view", productDetails=[DETAIL]),
            retail("add-to-cart", productDetails=[DETAIL]),
            retail("search", searchQuery="shoes"),
            retail("home-page-view"),
        ],
    )

    assert shoe == {
        "type": "purchase",
        "timestamp": "2024-03-15T09:20:30.1234Z",
        "user_id": "anna",
        "session_id": "v1",
        "order_id": "T-1",
        "product_id": "shoe",
        "quantity": "2",
    }
    assert (sock["price"], sock["currency"]) == ("4.5", "EUR")
    assert (view["type"], cart["type"]) == ("view", "click")
    assert "user_id" not in view


def test_a_malformed_user_event_is_refused() -> None:
    no_type, no_product = outcomes(GOOGLE_RETAIL, [retail(""), retail("add-to-cart", productDetails=[{"quantity": 1}])])

    assert "eventType is missing" in no_type
    assert "productDetails has no product.id" in no_product
