"""What operations cost, found from their documents and variables alone."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import OperationDefinitionNode, get_introspection_query, parse

from graphql_api.admission.cost import MOST, Costs
from graphql_api.admission.shape import ShapeLimits, require_shape
from graphql_api.limits.prices import price_list
from graphql_api.schema import build_schema
from shop.errors import CostExceededError

SCHEMA = build_schema()._schema
COSTS = Costs(SCHEMA)


def cost(query: str, variables: dict[str, Any] | None = None) -> int:
    return costs(query, variables)[0]


def costs(query: str, *sent: dict[str, Any] | None) -> list[int]:
    """Of one operation with each of these variables, one after another."""
    document = parse(query)
    operation = next(node for node in document.definitions if isinstance(node, OperationDefinitionNode))
    price = COSTS.of(document, operation)
    return [price(variables).units for variables in sent]


def test_every_value_costs_one_and_lists_multiply() -> None:
    page = cost("{ products(first: 10) { pageInfo { hasNextPage } nodes { id name } } }")

    assert page == 20 + (1 + 1) + (1 + 10 * 2)
    assert cost("{ products(first: 100) { nodes { id name } } }") == 20 + 1 + 100 * 2
    assert cost("{ products { nodes { id name } } }") == 20 + 1 + 20 * 2  # the page's usual length


def test_sizes_come_from_variables_their_defaults_and_inputs() -> None:
    page = "query ($first: Int = 7) { products(first: $first) { nodes { id } } }"
    shelf = "query ($input: RecommendationInput) { recommendations(input: $input) { items { rank } } }"

    assert costs(page, {"first": 50}, None, {"first": 50}, {"first": 3}) == [71, 28, 71, 24]
    assert costs(shelf, {"input": {"limit": 40}}, {"input": {}}, {}) == [141, 106, 106]
    assert cost("{ recommendations(input: { limit: 40 }) { items { rank } } }") == 141


def test_the_length_of_a_list_counts() -> None:
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"

    assert costs(query, {"ids": ["a"] * 3}, {"ids": ["a"] * 90}) == [5, 92]


def test_what_is_left_out_costs_nothing() -> None:
    query = "query ($more: Boolean!) { model { version } recommendations @include(if: $more) { id } }"

    assert costs(query, {"more": False}, {"more": True}) == [2, 103]
    assert cost("{ model @skip(if: true) { version } }") == 0


def test_of_several_types_the_dearest_counts() -> None:
    person = "... on User { recommendations(limit: 10) { items { rank } } }"
    product = "... on Product { name }"

    assert cost(f"{{ node(id: 1) {{ {person} {product} }} }}") == cost(f"{{ node(id: 1) {{ {person} }} }}")


def test_neighbours_of_neighbours_cost_what_they_are_whatever_they_are_called() -> None:
    named = "{ product(sku: 1) { similar(first: 50) { similar(first: 50) { similar(first: 50) { id } } } } }"
    renamed = named.replace("similar(first: 50)", "likes: similar(first: 50)")

    assert cost(named) == cost(renamed) > 50**3


@pytest.mark.parametrize("levels", [20, 40, 90])
def test_fragments_that_double_are_priced_in_linear_time(levels: int) -> None:
    """With a walk that follows every spread this test would never end."""
    fragments = "".join(
        f"fragment F{level} on Category {{ a: children {{ ...F{level + 1} }} b: children {{ ...F{level + 1} }} }}"
        for level in range(levels)
    )
    bomb = f"{{ categories {{ ...F0 }} }} {fragments} fragment F{levels} on Category {{ name }}"

    assert cost(bomb) == MOST
    with pytest.raises(CostExceededError):
        require_shape(parse(bomb), ShapeLimits())


@pytest.mark.parametrize("levels", [20, 40, 90])
def test_spreads_that_double_are_counted_in_linear_time(levels: int) -> None:
    fragments = "".join(f"fragment F{level} on Query {{ ...F{level + 1} ...F{level + 1} }}" for level in range(levels))
    bomb = f"{{ ...F0 }} {fragments} fragment F{levels} on Query {{ model {{ version }} }}"

    require_shape(parse(bomb), ShapeLimits())
    assert cost(bomb) == min(2 * 2**levels, MOST)


def test_fragments_in_a_circle_are_priced_and_left_to_validation() -> None:
    assert cost("{ ...A } fragment A on Query { model { version } ...B } fragment B on Query { ...A }") == 2


def test_the_usual_question_for_the_schema_passes_and_ten_of_them_do_not() -> None:
    once = get_introspection_query()
    inner = once[once.index("__schema") : once.index("fragment FullType")].rstrip().removesuffix("}")
    fragments = once[once.index("fragment FullType") :]
    many = "{" + " ".join(f"s{number}: {inner}" for number in range(10)) + "}" + fragments

    assert cost(once) < 5_000
    assert cost(many) == 10 * cost(once)


@pytest.mark.parametrize(
    "document",
    [
        "{" + " __typename" * 501 + "}",
        "{" + "".join(f" a{n}: __typename" for n in range(31)) + "}",
        "{ __typename " + "@include(if: true) " * 51 + "}",
        "query (" + ",".join(f"$v{n}: Int" for n in range(101)) + ") { __typename }",
        "{ __typename }" + "".join(f"fragment F{n} on Query {{ __typename }}" for n in range(101)),
        "{" + " categories { name }" * 51 + "}",
        "{ categories { " + "children { " * 13 + "name" + " }" * 14 + " }",
        "{" + "... { " * 101 + "__typename" + " }" * 102,
    ],
    ids=["fields", "aliases", "directives", "variables", "fragments", "one name", "levels", "nesting"],
)
def test_no_document_may_have_too_much_of_one_thing(document: str) -> None:
    with pytest.raises(CostExceededError) as refused:
        require_shape(parse(document), ShapeLimits())

    assert "at most" in refused.value.message


def test_writes_are_counted_by_record() -> None:
    batch = "mutation ($input: TrackInteractionsInput!) { trackInteractions(input: $input) { userErrors { code } } }"
    twice = """
        mutation { a: trackInteraction(input: {}) { __typename } ...B }
        fragment B on Mutation { b: trackInteraction(input: {}) { __typename } }
    """

    def writes(query: str, variables: dict[str, Any] | None = None) -> int:
        document = parse(query)
        operation = document.definitions[0]
        assert isinstance(operation, OperationDefinitionNode)
        return COSTS.of(document, operation)(variables).writes

    assert writes(batch, {"input": {"interactions": [{}] * 30}}) == 30
    assert writes(twice) == 2
    assert writes("{ model { version } }") == 0


def test_every_list_of_objects_says_how_long_it_is_taken_to_be() -> None:
    prices = price_list(SCHEMA)
    by_field_above = {(owner, name) for price in prices.values() for owner in price.objects for name in price.in_fields}
    silent = {
        f"{owner}.{name}"
        for (owner, name), price in prices.items()
        if price.is_list and price.objects and not price.declared and (owner, name) not in by_field_above
    }

    # Lists that are short by their nature keep the default.
    assert {one for one in silent if not one.endswith((".userErrors", ".warnings")) and not one.startswith("__")} == {
        "ExplanationReport.clickThrough", "ExplanationReport.ratings", "LlmUsage.budgets", "LlmUsage.rows",
        "Model.metrics", "Model.weights",
    }  # fmt: skip
