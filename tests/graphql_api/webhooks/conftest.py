"""The shop with secrets for webhooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from shop.settings import WebhookSettings
from tests.fixtures.shop import Shop, open_shop, variant
from tests.graphql_api.webhooks.messages import SECRET, SECRET_BEFORE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.settings import Settings


@pytest.fixture(scope="session")
async def told(stocked: Settings) -> AsyncIterator[Shop]:
    """A process that takes webhooks."""
    webhook = WebhookSettings(
        shopify_secret=SecretStr(SECRET),
        shopify_secret_before=SecretStr(SECRET_BEFORE),
        woocommerce_secret=SecretStr(SECRET),
        currency="EUR",
        bad_signatures_per_minute=1e6,
    )
    async with open_shop(variant(stocked, webhook=webhook)) as served:
        yield served
