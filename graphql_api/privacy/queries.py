"""Reading the receipt of an erasure."""

from __future__ import annotations

import strawberry

from graphql_api.arguments import NodeId
from graphql_api.context import Info
from graphql_api.limits.prices import costs
from graphql_api.privacy.types import Erasure
from graphql_api.relay import decode_id


@strawberry.type
class PrivacyQuery:
    @strawberry.field(
        description="The receipt of an erasure, null if unknown. For everybody who has its id, which `eraseUserData` "
        "gives: whoever was erased has no account any more to ask with, and the receipt names nobody.",
        directives=costs(2),
    )
    async def erasure(self, info: Info, id: NodeId) -> Erasure | None:
        found = await info.context.resources.erasures.get(decode_id("Erasure", id))
        return Erasure.of(found) if found else None
