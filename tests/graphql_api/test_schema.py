"""The schema as frontend teams read it."""

from __future__ import annotations

from pathlib import Path

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    build_schema,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

from graphql_api.limits.sizes import input_values, sizes_of
from graphql_api.schema import build_schema as build_shop_schema

SDL = build_shop_schema().as_str()
ROOTS = {"Query", "Mutation", "Subscription"}


def test_the_printed_schema_is_up_to_date() -> None:
    printed = Path(__file__).parents[2] / "schema.graphql"

    assert printed.read_text() == SDL + "\n", "run `make schema`, and review what changed"


def test_everything_is_described() -> None:
    """Types, fields, arguments and enum values: a frontend developer needs no other manual."""
    missing = []
    for name, type_ in build_schema(SDL).type_map.items():
        if name.startswith("__") or (type_.description is None and name in {"ID", "Int", "Float", "String", "Boolean"}):
            continue
        if not type_.description and name not in ROOTS:
            missing.append(name)
        if isinstance(type_, GraphQLEnumType):
            missing += [f"{name}.{value}" for value, member in type_.values.items() if not member.description]
        if isinstance(type_, GraphQLInputObjectType):
            missing += [f"{name}.{field}" for field, member in type_.fields.items() if not member.description]
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            for field, member in type_.fields.items():
                missing += [] if member.description else [f"{name}.{field}"]
                missing += [f"{name}.{field}({arg})" for arg, spec in member.args.items() if not spec.description]
    assert missing == []


def test_the_names_of_the_contract_are_there() -> None:
    schema = build_schema(SDL)
    query, mutation, subscription = (schema.type_map[name] for name in ("Query", "Mutation", "Subscription"))
    assert isinstance(query, GraphQLObjectType)
    assert isinstance(mutation, GraphQLObjectType)
    assert isinstance(subscription, GraphQLObjectType)

    assert set(query.fields) >= {
        "viewer", "node", "nodes", "product", "products", "categories", "user", "users", "recommendations", "insight",
        "explanation", "model", "merchandisingRules", "explanationReport", "auditLog",
    }  # fmt: skip
    assert set(mutation.fields) >= {
        "trackInteraction", "trackInteractions", "saveMerchandisingRule", "deleteMerchandisingRule",
        "requestExplanation", "rateExplanation", "refreshInsight", "editInsight",
    }  # fmt: skip
    assert set(subscription.fields) >= {
        "recommendationsUpdated", "explanationReady", "explanationStream", "productUpdated",
    }  # fmt: skip


def test_every_text_and_list_of_an_input_says_how_long_it_may_be() -> None:
    schema = build_shop_schema()._schema
    silent = [
        f"{definition.description}"
        for definition in input_values(schema)
        if (get_named_type(definition.type).name == "String" or is_list_type(get_nullable_type(definition.type)))
        and not ((sizes := sizes_of(definition)) and (definition.description or "").endswith(sizes.words()))
    ]

    assert silent == []
