"""Whom a job's message names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shop.entities.users import Actor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shop.entities.privacy import Shopper

USER_FIELD, ACTOR_FIELD = "user_id", "actor_key"  # of messages in `shop/jobs.py`


def actor_key_of(message: Mapping[str, Any]) -> str | None:
    """The actor whom a job is about, None for a job about nobody."""
    user_id, actor_key = message.get(USER_FIELD), message.get(ACTOR_FIELD)
    if isinstance(user_id, str):
        return Actor(user_id).key
    return actor_key if isinstance(actor_key, str) else None


def is_about(message: Mapping[str, Any], shopper: Shopper) -> bool:
    return actor_key_of(message) in shopper.actor_keys
