"""Arguments and fields that occur in many places, described once."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from shop.errors import BadInputError
from shop.services import field_checks
from shop.values import RefusedValueError, plain_text

WHOSE = "Whose; the viewer's if left out. Others' for staff only."
FOR_VISITORS = "For visitors who are not signed in."
OF_THE_VISIT = (
    "Names an anonymous visitor. A shopper who passes the same one after signing in goes on with what was done in it: "
    "it belongs to the first user who names it. Make up a random one for each visit, and a new one at sign-out."
)
EVENT_ID = "Pass it as `after` to go on after this event."

First = Annotated[int | None, strawberry.argument(description="The first so many rows, 1 to 100; 20 if left out.")]
After = Annotated[str | None, strawberry.argument(description="Only rows after this cursor.")]
Last = Annotated[int | None, strawberry.argument(description="The last so many rows, 1 to 100, instead of `first`.")]
Before = Annotated[str | None, strawberry.argument(description="Only rows before this cursor.")]
Neighbours = Annotated[int, strawberry.argument(description="How many at most, 1 to 100.")]
AfterEvent = Annotated[
    str | None, strawberry.argument(description="The `eventId` seen last: what came after it is delivered first.")
]
NodeId = Annotated[strawberry.ID, strawberry.argument(description="An `id` as it came in an answer.")]
_LONGEST_LABEL = 500
LOCALE = (
    "Language of the text, as a BCP 47 tag such as de or fr-CA. Left out: the shopper's (`User.locale`), else the one "
    "of `Accept-Language`, else the shop's own."
)

LIST_LOCALE = "Language of the text, as a BCP 47 tag; left out: that of the list that showed the product last."

Locale = Annotated[str | None, strawberry.argument(description=LOCALE)]
ListLocale = Annotated[str | None, strawberry.argument(description=LIST_LOCALE)]
ShownLocale = Annotated[
    str | None,
    strawberry.argument(
        description="Only in this language, as a BCP 47 tag; left out: in every one that was asked for."
    ),
]
UserId = Annotated[strawberry.ID | None, strawberry.argument(description=WHOSE)]
SessionId = Annotated[str | None, strawberry.argument(description="Names a visitor who is not signed in.")]
ProductId = Annotated[strawberry.ID, strawberry.argument(description="Of which product.")]


def labels(texts: list[str] | None, field: str) -> tuple[str, ...]:
    """Brands or tags as products have them: plain text, each once. Raises BadInputError for one that is too long."""
    if any(len(text) > _LONGEST_LABEL for text in texts or ()):
        raise BadInputError(f"{field}: {_LONGEST_LABEL} characters each at most.", field=field)
    return tuple(dict.fromkeys(label for text in texts or () if (label := plain_text(text))))


def in_utc(at: datetime, field: str) -> datetime:
    """Raises BadInputError for a time without a zone, and for one that UTC cannot express."""
    try:
        return field_checks.in_utc(at)
    except RefusedValueError as error:
        raise BadInputError(error.message, field=field) from error
