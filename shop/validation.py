"""What pydantic finds wrong, in words for whoever can mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_SHOWN_PROBLEMS = 3


def describe(error: ValidationError) -> str:
    """The first problems, each as the path of a field and what was expected there. Values are left out: they may be a
    shopper's."""
    problems = error.errors(include_url=False, include_input=False)
    shown = "; ".join(_described(problem) for problem in problems[:_SHOWN_PROBLEMS])
    more = len(problems) - _SHOWN_PROBLEMS
    return f"{shown}; and {more} more" if more > 0 else shown


def path_of(problem: ErrorDetails) -> str:
    """Such as `items.0.evidence.1.kind`; empty for the whole."""
    return ".".join(map(str, problem["loc"]))


def _described(problem: ErrorDetails) -> str:
    path = path_of(problem)
    return f"{path}: {problem['msg']}" if path else problem["msg"]
