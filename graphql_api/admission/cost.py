"""What an operation costs, from its document and variables alone, before it runs.

One unit is about one value of the answer. A field costs its weight, and what is selected in it as often as its list is
long. Of several types that an interface may be, the dearest counts. A field that two fragments select counts twice:
merging them first could take exponential time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphql import (
    BooleanValueNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    ObjectValueNode,
    OperationType,
    VariableNode,
    is_abstract_type,
)

from graphql_api.admission.shape import INTROSPECTION
from graphql_api.limits.prices import Price, price_list

if TYPE_CHECKING:
    from graphql import (
        DocumentNode,
        GraphQLSchema,
        OperationDefinitionNode,
        SelectionNode,
        ValueNode,
    )

# Introspection asks for a hundred thousand small values once in a client's life.
_INTROSPECTION_DISCOUNT = 50
MOST = 1_000_000_000  # a cost above is reported as this
_KEPT = 32


@dataclass(frozen=True, slots=True)
class Cost:
    """`units` of work, and how many records a mutation writes."""

    units: int
    writes: int


class Costs:
    """Prices operations of one schema."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self.prices = price_list(schema)
        self.roots = {kind: type_.name for kind in OperationType if (type_ := schema.get_root_type(kind)) is not None}
        self.concrete = {
            type_.name: frozenset(each.name for each in schema.get_possible_types(type_))
            for type_ in schema.type_map.values()
            if is_abstract_type(type_)
        }

    def of(self, document: DocumentNode, operation: OperationDefinitionNode) -> CostOf:
        return CostOf(self, document, operation)


class CostOf:
    """The cost of one operation for any variables; what was found for their sizes is kept."""

    def __init__(self, costs: Costs, document: DocumentNode, operation: OperationDefinitionNode) -> None:
        self._costs = costs
        self._operation = operation
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._sizes: tuple[_Size, ...] | None = None
        self._known: dict[tuple[int | None, ...], Cost] = {}

    def __call__(self, variables: Mapping[str, Any] | None) -> Cost:
        given = variables or {}
        key = None if self._sizes is None else tuple(size.of(given) for size in self._sizes)
        if key is not None and key in self._known:
            return self._known[key]
        analysis = _Analysis(self._costs, self._fragments, self._operation, given)
        cost = analysis.cost()
        self._sizes = tuple(analysis.sizes)
        if len(self._known) < _KEPT:
            self._known[tuple(size.of(given) for size in self._sizes)] = cost
        return cost


@dataclass(frozen=True, slots=True)
class _Size:
    """Where in the variables a size stands."""

    name: str
    path: tuple[str, ...]
    default: int | None

    def of(self, variables: Mapping[str, Any]) -> int | None:
        if self.name not in variables:
            return self.default
        value = variables[self.name]
        for part in self.path:
            value = value.get(part) if isinstance(value, Mapping) else None
        if isinstance(value, list):
            return len(value)
        return int(value) if isinstance(value, int) else None


@dataclass(frozen=True, slots=True)
class _Sized:
    """Lists of an object whose length the field above has stated."""

    fields: frozenset[str] = frozenset()
    size: int = 0


_UNSIZED = _Sized()
_UNKNOWN = Price()  # of a field that validation refuses


