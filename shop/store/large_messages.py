"""Job messages that are too large for a queue: it carries a reference to them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from shop.store.database import store_errors

if TYPE_CHECKING:
    from shop.store.database import Database


class LargeMessages:
    """All methods raise UnavailableError."""

    def __init__(self, database: Database) -> None:
        self._messages = database["large_messages"]

    async def put(self, id_: str, message: dict[str, Any]) -> None:
        # As text: field names of a document may not be all that a message has.
        document = {"_id": id_, "message": orjson.dumps(message).decode(), "createdAt": datetime.now(UTC)}
        with store_errors():
            await self._messages.insert_one(document)

    async def get(self, id_: str) -> dict[str, Any] | None:
        with store_errors():
            document = await self._messages.find_one({"_id": id_})
        if document is None:
            return None
        message: dict[str, Any] = orjson.loads(document["message"])
        return message

    async def delete(self, id_: str) -> None:
        with store_errors():
            await self._messages.delete_one({"_id": id_})
