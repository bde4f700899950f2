"""Finding anything by its id."""

from __future__ import annotations

from typing import Annotated

import strawberry

from graphql_api.arguments import NodeId
from graphql_api.catalog.types import Category, Product
from graphql_api.context import Info
from graphql_api.limits.prices import costs
from graphql_api.limits.sizes import sizes
from graphql_api.merchandising.types import MerchandisingRule
from graphql_api.permissions.guard import allows
from graphql_api.permissions.rules import May
from graphql_api.relay import MAX_PAGE, Node, decode_any_id
from graphql_api.users.types import User
from shop.errors import BadInputError

NodeIds = Annotated[
    list[strawberry.ID],
    strawberry.argument(description="Ids as they came in answers.", metadata=sizes(entries=MAX_PAGE)),
]


@strawberry.type
class NodeQuery:
    @strawberry.field(description="Whatever has this id, null if there is nothing.", directives=costs(2))
    async def node(self, info: Info, id: NodeId) -> Node | None:
        return await _find(info, id)

    @strawberry.field(
        description="Several at once, in the order of the ids.",
        directives=costs(2, size=1, sized_by=("ids",)),
    )
    async def nodes(self, info: Info, ids: NodeIds) -> list[Node | None] | None:
        kinds = [decode_any_id(id_, "ids") for id_ in ids]
        await info.context.resources.catalog.get_many(id_ for kind, id_ in kinds if kind == "Product")
        found = {id_: await _find(info, id_) for id_ in dict.fromkeys(ids)}
        return [found[id_] for id_ in ids]


async def _find(info: Info, global_id: str) -> Node | None:
    kind, id_ = decode_any_id(global_id)
    finders = {"Product": _product, "Category": _category, "User": _user, "MerchandisingRule": _rule}
    if kind not in finders:
        raise BadInputError(f"A {kind} cannot be looked up by id.", field="id")
    return await finders[kind](info, id_)


async def _product(info: Info, id_: str) -> Node | None:
    found = await info.context.loaders.products.load(id_)
    return Product.of(found) if found else None


async def _category(info: Info, id_: str) -> Node | None:
    known = await info.context.resources.catalog.categories()
    return Category.of(known[id_], known) if id_ in known else None


async def _user(info: Info, id_: str) -> Node | None:
    """Somebody else's account looks as if it were not there."""
    viewer = info.context.viewer
    may = allows(viewer, "Query", "user")
    if may is May.NO or (may is May.OWN and (viewer is None or viewer.user_id != id_)):
        return None
    await info.context.note_read([id_], info.field_name)
    found = await info.context.user(id_)
    return User.of(found) if found else None


async def _rule(info: Info, id_: str) -> Node | None:
    """For staff alone; to others it looks as if it were not there."""
    if allows(info.context.viewer, "Query", "merchandisingRules") is May.NO:
        return None
    found = await info.context.resources.merchandising.get(id_)
    return MerchandisingRule.of(found) if found else None
