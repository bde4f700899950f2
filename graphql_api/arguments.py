"""Arguments and fields that occur in many places, described once."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from graphql_api.limits.sizes import LONGEST_CURSOR, LONGEST_SESSION, LONGEST_SHORT, sizes
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
After = Annotated[
    str | None, strawberry.argument(description="Only rows after this cursor.", metadata=sizes(length=LONGEST_CURSOR))
]
Last = Annotated[int | None, strawberry.argument(description="The last so many rows, 1 to 100, instead of `first`.")]
Before = Annotated[
    str | None, strawberry.argument(description="Only rows before this cursor.", metadata=sizes(length=LONGEST_CURSOR))
]
Neighbours = Annotated[int, strawberry.argument(description="How many at most, 1 to 100.")]
AfterEvent = Annotated[
    str | None,
    strawberry.argument(
        description="The `eventId` seen last: what came after it is delivered first.",
        metadata=sizes(length=LONGEST_SHORT),
    ),
]
NodeId = Annotated[strawberry.ID, strawberry.argument(description="An `id` as it came in an answer.")]
LOCALE = (
    "Language of the text, as a BCP 47 tag such as de or fr-CA. Left out: the shopper's (`User.locale`), else the one "
    "of `Accept-Language`, else the shop's own."
)

LIST_LOCALE = "Language of the text, as a BCP 47 tag; left out: that of the list that showed the product last."

Locale = Annotated[str | None, strawberry.argument(description=LOCALE, metadata=sizes(length=LONGEST_SHORT))]
ListLocale = Annotated[str | None, strawberry.argument(description=LIST_LOCALE, metadata=sizes(length=LONGEST_SHORT))]
ShownLocale = Annotated[
    str | None,
    strawberry.argument(
        description="Only in this language, as a BCP 47 tag; left out: in every one that was asked for.",
        metadata=sizes(length=LONGEST_SHORT),
    ),
]
UserId = Annotated[strawberry.ID | None, strawberry.argument(description=WHOSE)]
SessionId = Annotated[
    str | None,
    strawberry.argument(description="Names a visitor who is not signed in.", metadata=sizes(length=LONGEST_SESSION)),
]
ProductId = Annotated[strawberry.ID, strawberry.argument(description="Of which product.")]


def labels(texts: list[str] | None) -> tuple[str, ...]:
    """Brands or tags as products have them: plain text, each once."""
    return tuple(dict.fromkeys(label for text in texts or () if (label := plain_text(text))))


def in_utc(at: datetime, field: str) -> datetime:
    """Raises BadInputError for a time without a zone, and for one that UTC cannot express."""
    try:
        return field_checks.in_utc(at)
    except RefusedValueError as error:
        raise BadInputError(error.message, field=field) from error
