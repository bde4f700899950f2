"""A small shop to attack, with shoppers whose every word is known."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from uuid import uuid4

from devstack.fuzz.run import Target
from devstack.fuzz.viewers import Viewer, viewer
from graphql_api.relay import encode_id
from graphql_api.schema import build_schema
from scoring.types import EventType
from shop.entities.interactions import InteractionDraft
from shop.entities.users import Actor, Preferences, Role, User
from shop.store.database import iterate
from shop.store.signing_keys import read_keys

if TYPE_CHECKING:
    from shop.resources.serving import ServingResources

_SHOPPERS = 3


async def target_of(url: str, resources: ServingResources) -> Target:
    """The server at this address over these resources; makes shoppers, and what only they may read."""
    path = resources.settings.auth.signing_keys
    key = read_keys(path)[0] if path else {}
    database = resources.stores.database
    products = [row["_id"] async for row in iterate(database, "products", fields=["_id"])][:50]
    shoppers = [await _shopper(resources, products) for _ in range(_SHOPPERS)]
    victim = await _shopper(resources, products)  # whose words must reach nobody: nobody asks as this shopper
    staff = [await _trusted(resources, role) for role in (Role.STAFF, Role.ADMIN)]
    nobody = Viewer("nobody", {})
    ids = {
        "Product": [encode_id("Product", id_) for id_ in products],
        "Category": [encode_id("Category", id_) for id_ in list(await resources.catalog.categories())[:20]],
        "User": [encode_id("User", one.name) for one in (*shoppers, victim, *staff)],
        "Interaction": [
            encode_id("Interaction", row["_id"])
            async for row in iterate(database, "interactions", {"userId": victim.name}, fields=["_id"])
        ],
        "Job": [encode_id("Job", "nothing")],
        "MerchandisingRule": [encode_id("MerchandisingRule", "nothing")],
    }
    marks = victim.marks.union(*(shopper.marks for shopper in shoppers))
    schema = build_schema()._schema
    return Target(url, key, schema, (nobody, *shoppers, *staff), ids, marks)


async def _shopper(resources: ServingResources, products: list[str]) -> Viewer:
    id_ = f"fuzz-{uuid4().hex[:8]}"
    marks = {name: f"{name}-of-{uuid4().hex}" for name in ("mail", "name", "taste", "order")}
    user = User(
        id_,
        email=f"{marks['mail']}@example.org",
        display_name=marks["name"],
        preferences=Preferences(tags=(marks["taste"],)),
    )
    await resources.users.create(user)
    drafts = [InteractionDraft(EventType.PURCHASE, id_, order_id=marks["order"]) for id_ in products[:5]]
    await resources.interactions.record(Actor(user_id=id_), drafts)
    return viewer(id_, await resources.sign_ins.development_token(id_, 24), list(marks.values()))


async def _trusted(resources: ServingResources, role: Role) -> Viewer:
    id_ = f"fuzz-{role}-{time.time_ns()}"
    await resources.users.create(User(id_, role=role))
    return viewer(id_, await resources.sign_ins.development_token(id_, 24), sees_all=True)
