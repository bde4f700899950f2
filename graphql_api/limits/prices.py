"""Prices of fields, declared beside them: what a field costs, and how many objects its lists hold.

After the cost directives of IBM's specification (https://ibm.github.io/graphql-specs/cost-spec.html), with a whole
number as weight. A field without a price costs 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import strawberry
from graphql import GraphQLList, GraphQLObjectType, get_named_type, get_nullable_type, is_abstract_type
from strawberry.schema_directive import Location

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphql import GraphQLField, GraphQLNamedType, GraphQLSchema

DEFAULT_WEIGHT = 1
DEFAULT_SIZE = 5  # of a list that says nothing of its length, such as `userErrors`


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION], name="cost", description="What the field costs; 1 without it."
)
class Cost:
    weight: int = strawberry.directive_field(name="weight")


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="listSize",
    description="How many objects a list is taken to hold: what is selected in it costs so many times as much.",
)
class ListSize:
    assumed_size: int | None = strawberry.directive_field(name="assumedSize", default=strawberry.UNSET)
    slicing_arguments: list[str] | None = strawberry.directive_field(name="slicingArguments", default=strawberry.UNSET)
    sized_fields: list[str] | None = strawberry.directive_field(name="sizedFields", default=strawberry.UNSET)


def costs(
    weight: int | None = None,
    *,
    size: int | None = None,
    sized_by: Sequence[str] = (),
    in_fields: Sequence[str] = (),
) -> list[object]:
    """The directives of a field that declare its price.

    `sized_by` names arguments that say how long the list is, by their number or by how many entries they have, with
    dots into an input (`input.limit`); `size` is its length otherwise. `in_fields` are the lists of the returned object
    that have this length, where the field itself is none.
    """
    directives: list[object] = []
    if weight is not None:
        directives.append(Cost(weight=weight))
    if size is not None or sized_by:
        directives.append(
            ListSize(
                assumed_size=strawberry.UNSET if size is None else size,
                slicing_arguments=list(sized_by) or strawberry.UNSET,
                sized_fields=list(in_fields) or strawberry.UNSET,
            )
        )
    return directives


def page_costs(weight: int = 5) -> list[object]:
    """The price of a field that returns a connection."""
    return costs(weight, size=20, sized_by=("first", "last"), in_fields=("nodes", "edges"))


@dataclass(frozen=True, slots=True)
class Price:
    """What the analysis of a request knows of a field."""

    weight: int = DEFAULT_WEIGHT
    is_list: bool = False
    size: int = DEFAULT_SIZE
    sized_by: tuple[tuple[str, ...], ...] = ()
    in_fields: frozenset[str] = frozenset()
    declared: bool = False  # whether its length is
    objects: tuple[str, ...] = ()  # names of the object types that it may hold


PriceList = dict[tuple[str, str], Price]  # by the names of type and field

# The lists of introspection, as long as they are in a schema of this size.
_INTROSPECTION_SIZES = {"types": 150, "fields": 6, "args": 2, "inputFields": 6, "enumValues": 6, "directives": 8}


def price_list(schema: GraphQLSchema) -> PriceList:
    """The prices of all fields of all object types, as declared beside them."""
    found: PriceList = {}
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLObjectType):
            for name, definition in type_.fields.items():
                found[type_.name, name] = _price(schema, type_, name, definition)
    if schema.query_type is not None:
        for name, type_name in (("__schema", "__Schema"), ("__type", "__Type")):
            found[schema.query_type.name, name] = Price(objects=(type_name,))
    return found


def _price(schema: GraphQLSchema, parent: GraphQLObjectType, name: str, definition: GraphQLField) -> Price:
    declared = getattr(definition.extensions.get("strawberry-definition"), "directives", ())
    weight = next((each.weight for each in declared if isinstance(each, Cost)), DEFAULT_WEIGHT)
    sized = next((each for each in declared if isinstance(each, ListSize)), None)
    size = _INTROSPECTION_SIZES.get(name, DEFAULT_SIZE) if parent.name.startswith("__") else DEFAULT_SIZE
    if sized is not None and isinstance(sized.assumed_size, int):
        size = sized.assumed_size
    return Price(
        weight,
        is_list=isinstance(get_nullable_type(definition.type), GraphQLList),
        size=size,
        sized_by=tuple(tuple(path.split(".")) for path in (sized.slicing_arguments if sized else None) or ()),
        in_fields=frozenset((sized.sized_fields if sized else None) or ()),
        declared=sized is not None,
        objects=_objects(schema, get_named_type(definition.type)),
    )


def _objects(schema: GraphQLSchema, type_: GraphQLNamedType) -> tuple[str, ...]:
    if is_abstract_type(type_):
        return tuple(each.name for each in schema.get_possible_types(type_))
    return (type_.name,) if isinstance(type_, GraphQLObjectType) else ()
