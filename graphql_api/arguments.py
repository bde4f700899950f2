"""Arguments that many fields take, described once."""

from __future__ import annotations

from typing import Annotated

import strawberry

First = Annotated[int | None, strawberry.argument(description="The first so many rows, 1 to 100; 20 if left out.")]
After = Annotated[str | None, strawberry.argument(description="Only rows after this cursor.")]
Last = Annotated[int | None, strawberry.argument(description="The last so many rows, 1 to 100, instead of `first`.")]
Before = Annotated[str | None, strawberry.argument(description="Only rows before this cursor.")]
Neighbours = Annotated[int, strawberry.argument(description="How many at most, 1 to 100.")]
AfterEvent = Annotated[
    str | None, strawberry.argument(description="The `eventId` seen last: what came after it is delivered first.")
]
NodeId = Annotated[strawberry.ID, strawberry.argument(description="An `id` as it came in an answer.")]
UserId = Annotated[
    strawberry.ID | None, strawberry.argument(description="Whose; the viewer's if left out. Others' for staff only.")
]
SessionId = Annotated[str | None, strawberry.argument(description="Names a visitor who is not signed in.")]
ProductId = Annotated[strawberry.ID, strawberry.argument(description="Of which product.")]
