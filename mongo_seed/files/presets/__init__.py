"""Files of other programs: which they are, told by their columns, and their records as rows of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mongo_seed.files.presets.ga4 import GA4
from mongo_seed.files.presets.google_merchant import GOOGLE_MERCHANT
from mongo_seed.files.presets.google_retail import GOOGLE_RETAIL
from mongo_seed.files.presets.personalize import PERSONALIZE_EVENTS, PERSONALIZE_ITEMS
from mongo_seed.files.presets.shopify_orders import SHOPIFY_ORDERS
from mongo_seed.files.presets.shopify_products import SHOPIFY_PRODUCTS
from mongo_seed.files.presets.woocommerce import WOOCOMMERCE

if TYPE_CHECKING:
    from mongo_seed.files.presets.preset import Preset

# One name may stand for a program's products and for its events: a file is given as one or the other.
PRESETS: tuple[Preset, ...] = (
    SHOPIFY_PRODUCTS,
    SHOPIFY_ORDERS,
    WOOCOMMERCE,
    GOOGLE_MERCHANT,
    GA4,
    GOOGLE_RETAIL,
    PERSONALIZE_EVENTS,
    PERSONALIZE_ITEMS,
)
