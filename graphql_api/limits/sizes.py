"""How long the strings and lists of inputs may be: declared beside each, said in its description, and checked on what
came before anything is made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphql import (
    ArgumentNode,
    FieldNode,
    GraphQLArgument,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLObjectType,
    GraphQLScalarType,
    OperationDefinitionNode,
    ValidationRule,
    VariableNode,
    get_named_type,
    get_nullable_type,
    value_from_ast_untyped,
)

from shop.errors import BadInputError

if TYPE_CHECKING:
    from graphql import GraphQLInputType, GraphQLSchema, ValidationContext, ValueNode

_KEY = "sizes"
MOST_ENTRIES = 500
LONGEST_GLOBAL_ID = 1_200  # of an id of 200 characters
LONGEST_SHORT = 100  # of a code, a version, a name of a job
LONGEST_CURSOR = 4_000
LONGEST_SESSION = 128
LONGEST_SKU = 1_000  # with the spaces around it
_LONGEST_OF_SCALARS = {"ID": LONGEST_GLOBAL_ID, "DateTime": 100, "Date": 100, "Decimal": 100}


@dataclass(frozen=True, slots=True)
class Sizes:
    """The most entries of a list, and the most characters of a string. A string that is `told` is refused by the
    mutation itself, among its `userErrors`, so that the rest of a batch is stored."""

    entries: int | None = None
    length: int | None = None
    told: bool = False

    def words(self) -> str:
        """The sizes as a description says them."""
        if self.entries is None:
            return f"{self.length:,} characters at most."
        each = "" if self.length is None else f", {self.length:,} characters each"
        return f"{self.entries:,} at most{each}."


def sizes(*, length: int | None = None, entries: int | None = None, told: bool = False) -> dict[str, Sizes]:
    """The metadata of an input field or an argument that declare its sizes; `describe_sizes` says them."""
    return {_KEY: Sizes(entries, length, told)}


def describe_sizes(schema: GraphQLSchema) -> None:
    """Ends the description of every input field and argument with the sizes that it declares."""
    for definition in input_values(schema):
        found = sizes_of(definition)
        if found is not None and definition.description is not None:
            definition.description = f"{definition.description} {found.words()}"


def input_values(schema: GraphQLSchema) -> Iterator[GraphQLArgument | GraphQLInputField]:
    """All arguments of fields and fields of inputs, but those of introspection."""
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLInputObjectType):
            yield from type_.fields.values()
        elif isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__"):
            for definition in type_.fields.values():
                yield from definition.args.values()


def sizes_of(definition: GraphQLArgument | GraphQLInputField) -> Sizes | None:
    """What is declared beside it."""
    origin = definition.extensions.get("strawberry-definition")
    found = getattr(origin, "metadata", {}).get(_KEY)
    return found if isinstance(found, Sizes) else None


class InputSizes:
    """The sizes that one schema declares."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._fields: dict[str, tuple[tuple[str, GraphQLInputType, Sizes], ...]] = {
            type_.name: tuple(
                (name, definition.type, sizes_of(definition) or Sizes())
                for name, definition in type_.fields.items()
                if _has_sizes(definition.type)
            )
            for type_ in schema.type_map.values()
            if isinstance(type_, GraphQLInputObjectType)
        }

    def require(self, sent: Arguments, operation: OperationDefinitionNode, variables: Mapping[str, Any] | None) -> None:
        """Raises BadInputError for a value that is longer than declared."""
        given: dict[str, Any] = {
            each.variable.name.value: value_from_ast_untyped(each.default_value)
            for each in operation.variable_definitions or ()
            if each.default_value is not None
        }
        given.update(variables or {})
        for node, type_, sizes in sent:
            self._value(_untyped(node.value, given), type_, sizes, node.name.value)

    def _value(self, value: Any, type_: GraphQLInputType, sizes: Sizes, path: str) -> None:
        nullable = get_nullable_type(type_)
        if isinstance(nullable, GraphQLList):
            self._list(value if isinstance(value, list) else [value], nullable.of_type, sizes, path)
        elif isinstance(value, Mapping):
            for name, inner, inner_sizes in self._fields.get(get_named_type(nullable).name, ()):
                if name in value:
                    self._value(value[name], inner, inner_sizes, f"{path}.{name}")
        elif isinstance(value, str) and not sizes.told:
            longest = sizes.length or _LONGEST_OF_SCALARS.get(get_named_type(nullable).name, LONGEST_SHORT)
            _require(len(value), longest, "characters at most", path)

    def _list(self, entries: list[Any], type_: GraphQLInputType, sizes: Sizes, path: str) -> None:
        _require(len(entries), sizes.entries or MOST_ENTRIES, "entries at most", path)
        for index, entry in enumerate(entries):
            self._value(entry, type_, sizes, f"{path}.{index}")


Arguments = list[tuple[ArgumentNode, "GraphQLInputType", Sizes]]


class SentArguments(ValidationRule):
    """A rule of validation that refuses nothing: it notes which arguments have sizes."""

    context: ValidationContext

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self.found: Arguments = []

    def enter_field(self, node: FieldNode, *_rest: object) -> None:
        field = self.context.get_field_def()
        known = field.args if field is not None else {}
        for argument in node.arguments or ():
            definition = known.get(argument.name.value)
            if definition is not None and _has_sizes(definition.type):
                self.found.append((argument, definition.type, sizes_of(definition) or Sizes()))


def _untyped(node: ValueNode, variables: dict[str, Any]) -> Any:
    return variables.get(node.name.value) if isinstance(node, VariableNode) else value_from_ast_untyped(node, variables)


def _has_sizes(type_: GraphQLInputType) -> bool:
    named = get_named_type(type_)
    is_text = isinstance(named, GraphQLScalarType) and named.name not in {"Int", "Float", "Boolean"}
    return is_text or isinstance(named, GraphQLInputObjectType) or isinstance(get_nullable_type(type_), GraphQLList)


def _require(found: int, most: int, what: str, path: str) -> None:
    if found > most:
        name = path.removeprefix("input.")  # as all errors name fields
        raise BadInputError(f"{name}: {most:,} {what}, not {found:,}.", field=name)
