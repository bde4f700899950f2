"""Documents are read once, and kept while there is room."""

from __future__ import annotations

import hashlib

import pytest
from graphql import GraphQLSyntaxError

from graphql_api.admission.documents import Documents
from graphql_api.admission.shape import ShapeLimits
from graphql_api.schema import build_schema
from shop.errors import CostExceededError

SCHEMA = build_schema()._schema


def documents(kept_bytes: int = 400_000, *, hide_suggestions: bool = False) -> Documents:
    limits = ShapeLimits()
    return Documents(
        SCHEMA, limits, max_length=40_000, max_tokens=4_000, kept_bytes=kept_bytes, hide_suggestions=hide_suggestions
    )


async def test_what_was_read_is_known_by_its_text_and_its_hash() -> None:
    read = documents()
    text = "{ model { version } }"

    first = await read.read(text)

    assert await read.read(text) is first
    assert read.find(hashlib.sha256(text.encode()).hexdigest()) == text
    assert read.find("0" * 64) is None


async def test_only_valid_documents_are_kept_and_only_so_many_bytes_of_them() -> None:
    read = documents()
    for number in range(40):
        await read.read(f"{{ model {{ version }} }} # {number} {'x' * 500}")
        assert (await read.read(f"{{ unknown{number} }} # {'x' * 5_000}")).errors
        with pytest.raises(GraphQLSyntaxError):
            await read.read("{" + " " * number)

    assert 200_000 < read.bytes_kept <= 400_000
    newest = await read.read(f"{{ model {{ version }} }} # 39 {'x' * 500}")
    assert await read.read(newest.text) is newest


async def test_what_does_not_fit_displaces_nothing() -> None:
    read = documents(kept_bytes=100_000)
    small = await read.read("{ model { version } }")
    await read.read("{ model { version } } #" + "x" * 5_000)

    assert await read.read("{ model { version } }") is small


@pytest.mark.parametrize(
    "text",
    ["{ __typename } #" + "x" * 40_000, "{" + "a" * 50_000 + "}", "{" * 3_000, '{ product(sku: "' + "x" * 1_000_000],
    ids=["a comment", "a name", "braces", "a string"],
)
async def test_a_document_may_have_so_many_characters_and_levels(text: str) -> None:
    with pytest.raises((CostExceededError, GraphQLSyntaxError)):
        await documents().read(text)


async def test_hints_of_names_are_kept_from_those_who_may_not_see_the_schema() -> None:
    open_ = await documents().read("{ modell { version } }")
    closed = await documents(hide_suggestions=True).read("{ modell { version } }")

    assert "model" in open_.errors[0].message.replace("modell", "")
    assert "model" not in closed.errors[0].message.replace("modell", "")
