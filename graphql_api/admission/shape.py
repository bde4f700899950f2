"""The shape of a document: counted once, in time linear in its length, before anything else looks at it.

Validation compares every field with every other one of its name, and follows fragments: it may only see documents
that passed here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
)

from shop.errors import CostExceededError

if TYPE_CHECKING:
    from collections.abc import Iterator

INTROSPECTION = frozenset({"__schema", "__type"})


@dataclass(frozen=True, slots=True)
class ShapeLimits:
    """The most that one document may have of each."""

    depth: int = 12
    nesting: int = 100  # levels with those of fragments
    fields: int = 500
    aliases: int = 30
    directives: int = 50
    fragments: int = 100
    variables: int = 100
    same_name: int = 50  # fields with a selection of their own, under one name


def require_shape(document: DocumentNode, limits: ShapeLimits) -> None:
    """Raises CostExceededError for a document with more of something than the limits allow."""
    counts: Counter[str] = Counter()
    names: Counter[str] = Counter()
    for node in _nodes(document):
        counts["directives"] += len(node.directives or ())
        if isinstance(node, FieldNode):
            counts["fields"] += 1
            counts["aliases"] += node.alias is not None
            if node.selection_set is not None:
                names[(node.alias or node.name).value] += 1
        elif isinstance(node, FragmentSpreadNode | InlineFragmentNode):
            counts["fields"] += 1  # a spread costs validation as much
        elif isinstance(node, FragmentDefinitionNode):
            counts["fragments"] += 1
        else:
            counts["variables"] += len(node.variable_definitions or ())
    for what, most in (
        ("fields", limits.fields),
        ("aliases", limits.aliases),
        ("directives", limits.directives),
        ("fragments", limits.fragments),
        ("variables", limits.variables),
    ):
        _require(counts[what], most, f"{what} in one document")
    if names:
        name, times = names.most_common(1)[0]
        _require(times, limits.same_name, f"fields of one name ({name[:40]})")
    depth, nesting = _Depths(document).deepest()
    _require(depth, limits.depth, "levels")
    _require(nesting, limits.nesting, "levels of fragments")


def introspects(document: DocumentNode) -> bool:
    """Whether it asks for the schema."""
    return any(isinstance(node, FieldNode) and node.name.value in INTROSPECTION for node in _nodes(document))


def _require(found: int, most: int, what: str) -> None:
    if found > most:
        raise CostExceededError(f"{most} {what} at most, not {found}. Ask for less at once.")


_Selection = FieldNode | FragmentSpreadNode | InlineFragmentNode
_Node = _Selection | FragmentDefinitionNode | OperationDefinitionNode


def _nodes(document: DocumentNode) -> Iterator[_Node]:
    """Definitions and selections, each once: spreads are not followed."""
    waiting: list[_Node] = [
        node for node in document.definitions if isinstance(node, OperationDefinitionNode | FragmentDefinitionNode)
    ]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(_selections(node))


def _selections(node: _Node) -> tuple[_Selection, ...]:
    if isinstance(node, FragmentSpreadNode) or node.selection_set is None:
        return ()
    return cast("tuple[_Selection, ...]", node.selection_set.selections)


class _Depths:
    """The deepest field under each fragment, found once: levels of fields, and levels with fragments."""

    def __init__(self, document: DocumentNode) -> None:
        self._document = document
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._known: dict[str, tuple[int, int]] = {}

    def deepest(self) -> tuple[int, int]:
        operations = (node for node in self._document.definitions if isinstance(node, OperationDefinitionNode))
        found = [self._under(operation) for operation in operations]
        return max((depth for depth, _ in found), default=0), max((nesting for _, nesting in found), default=0)

    def _under(self, node: _Node) -> tuple[int, int]:
        depth = nesting = 0
        for selection in _selections(node):
            below = self._of(selection)
            depth, nesting = max(depth, below[0]), max(nesting, below[1])
        return depth, nesting

    def _of(self, node: _Selection) -> tuple[int, int]:
        if isinstance(node, FragmentSpreadNode):
            depth, nesting = self._of_fragment(node.name.value)
        elif isinstance(node, FieldNode):
            depth, nesting = self._under(node)
            # Introspection is deep by its nature; a rule of the validation bounds it.
            depth = 1 if node.name.value in INTROSPECTION else depth + 1
        else:
            depth, nesting = self._under(node)
        return depth, nesting + 1

    def _of_fragment(self, name: str) -> tuple[int, int]:
        if name not in self._known:
            self._known[name] = (0, 0)  # of one that spreads itself; validation refuses it
            self._known[name] = self._under(self._fragments[name]) if name in self._fragments else (0, 0)
        return self._known[name]
