"""Exports of a Shopify shop that never was, with all that is awkward in real ones; the same for the same seed.

By hand: `python -m tests.mongo_seed.files.shopify_export FOLDER [PRODUCTS]`.
"""

from __future__ import annotations

import csv
import random
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

NO_BREAK_SPACE = "\u00a0"
LATEST = datetime(2024, 6, 1, tzinfo=UTC)

_PRODUCT_HEADER = (
    "Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,Variant SKU,"
    "Variant Grams,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price,Image Src,"
    "Image Position,Gift Card,SEO Title,Status"
)
_ORDER_HEADER = (
    "Name,Email,Financial Status,Paid at,Currency,Subtotal,Total,Created at,Lineitem quantity,Lineitem name,"
    "Lineitem price,Lineitem sku,Billing Name,Cancelled at,Vendor,Id"
)

# Category: what is sold there.
_GOODS = {
    "Home & Garden > Kitchen & Dining > Tea": ("Green Tea", "Black Tea", "Rooibos", "Herbal Infusion", "Matcha"),
    "Home & Garden > Kitchen & Dining > Tableware": ("Mug", "Teapot", "Bowl", "Plate", "Carafe", "Cup & Saucer"),
    "Home & Garden > Decor > Candles": ("Candle", "Candle Holder", "Incense", "Diffuser"),
    "Home & Garden > Linens > Bedding": ("Pillow", "Duvet Cover", "Throw", "Fitted Sheet"),
    "Apparel & Accessories > Clothing > Tops": ("T-Shirt", "Blouse", "Cardigan", "Sweater"),
    "Apparel & Accessories > Bags": ("Tote Bag", "Backpack", "Pouch", "Wallet"),
}
_ADJECTIVES = ("Organic", "Hand-Made", "Nordic", "Rustic", "Classic", "Wild", "Slow", "Everyday", "Little", "Grand")
_MATERIALS = ("Linen", "Stoneware", "Oak", "Wool", "Beeswax", "Cotton", "Café", "Jasmine", "Señorita", "Grün")
_VENDORS = ("Nord & Co.", "Maison Élan", 'The "Clay" Studio', "Sud, Inc.", "Kōyō")
_TAGS = ("gift", "organic", "new", "bestseller", "eco", "handmade", "summer")
_OPTIONS = ("Small", "Medium", "Large", "X-Large")
_BODY = (
    '<div class="rte"><style>.rte p{{margin:0}}</style><script>track("{handle}", 1 < 2);</script>\n'
    "<p>{name}: made for people who like <em>{material}</em>&nbsp;&amp; <strong>slow</strong> mornings.</p>\n"
    "<ul><li>It&#39;s {adjective}, 100% &quot;fair&quot;</li><li>30&nbsp;&times;&nbsp;20 cm</li></ul>\r\n"
    "<!-- internal: margin 40% -->Use it with {goods}, again &amp; again.</div>"
)


@dataclass
class Product:
    handle: str
    title: str
    category: str
    skus: list[str]
    price: int  # cents of the first variant
    offered: bool
    records: list[dict[str, str]] = field(default_factory=list)


@dataclass
class Shop:
    """The records of both exports, and what an import must make of them."""

    product_records: list[dict[str, str]] = field(default_factory=list)
    order_records: list[dict[str, str]] = field(default_factory=list)
    products: int = 0
    hidden: set[str] = field(default_factory=set)  # handles of what cannot be bought
    unpriced: set[str] = field(default_factory=set)
    purchases: int = 0
    refused_products: int = 0  # records
    refused_orders: int = 0  # records
    customers: int = 0  # who bought something that counts


def make_shop(products: int, customers: int, seed: int = 1, latest: datetime = LATEST) -> Shop:
    """At least 20 products, so that every kind of awkwardness has one."""
    chance = random.Random(seed)
    goods = [_product(chance, number) for number in range(products)]
    shop = Shop(products=products)
    for product in goods:
        shop.product_records += product.records
        if not product.offered:
            shop.hidden.add(product.handle)
        if not product.records[0]["Variant Price"]:
            shop.unpriced.add(product.handle)
    again = {**goods[2].records[0], "Tags": "again, and again"}  # the handle comes a second time, far from the first
    orphan = _blank(_PRODUCT_HEADER) | {"Handle": "lost", "Variant SKU": "LOST", "Variant Price": "1.00"}
    underscored = {**goods[3].records[0], "Handle": "dear", "Variant SKU": "DEAR", "Variant Price": "1_299.50"}
    shop.product_records += [again, orphan, underscored]
    shop.refused_products = 2
    _order(shop, chance, [product for product in goods if product.skus], customers, latest)
    return shop


def _blank(header: str) -> dict[str, str]:
    return dict.fromkeys(header.split(","), "")


