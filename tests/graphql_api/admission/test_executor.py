"""Long lists give others their turn, and can be cancelled."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

import pytest
import strawberry

from graphql_api.admission.executor import YieldingExecutor

LONG = 40
STEP_SECONDS = 0.002  # what one row keeps the event loop for


@strawberry.type
class Row:
    number: int

    @strawberry.field
    def slow(self) -> int:
        time.sleep(STEP_SECONDS)
        return self.number

    @strawberry.field
    async def awaited(self) -> int:
        await asyncio.sleep(0)
        return -self.number

    @strawberry.field
    def rows(self) -> list[Row]:
        return [Row(number=number) for number in range(3)]

    @strawberry.field
    def broken(self) -> int:
        raise ValueError(f"row {self.number}")


@strawberry.type
class Query:
    @strawberry.field
    def rows(self, number: int = LONG) -> list[Row]:
        return [Row(number=number) for number in range(number)]

    @strawberry.field
    def keyed_rows(self) -> list[Row]:
        """No list in truth, as the types of introspection are none."""
        return cast("list[Row]", {number: Row(number=number) for number in range(LONG)}.values())

    @strawberry.field
    def maybe_rows(self) -> list[Row | None]:
        return [Row(number=1), None, Row(number=3)]


SCHEMA = strawberry.Schema(Query, execution_context_class=YieldingExecutor)
PLAIN = strawberry.Schema(Query)


@pytest.mark.parametrize(
    "query",
    [
        "{ rows { number slow } }",
        "{ rows { number slow awaited rows { number slow awaited } } }",
        "{ rows(number: 1) { awaited } one: rows(number: 0) { number } }",
        "{ maybeRows { number slow awaited } keyedRows { slow rows { awaited } } }",
        "{ rows { slow broken } }",
        "{ rows { slow awaited rows { broken } } }",
    ],
)
async def test_answers_are_those_of_the_plain_executor(query: str) -> None:
    mine, plain = await SCHEMA.execute(query), await PLAIN.execute(query)

    assert mine.data == plain.data
    assert [(error.message, error.path) for error in mine.errors or ()][:1] == [
        (error.message, error.path) for error in plain.errors or ()
    ][:1]


async def turns_during(work: Any) -> int:
    """How often another task gets its turn meanwhile."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    standing = asyncio.create_task(other())
    await asyncio.sleep(0)
    before = turns
    await work
    standing.cancel()
    return turns - before


@pytest.mark.parametrize(("field", "rows"), [("rows", LONG), ("rows(number: 24)", 24), ("keyedRows", LONG)])
async def test_others_get_their_turn_between_rows(field: str, rows: int) -> None:
    query = f"{{ {field} {{ slow }} }}"

    assert await turns_during(SCHEMA.execute(query)) >= rows * STEP_SECONDS / 0.015
    assert await turns_during(PLAIN.execute(query)) <= 2


async def test_many_long_lists_at_once_take_one_turn_each() -> None:
    """With a row of each list in every turn, thirty lists would keep the loop for thirty rows at a time."""
    lists = asyncio.gather(*(SCHEMA.execute("{ rows(number: 12) { slow } }") for _ in range(30)))

    assert await turns_during(lists) >= 30 * 12 * STEP_SECONDS / 0.02


async def test_a_long_list_is_cancelled_between_rows() -> None:
    task = asyncio.create_task(SCHEMA.execute("{ rows(number: 5000) { slow } }"))
    await asyncio.sleep(0.02)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
