"""Holds a schema to the table of permissions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphql import GraphQLObjectType

from graphql_api.permissions.rules import OPEN, May
from graphql_api.permissions.table import PERMISSIONS
from shop.errors import ForbiddenError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from graphql import GraphQLField, GraphQLSchema

    from graphql_api.permissions.rules import Rule
    from shop.entities.users import Viewer

    Resolver = Callable[..., Any]

# Whose an object is, of those that are somebody's wherever they are met.
_OWNERS: dict[str, Callable[[Any], str]] = {"User": lambda user: user.raw.id}
_OPERATIONS = ("Query", "Mutation", "Subscription")


class UndecidedError(Exception):
    """A field of the schema that the table does not decide about, or one of the table that the schema has not."""


def allows(viewer: Viewer | None, type_: str, field: str) -> May:
    """What the table lets somebody do."""
    return PERMISSIONS[type_][field].of(viewer)


def guard(schema: GraphQLSchema) -> None:
    """Every field asks the table before it is resolved. Raises UndecidedError."""
    problems = []
    for type_ in _objects(schema):
        decided = PERMISSIONS.get(type_.name, {})
        for name, field in type_.fields.items():
            if name in decided:
                _guard(type_.name, field, decided[name])
            else:
                problems.append(f"{type_.name}.{name}")
        problems += [f"{type_.name}.{name} (is not in the schema)" for name in decided if name not in type_.fields]
    if problems:
        raise UndecidedError(f"graphql_api/permissions/table.py has to decide about: {', '.join(problems)}")


def _objects(schema: GraphQLSchema) -> Iterator[GraphQLObjectType]:
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__"):
            yield type_


def _guard(type_name: str, field: GraphQLField, rule: Rule) -> None:
    if rule == OPEN:
        return
    owner = _OWNERS.get(type_name)
    if owner is not None and field.resolve is not None:
        field.resolve = _owned(field.resolve, rule, owner)
    elif type_name == "Subscription" and field.subscribe is not None:
        field.subscribe = _ruled(field.subscribe, rule)
    elif field.resolve is not None:
        field.resolve = _ruled(field.resolve, rule)


def _ruled(resolve: Resolver, rule: Rule) -> Resolver:
    def ruled(source: Any, info: Any, **arguments: Any) -> Any:
        rule.require(info.context.viewer)
        return resolve(source, info, **arguments)

    return ruled


def _owned(resolve: Resolver, rule: Rule, owner: Callable[[Any], str]) -> Resolver:
    def owned(source: Any, info: Any, **arguments: Any) -> Any:
        viewer: Viewer | None = info.context.viewer
        may = rule.of(viewer)
        if may is May.NO:
            rule.require(viewer)
        if may is not May.YES and (viewer is None or viewer.user_id != owner(source)):
            raise ForbiddenError("You may only see your own data.")
        return resolve(source, info, **arguments)

    return owned
