"""Random operations over a schema: every field and argument, with values that are usual, at the edge, or wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    OperationType,
    get_named_type,
    get_nullable_type,
    is_composite_type,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from random import Random

    from graphql import GraphQLField, GraphQLInputType, GraphQLNamedType, GraphQLSchema

_INTEGERS = (0, 1, 2, 5, 20, 100, 101, -1, 2**31 - 1, -(2**31), 2**31, 10**12)
_FLOATS = (0.0, 0.5, 1.0, -1.0, 5.0, 1e308, 1e-300, 1_000_001.0)
_MOMENTS = (
    "2026-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2026-01-01", "2026-02-30T00:00:00Z",
    "2026-01-01T00:00:00+23:59", "now",
)  # fmt: skip
_DATES = ("2026-01-01", "9999-12-31", "0001-01-01", "2026-02-30", "today")
_DECIMALS = ("1.50", "0", "-1", "1e400", "NaN", "Infinity", "0.0000001", "999999999999")
_TEXTS = (
    "", " ", "milk", "en", "de-AT", "USD", "x" * 100, "x" * 5_000, "\u0000", "\u202e", "ﬁ𝔘", "👩‍🚀" * 20, "'; --",
    "$where", "{}", "../../etc/passwd", "%00", "<script>", "null", "0-0", "99999999999999-1", "W1td", "session-1",
)  # fmt: skip
_LONG_LIST = 600
# Whoever attacks would be a stranger from then on, or somebody who may read all that there is.
_ENDS_THE_ATTACK = {"signOut", "eraseUserData", "setUserRole"}


@dataclass(frozen=True, slots=True)
class Case:
    """One operation as a client sends it."""

    query: str
    variables: dict[str, Any] = field(default_factory=dict)
    kind: str = "query"


class Operations:
    """Makes cases; `ids` are global ids of what there is, by type."""

    def __init__(self, schema: GraphQLSchema, ids: Mapping[str, Sequence[str]], random: Random) -> None:
        self._schema = schema
        self._ids = [id_ for many in ids.values() for id_ in many]
        self._random = random
        self._variables: dict[str, tuple[str, Any]] = {}
        self._fragments: list[str] = []

    def make(self) -> Case:
        self._variables, self._fragments = {}, []
        kind = self._random.choices(("query", "mutation", "subscription"), (75, 20, 5))[0]
        root = cast("GraphQLObjectType", self._schema.get_root_type(OperationType(kind)))
        fields = 1 if kind == "subscription" else self._random.choice((1, 1, 1, 2, 3))
        depth = self._random.choice((2, 3, 4, 4, 5, 6, 14))
        body = " ".join(self._field(root, depth) for _ in range(fields))
        declared = ", ".join(f"${name}: {type_}" for name, (type_, _) in self._variables.items())
        head = f"{kind} Fuzz{f'({declared})' if declared else ''}"
        sent = {name: value for name, (_, value) in self._variables.items()}
        return Case(f"{head} {{ {body} }} {' '.join(self._fragments)}", sent, kind)

    def _field(self, parent: GraphQLObjectType | GraphQLInterfaceType, depth: int) -> str:
        name = self._random.choice([name for name in parent.fields if name not in _ENDS_THE_ATTACK])
        definition = parent.fields[name]
        alias = f"a{self._random.randrange(9)}: " if self._random.random() < 0.1 else ""
        directive = (
            self._random.choice((" @include(if: true)", " @skip(if: false)")) if self._random.random() < 0.05 else ""
        )
        return f"{alias}{name}{self._arguments(definition)}{directive}{self._selection(definition, depth)}"

    def _selection(self, definition: GraphQLField, depth: int) -> str:
        type_ = get_named_type(definition.type)
        if not is_composite_type(type_):
            return ""
        selected = ["__typename"]
        if depth > 0:
            selected += [self._part(type_, depth - 1) for _ in range(self._random.choice((1, 2, 3, 5)))]
        return f" {{ {' '.join(selected)} }}"

    def _part(self, type_: GraphQLNamedType, depth: int) -> str:
        if isinstance(type_, GraphQLInterfaceType):
            chosen = self._random.choice(list(self._schema.get_possible_types(type_)))
            return self._fragment(chosen, self._field(chosen, depth))
        object_ = cast("GraphQLObjectType", type_)
        field = self._field(object_, depth)
        return self._fragment(object_, field) if self._random.random() < 0.05 else field

    def _fragment(self, type_: GraphQLObjectType, body: str) -> str:
        if self._random.random() < 0.5:
            return f"... on {type_.name} {{ {body} }}"
        name = f"F{len(self._fragments)}"
        self._fragments.append(f"fragment {name} on {type_.name} {{ {body} }}")
        return f"...{name}"

    def _arguments(self, definition: GraphQLField) -> str:
        given = []
        for name, argument in definition.args.items():
            required = isinstance(argument.type, GraphQLNonNull)
            if self._random.random() < (0.97 if required else 0.4):
                value = self._value(argument.type)
                if self._random.random() < 0.6:
                    variable = f"v{len(self._variables)}"
                    self._variables[variable] = (str(argument.type), value)
                    given.append(f"{name}: ${variable}")
                else:
                    given.append(f"{name}: {_literal(value, argument.type)}")
        return f"({', '.join(given)})" if given else ""

    def _value(self, type_: GraphQLInputType) -> Any:
        random, nullable = self._random, get_nullable_type(type_)
        value: Any = None
        if random.random() < 0.02:
            value = random.choice((None, 1, "wrong", [], {}, [[]], True))
        elif isinstance(nullable, GraphQLList):
            length = _LONG_LIST if random.random() < 0.01 else random.choice((0, 1, 1, 2, 3))
            value = [self._value(nullable.of_type)] * length
        elif isinstance(nullable, GraphQLInputObjectType):
            value = {
                name: self._value(given.type)
                for name, given in nullable.fields.items()
                if random.random() < (0.97 if isinstance(given.type, GraphQLNonNull) else 0.3)
            }
        elif isinstance(nullable, GraphQLEnumType):
            value = random.choice([*nullable.values, "NOTHING"] if random.random() < 0.05 else list(nullable.values))
        elif isinstance(type_, GraphQLNonNull) or random.random() > 0.05:
            value = self._scalar(get_named_type(nullable).name)
        return value

    def _scalar(self, name: str) -> Any:
        pools: dict[str, Sequence[Any]] = {
            "Int": _INTEGERS, "Float": _FLOATS, "Boolean": (True, False), "DateTime": _MOMENTS, "Date": _DATES,
            "Decimal": _DECIMALS, "ID": (*self._ids, *_TEXTS),
        }  # fmt: skip
        if name == "ID" and self._ids and self._random.random() < 0.8:
            return self._random.choice(self._ids)
        return self._random.choice(pools.get(name, _TEXTS))


def _literal(value: Any, type_: GraphQLInputType) -> str:
    named = get_named_type(type_)
    if isinstance(value, dict):
        fields = named.fields if isinstance(named, GraphQLInputObjectType) else {}
        inner = (
            f"{name}: {_literal(one, fields[name].type if name in fields else type_)}" for name, one in value.items()
        )
        return f"{{{', '.join(inner)}}}"
    if isinstance(value, list):
        return f"[{', '.join(_literal(one, type_) for one in value)}]"
    if isinstance(value, str) and isinstance(named, GraphQLEnumType):
        return value
    return json.dumps(value)
