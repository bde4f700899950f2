"""Validation of documents, by the rules of graphql-core."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphql import ParallelVisitor, TypeInfo, TypeInfoVisitor, ValidationContext, specified_rules, visit
from graphql.validation import recommended_rules

from graphql_api.limits.sizes import Arguments, SentArguments

if TYPE_CHECKING:
    from graphql import DocumentNode, GraphQLError, GraphQLSchema

_RULES = tuple(dict.fromkeys((*specified_rules, *recommended_rules)))
_MOST_ERRORS = 20


class _EnoughError(Exception):
    pass


def validated(
    schema: GraphQLSchema, document: DocumentNode, *, hide_suggestions: bool
) -> tuple[list[GraphQLError], Arguments]:
    """The first errors of a document, and its arguments whose sizes are to be checked.

    As graphql-core's `validate`, but its thousands of small objects are cut apart at the end. They know each other in
    circles, and the garbage collector, which finds circles, stops the process for a tenth of a second and more when
    strangers send documents that nobody has sent before.
    """
    errors: list[GraphQLError] = []

    def keep(error: GraphQLError) -> None:
        errors.append(error)
        if len(errors) >= _MOST_ERRORS:
            raise _EnoughError

    types = TypeInfo(schema)
    context = ValidationContext(schema, document, types, keep, hide_suggestions)
    sent = SentArguments(context)
    visitors = [*(rule(context) for rule in _RULES), sent]
    together = ParallelVisitor(visitors)
    try:
        visit(document, TypeInfoVisitor(types, together))
    except _EnoughError:
        pass
    finally:
        found = sent.found
        for part in (together, *visitors, context, types):
            vars(part).clear()
    return errors, found
