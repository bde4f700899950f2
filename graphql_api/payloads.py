"""What mutations answer with, besides the changed object."""

from __future__ import annotations

import strawberry

from shop.errors import Problem


@strawberry.type(description="Something that the user can mend.")
class UserError:
    field: str | None = strawberry.field(description="Path of the input field, such as `interactions.2.productId`.")
    code: str = strawberry.field(description="For programs, such as NOT_FOUND or OUT_OF_RANGE.")
    message: str = strawberry.field(description="For people.")

    @classmethod
    def of(cls, problem: Problem) -> UserError:
        return cls(field=problem.field, code=problem.code, message=problem.message)


INPUT = strawberry.argument(description="All that it takes.")
