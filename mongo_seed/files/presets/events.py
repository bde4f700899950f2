"""What other programs call the things that shoppers do, and what these are here."""

from __future__ import annotations

import re

from scoring.types import EventType

_EVENTS: dict[EventType, tuple[str, ...]] = {
    EventType.VIEW: ("view", "viewitem", "detailpageview", "productview"),
    # A basket says more than a look and less than a purchase; so does choosing a product in a list.
    EventType.CLICK: ("click", "selectitem", "addtocart", "cart"),
    EventType.LIKE: ("like", "addtowishlist", "wishlist", "favorite", "favourite", "addtofavorites"),
    EventType.PURCHASE: ("purchase", "purchasecomplete", "buy", "order", "transaction"),
    EventType.RATING: ("rating", "rate", "review"),
}
_BY_NAME = {name: event for event, names in _EVENTS.items() for name in names}
_BETWEEN_WORDS = re.compile(r"[\W_]+")


def event_named(name: str) -> EventType | None:
    """`view_item`, `detail-page-view` and `View` are a view; None for what has no counterpart."""
    return _BY_NAME.get(_BETWEEN_WORDS.sub("", name.casefold()))
