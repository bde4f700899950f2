"""Long lists are completed a few objects at a time: nobody else waits for them, and they can be cancelled between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphql import is_leaf_type
from graphql.pyutils import gather_with_cancel
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from shop import turns

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# A list of a usual page gives way later than a long one.
_SHORT = 25
_SHORT_SECONDS = 0.015

# What is cancelled leaves coroutines of fields that were never begun; nothing is lost with them.
NEVER_BEGUN = r"coroutine '(GraphQLCoreConverter|Executor|YieldingExecutor)\..*' was never awaited"


class YieldingExecutor(StrawberryGraphQLCoreExecutionContext):
    def complete_iterable_value(
        self, item_type: Any, field_details_list: Any, info: Any, path: Any, items: Iterable[Any], position_context: Any
    ) -> Any:
        arguments = item_type, field_details_list, info, path
        if not isinstance(items, list):
            items = list(items)  # such as the types of introspection
        if len(items) < 2 or is_leaf_type(item_type) or self.is_awaitable(items[0]):
            return super().complete_iterable_value(*arguments, items, position_context)
        seconds = _SHORT_SECONDS if len(items) <= _SHORT else turns.SLICE_SECONDS
        done: list[Any] = []
        awaited: list[int] = []
        if not turns.is_over(seconds):
            self._complete_some(items, done, awaited, arguments, position_context, seconds)
        if len(done) < len(items):
            return self._rest(items, done, awaited, arguments, position_context)
        return self._awaited(done, awaited) if awaited else done

    async def _rest(
        self, items: Sequence[Any], done: list[Any], awaited: list[int], arguments: tuple[Any, ...], context: Any
    ) -> list[Any]:
        while len(done) < len(items):
            async with turns.rest_of_a_turn():
                self._complete_some(items, done, awaited, arguments, context, turns.SLICE_SECONDS)
        return await self._awaited(done, awaited)

    def _complete_some(
        self,
        items: Sequence[Any],
        done: list[Any],
        awaited: list[int],
        arguments: tuple[Any, ...],
        context: Any,
        seconds: float,
    ) -> None:
        """Completes the next item, and more of them until the turn has taken so many seconds."""
        item_type, field_details_list, info, path = arguments
        try:
            for index in range(len(done), len(items)):
                if self.complete_list_item_value(
                    items[index], done, item_type, field_details_list, info, path.add_key(index, None), context
                ):
                    awaited.append(index)
                if turns.is_over(seconds):
                    return
        except Exception:
            self.settle_in_background([done[each] for each in awaited])
            raise

    async def _awaited(self, done: list[Any], awaited: list[int]) -> list[Any]:
        if len(awaited) == 1:
            done[awaited[0]] = await done[awaited[0]]
        elif awaited:
            for index, value in zip(awaited, await gather_with_cancel(*(done[each] for each in awaited)), strict=True):
                done[index] = value
        return done
