"""Errors that teach: what happened, what to do about it. The base class carries the public code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an input is refused, for those who can correct it; `field` is a path into the input."""

    field: str
    code: str
    message: str


class ShopError(Exception):
    """An error whose message may be shown to a client, unless it is not `public`. `code` and `retryable` go out as
    GraphQL extensions."""

    public: ClassVar[bool] = True
    code: ClassVar[str] = "INTERNAL"
    retryable: ClassVar[bool] = False
    retry_after: float | None = None  # seconds before which trying again is in vain, where that is known
    field: str | None = None  # the argument that is to blame, where it is one

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadInputError(ShopError):
    """The caller can correct the request; `field` names the argument."""

    code = "BAD_USER_INPUT"

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class NotFoundError(ShopError):
    code = "NOT_FOUND"

    def __init__(self, kind: str, id_: str, *, named_by: str = "id", field: str | None = None) -> None:
        super().__init__(f"No {kind} has the {named_by} {id_!r}. Check the {named_by}, or list what exists first.")
        self.kind = kind
        self.id = id_
        self.field = field


class NotRecommendedError(ShopError):
    """A text about a product needs the evidence that a recommendation gives."""

    code = "NOT_FOUND"

    def __init__(self, product_id: str) -> None:
        super().__init__(
            f"The product {product_id!r} has not been recommended to this shopper lately. Ask for recommendations "
            "first: what a text may say comes from there."
        )
        self.product_id = product_id


class UnauthenticatedError(ShopError):
    code = "UNAUTHENTICATED"


class ForbiddenError(ShopError):
    code = "FORBIDDEN"


class CostExceededError(ShopError):
    """The request would cost more than anyone may ask for at once."""

    code = "COST_EXCEEDED"


class RateLimitedError(ShopError):
    """Somebody asks more often than anyone may; `retry_after` says when the same request may pass."""

    code = "RATE_LIMITED"
    retryable = True

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"Too many requests: wait {retry_after:.1f} seconds.")
        self.retry_after = retry_after


class CrowdedError(ShopError):
    """Somebody holds more open, or with more in it, than anyone may."""

    code = "RATE_LIMITED"
    retryable = True

    def __init__(self) -> None:
        super().__init__("Too much is open; close some of it first.")


class DeadlineError(ShopError):
    """The request took too long and was given up."""

    code = "UNAVAILABLE"
    retryable = True

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"This took longer than {seconds:g} seconds and was given up. Ask for less, or try again later."
        )


class UnavailableError(ShopError):
    """A part we depend on is away, or does not let us in; `part` names it. The same request may succeed later."""

    code = "UNAVAILABLE"
    retryable = True

    def __init__(
        self, part: str, hint: str = "Try again in a few seconds.", *, problem: str = "is not reachable right now."
    ) -> None:
        super().__init__(f"{part} {problem} {hint}")
        self.part = part


class SnapshotError(ShopError):
    """A model snapshot is missing, incomplete or does not match its hash; it is not used."""
