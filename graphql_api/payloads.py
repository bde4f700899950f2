"""What mutations answer with, besides the changed object."""

from __future__ import annotations

import strawberry

from shop.errors import BadInputError, Problem


@strawberry.type(description="Something that the user can mend.")
class UserError:
    field: str | None = strawberry.field(description="Path of the input field, such as `interactions.2.productId`.")
    code: str = strawberry.field(description="For programs, such as NOT_FOUND or OUT_OF_RANGE.")
    message: str = strawberry.field(description="For people.")

    @classmethod
    def of(cls, problem: Problem, prefix: str = "") -> UserError:
        return cls(field=prefix + problem.field, code=problem.code, message=problem.message)


@strawberry.type(description="Something that was stored all the same, and may not be what was meant.")
class InputWarning:
    field: str | None = strawberry.field(description="Path of the input field, such as `target.brands`.")
    code: str = strawberry.field(description="For programs, such as NOT_FOUND.")
    message: str = strawberry.field(description="For people: what comes of it, and what to do if it was not meant.")

    @classmethod
    def of(cls, problem: Problem, prefix: str = "") -> InputWarning:
        return cls(field=prefix + problem.field, code=problem.code, message=problem.message)


def malformed(error: BadInputError) -> Problem:
    """An entry of a batch that holds an id of another kind, or none: the others are stored all the same."""
    return Problem(error.field or "", "INVALID", error.message)


WARNINGS = "What was stored all the same and may not be meant so; show it to whoever develops the page."
INPUT = strawberry.argument(description="All that it takes.")