class _Analysis:
    def __init__(
        self,
        costs: Costs,
        fragments: Mapping[str, FragmentDefinitionNode],
        operation: OperationDefinitionNode,
        variables: Mapping[str, Any],
    ) -> None:
        self._prices = costs.prices
        self._concrete = costs.concrete
        self._root = costs.roots.get(operation.operation, "")
        self._fragments = fragments
        self._operation = operation
        self._defaults = {node.variable.name.value: node.default_value for node in operation.variable_definitions or ()}
        self._variables = variables
        self._known: dict[tuple[str, str, _Sized], int] = {}
        self.sizes: dict[_Size, None] = {}

    def cost(self) -> Cost:
        selections = self._operation.selection_set.selections
        units = self._selections(selections, self._root, _UNSIZED)
        writes = 0
        if self._operation.operation is OperationType.MUTATION:
            writes = sum(self._records(node) * self._included(node) for node in self._root_fields(selections))
        return Cost(min(units, MOST), min(writes, MOST))

    def _selections(self, selections: Iterable[SelectionNode], parent: str, sized: _Sized) -> int:
        # What is left out is looked at as well, so that every size is met.
        return sum(self._selection(node, parent, sized) * self._included(node) for node in selections)

    def _selection(self, node: SelectionNode, parent: str, sized: _Sized) -> int:
        if isinstance(node, FieldNode):
            return self._field(node, parent, sized)
        if isinstance(node, FragmentSpreadNode):
            return self._fragment(node.name.value, parent, sized)
        if isinstance(node, InlineFragmentNode) and self._applies(node, parent):
            return self._selections(node.selection_set.selections, parent, sized)
        return 0

    def _fragment(self, name: str, parent: str, sized: _Sized) -> int:
        key = name, parent, sized
        if key not in self._known:
            self._known[key] = 0  # of one that spreads itself; validation refuses it
            node = self._fragments.get(name)
            if node is not None and self._applies(node, parent):
                self._known[key] = self._selections(node.selection_set.selections, parent, sized)
        return self._known[key]

    def _applies(self, node: FragmentDefinitionNode | InlineFragmentNode, parent: str) -> bool:
        if node.type_condition is None or node.type_condition.name.value == parent:
            return True
        return parent in self._concrete.get(node.type_condition.name.value, ())

    def _field(self, node: FieldNode, parent: str, sized: _Sized) -> int:
        name = node.name.value
        price = self._prices.get((parent, name), _UNKNOWN)
        if node.selection_set is None:
            return price.weight
        size = sized.size if name in sized.fields else self._size(price, node)
        within = _Sized(price.in_fields, size) if price.in_fields else _UNSIZED
        selections = node.selection_set.selections
        inside = max((self._selections(selections, type_, within) for type_ in price.objects), default=0)
        if price.is_list:
            inside *= size
        return price.weight + (inside // _INTROSPECTION_DISCOUNT if name in INTROSPECTION else inside)

    def _size(self, price: Price, node: FieldNode) -> int:
        """The largest of the numbers and lengths that the arguments name, else the declared length."""
        arguments = {argument.name.value: argument.value for argument in node.arguments or ()}
        stated = (self._stated(arguments.get(path[0]), path[1:]) for path in price.sized_by)
        return max((max(size, 0) for size in stated if size is not None), default=price.size)

    def _stated(self, value: ValueNode | None, path: tuple[str, ...]) -> int | None:
        if isinstance(value, VariableNode):
            name = value.name.value
            size = _Size(name, path, self._stated(self._defaults.get(name), path))
            self.sizes[size] = None
            return size.of(self._variables)
        if isinstance(value, ObjectValueNode) and path:
            inner = next((field.value for field in value.fields if field.name.value == path[0]), None)
            return self._stated(inner, path[1:])
        if isinstance(value, ListValueNode):
            return len(value.values)
        if isinstance(value, IntValueNode):
            return min(int(value.value), MOST) if len(value.value) < 12 else MOST
        return int(value.value) if isinstance(value, BooleanValueNode) else None

    def _included(self, node: SelectionNode) -> bool:
        """False for what `@skip` or `@include` leaves out."""
        for directive in node.directives or ():
            wanted = {"skip": False, "include": True}.get(directive.name.value)
            for argument in directive.arguments or () if wanted is not None else ():
                stated = self._stated(argument.value, ())
                if stated is not None and bool(stated) is not wanted:
                    return False
        return True

    def _root_fields(self, selections: Iterable[SelectionNode]) -> Iterator[FieldNode]:
        """Fields of a mutation, also those in fragments, each fragment once."""
        waiting, met = [*selections], set[str]()
        while waiting:
            node = waiting.pop()
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, InlineFragmentNode):
                waiting.extend(node.selection_set.selections)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in met:
                met.add(node.name.value)
                fragment = self._fragments.get(node.name.value)
                waiting.extend(fragment.selection_set.selections if fragment else ())

    def _records(self, node: FieldNode) -> int:
        """How many records a field of a mutation writes."""
        price = self._prices.get((self._root, node.name.value), _UNKNOWN)
        return max(1, self._size(price, node)) if price.sized_by else 1
