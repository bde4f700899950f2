"""An explanation while it is written: pieces as a worker publishes them, and the checked text in the end."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shop.entities.events import Topic
from shop.entities.explanations import TextStatus
from shop.errors import NotRecommendedError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from shop.entities.events import Event
    from shop.entities.explanations import Explanation
    from shop.entities.users import Actor
    from shop.services.events import EventHub
    from shop.services.explanations import ExplanationService

_PATIENCE_SECONDS = 120  # longer than a worker may take; who waits in vain subscribes again


@dataclass(frozen=True, slots=True)
class Chunk:
    """`delta` is None where what was shown before does not hold; `explanation` comes with the last one."""

    event_id: str
    text: str | None
    delta: str | None
    replaced: bool
    explanation: Explanation | None = None


class ExplanationStream:
    def __init__(self, explanations: ExplanationService, hub: EventHub) -> None:
        self._explanations = explanations
        self._hub = hub

    async def follow(self, actor: Actor, product_id: str, locale: str | None = None) -> AsyncGenerator[Chunk, None]:
        """One chunk if the explanation is finished; else it is ordered, and comes in chunks.

        Raises NotRecommendedError without evidence to write it from, UnavailableError when it does not come.
        """
        start = self._hub.newest_id
        wanted = await self._explanations.current(actor, product_id, locale)
        if wanted is None:
            raise NotRecommendedError(product_id)
        if wanted.status is not TextStatus.PENDING:
            yield _last("", start, wanted)
            return
        await self._explanations.order_stream(wanted)
        shown = ""
        interests = [(Topic.EXPLANATION_CHUNK, wanted.key), (Topic.EXPLANATION_READY, actor.key)]
        deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        async with aclosing(self._hub.subscribe(interests, start)) as events:
            while (event := await _next(events, deadline)) is not None:
                if event.topic is Topic.EXPLANATION_CHUNK:
                    yield _chunk(shown, event.id, event.data["text"])
                    shown = event.data["text"]
                elif event.data["key"] == wanted.key and (ready := await self._explanations.by_key(wanted.key)):
                    yield _last(shown, event.id, ready)
                    return


async def _next(events: AsyncGenerator[Event, None], deadline: float) -> Event | None:
    try:
        async with asyncio.timeout_at(deadline):
            return await anext(events, None)
    except TimeoutError as error:
        raise UnavailableError("The writer of texts", "Subscribe again to go on waiting.") from error


def _chunk(shown: str, event_id: str, text: str, explanation: Explanation | None = None) -> Chunk:
    replaced = not text.startswith(shown)
    return Chunk(event_id, text, None if replaced else text[len(shown) :], replaced, explanation)


def _last(shown: str, event_id: str, ready: Explanation) -> Chunk:
    if ready.text is None:
        return Chunk(event_id, None, None, bool(shown), ready)
    return _chunk(shown, event_id, ready.text.text, ready)