def _product(chance: random.Random, number: int) -> Product:
    category = chance.choice(list(_GOODS))
    thing, adjective, material = chance.choice(_GOODS[category]), chance.choice(_ADJECTIVES), chance.choice(_MATERIALS)
    title = f"{adjective} {material} {thing}"
    handle = f"{title.lower().replace(' ', '-').replace('&', 'and')}-{number}"
    # The first twenty have one kind of awkwardness each, and so has one of twenty after them.
    kind = number if number < 20 else chance.randrange(400)
    variants = 1 if kind % 3 else chance.randint(2, 4)
    price = chance.randint(300, 9000)
    product = Product(
        handle,
        title,
        category,
        [] if kind == 4 else [f"SKU-{number:05}-{_OPTIONS[variant][0]}" for variant in range(variants)],
        price,
        offered=kind not in {5, 6, 7},
    )
    body = _BODY.format(
        handle=handle, name=title, material=material, adjective=adjective, goods=chance.choice(_GOODS[category])
    )
    first = {
        "Title": f'{title}, the "original"' if kind == 8 else f"{title} 🍵" if kind == 9 else title,
        "Body (HTML)": "" if kind == 10 else body,
        "Vendor": chance.choice(_VENDORS),
        "Product Category": "Uncategorized" if kind == 11 else category,
        "Type": thing,
        "Tags": ", ".join(chance.sample(_TAGS, 2)),
        "Published": "false" if kind == 7 else "true",
        "Status": {5: "draft", 6: "archived"}.get(kind, "active"),
        "Gift Card": "false",
        "SEO Title": title,
        "Image Src": f"https://cdn.shop.example/{handle}.jpg?v={number}",
        "Image Position": "1",
    }
    for variant in range(variants):
        record = _blank(_PRODUCT_HEADER) | (first if variant == 0 else {})
        # The handle of a later record, and of a whole product, may stand between no-break spaces.
        spaced = kind == 12 or (kind == 3 and variant)
        product.records.append(
            record
            | {
                "Handle": f"{NO_BREAK_SPACE}{handle} " if spaced else handle,
                "Option1 Name": "Size" if variant == 0 else "",
                "Option1 Value": _OPTIONS[variant] if variants > 1 else "Default Title",
                "Variant SKU": product.skus[variant] if product.skus else "",
                "Variant Grams": str(chance.randint(50, 900)),
                "Variant Inventory Tracker": "shopify",
                "Variant Inventory Qty": str(chance.randint(1, 40)),
                "Variant Inventory Policy": "deny",
                "Variant Price": "" if kind == 13 else f"{(price + 250 * variant) / 100:.2f}",
            }
        )
    if kind % 4 == 0:
        picture = {"Handle": handle, "Image Src": f"https://cdn.shop.example/{handle}-2.jpg", "Image Position": "2"}
        product.records.append(_blank(_PRODUCT_HEADER) | picture)
    return product


def _order(shop: Shop, chance: random.Random, goods: list[Product], customers: int, latest: datetime) -> None:
    """Every customer likes two kinds of things and a few products more than others; orders come in time order."""
    offered = [product for product in goods if product.offered]
    by_category = {category: [one for one in offered if one.category == category] for category in _GOODS}
    zone = timezone(timedelta(hours=1))
    dated = sorted(
        (latest - timedelta(minutes=chance.randint(60, 60 * 24 * 300)), customer)
        for customer in range(customers)
        for _ in range(chance.randint(1, 6))
    )
    buyers = set()
    for number, (at, customer) in enumerate(dated, start=1001):
        tastes = random.Random(customer).sample(list(_GOODS), 2)
        liked = by_category[chance.choice(tastes)] or offered
        # Squared: the first products of a category sell best.
        basket = {int(len(liked) * chance.random() ** 2): None for _ in range(chance.randint(1, 4))}
        kind = number % 40
        email = "" if kind == 7 else f"shopper{customer}@shop.example"
        head = {
            "Financial Status": "refunded" if kind == 8 else "paid",
            "Currency": "EUR",
            "Cancelled at": "2024-06-01 08:00:00 +0100" if kind == 9 else "",
            "Billing Name": f"Shopper, {customer}",
            "Id": str(5_000_000_000_000 + number),
        }
        created = at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %z")
        if kind == 10:
            created = chance.choice(["45366.5", "2086-11-11 10:00:00 +0100", "20240315"])
        for position, index in enumerate(basket):
            product = liked[index]
            sku = chance.choice(product.skus)
            shop.order_records.append(
                _blank(_ORDER_HEADER)
                | (head if position == 0 else {})
                | {
                    "Name": f"#{number}",
                    "Email": email.upper() if kind == 11 else email,
                    "Created at": created,
                    "Lineitem quantity": "1_0" if kind == 12 else str(chance.choice([1, 1, 1, 2])),
                    "Lineitem name": f"{product.title} - {sku[-1]}",
                    "Lineitem price": f"{product.price / 100:.2f}",
                    "Lineitem sku": f"{NO_BREAK_SPACE}{sku}" if kind == 13 else "" if kind == 14 else sku,
                    "Vendor": "Nord & Co.",
                }
            )
        if kind in {10, 12, 14}:
            shop.refused_orders += len(basket)
        elif kind not in {8, 9}:
            shop.purchases += len(basket)
            buyers.add(customer if email else None)
    shop.customers = len(buyers - {None})


def write_records(
    path: Path,
    records: list[dict[str, str]],
    *,
    encoding: str = "utf-8",
    separator: str = ",",
    decimal_comma: bool = False,
) -> Path:
    """Writes them as a spreadsheet program might save them again; what the encoding lacks is left out."""
    with path.open("w", encoding=encoding, errors="ignore", newline="") as file:
        writer = csv.DictWriter(file, list(records[0]), delimiter=separator)
        writer.writeheader()
        for record in records:
            prices = {name: record[name].replace(".", ",") for name in record if name.endswith((" Price", " price"))}
            writer.writerow({**record, **prices} if decimal_comma else record)
    return path


if __name__ == "__main__":
    folder, count = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 5000
    made = make_shop(count, count // 2, latest=datetime.now(UTC))
    write_records(folder / "products_export.csv", made.product_records)
    write_records(folder / "orders_export.csv", made.order_records)
    print(
        f"{made.products:,} products in {len(made.product_records):,} records ({made.refused_products} to be refused); "
        f"{made.purchases:,} purchases of {made.customers:,} shoppers, {made.refused_orders:,} records to be refused"
    )
