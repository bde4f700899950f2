"""Relay's connections: one page of a long list."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

import strawberry

from graphql_api.limits.prices import costs
from graphql_api.relay import encode_cursor
from shop.entities.paging import Page

T = TypeVar("T")
Row = TypeVar("Row")


@strawberry.type(description="Where a page lies in the whole list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether there are rows after this page.")
    has_previous_page: bool = strawberry.field(description="Whether there are rows before this page.")
    start_cursor: str | None = strawberry.field(description="Pass it as `before` to go back.")
    end_cursor: str | None = strawberry.field(description="Pass it as `after` to go on.")

    @classmethod
    def of(cls, page: Page[Any]) -> PageInfo:
        cursors = [encode_cursor(cursor) for _, cursor in page.rows[:1] + page.rows[-1:]]
        return cls(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=cursors[-1] if cursors else None,
        )


@strawberry.type(description="A row and its cursor.")
class Edge(Generic[T]):
    cursor: str = strawberry.field(description="Its place; stays valid while rows come and go.")
    node: T = strawberry.field(description="The row.")


@strawberry.type(description="One page of a list, in the list's order.")
class Connection(Generic[T]):
    edges: list[Edge[T]] = strawberry.field(description="The rows of this page with their cursors.")
    nodes: list[T] = strawberry.field(description="Just the rows.")
    page_info: PageInfo = strawberry.field(description="How to go on.")
    count: strawberry.Private[Callable[[], Awaitable[int]]]

    @classmethod
    def of(cls, page: Page[Row], convert: Callable[[Row], T], count: Callable[[], Awaitable[int]]) -> Connection[T]:
        """`count` is called only when a client asks for `totalCount`."""
        edges = [Edge(cursor=encode_cursor(cursor), node=convert(row)) for row, cursor in page.rows]
        return cls(edges=edges, nodes=[edge.node for edge in edges], page_info=PageInfo.of(page), count=count)

    @strawberry.field(description="All rows that match, over all pages.", directives=costs(20))
    async def total_count(self) -> int:
        return await self.count()
