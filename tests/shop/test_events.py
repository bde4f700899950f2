"""The event log and its fan-out: nothing lost, nothing twice, in order, and clients can resume."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from shop.entities.events import Event, Topic
from shop.errors import BadInputError, UnavailableError
from shop.resources.serving import open_serving
from tests.fixtures.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from shop.services.events import EventHub
    from shop.settings import Settings

ANNA, BEN = "u:anna", "u:ben"


def interaction(subject: str, number: int) -> Event:
    return Event(Topic.INTERACTION, subject, {"number": number})


@pytest.fixture
async def hub(settings: Settings) -> AsyncIterator[EventHub]:
    async with open_serving(settings, start=False) as resources:
        await resources.hub.start()
        yield resources.hub
        await resources.hub.stop()


async def take(hub: EventHub, count: int, subject: str | None = ANNA, after: str | None = None) -> list[Event]:
    events: list[Event] = []
    async with asyncio.timeout(10):
        stream = hub.subscribe([(Topic.INTERACTION, subject)], after)
        async for event in stream:
            events.append(event)
            if len(events) == count:
                break
        await stream.aclose()
    return events


async def drain(stream: AsyncGenerator[Event, None]) -> None:
    async with asyncio.timeout(10), contextlib.aclosing(stream) as events:
        async for _ in events:
            pass


async def subscribed(hub: EventHub, count: int) -> None:
    async def enough() -> bool:
        return hub.subscribers >= count

    await until(enough, "the subscription", 10)


async def caught_up(hub: EventHub) -> None:
    """Returns when the hub's reader has read all that is in the log."""

    async def seen_all() -> bool:
        return hub.newest_id == await hub._event_log.newest_id()

    await until(seen_all, "the reader", 10)


async def test_each_subscriber_gets_its_own_events_in_order(hub: EventHub) -> None:
    anna, everyone = asyncio.create_task(take(hub, 3)), asyncio.create_task(take(hub, 5, None))
    await subscribed(hub, 2)

    await hub.publish([interaction(ANNA, 1), interaction(BEN, 2), interaction(ANNA, 3)])
    await hub.publish([interaction(BEN, 4), interaction(ANNA, 5)])

    assert [event.data["number"] for event in await anna] == [1, 3, 5]
    assert [event.data["number"] for event in await everyone] == [1, 2, 3, 4, 5]
    assert hub.subscribers == 0, "who left is forgotten"


async def test_a_client_resumes_after_the_last_event_it_saw(hub: EventHub) -> None:
    first = asyncio.create_task(take(hub, 2))
    await subscribed(hub, 1)
    await hub.publish([interaction(ANNA, number) for number in range(6)])
    seen = await first

    missed = asyncio.create_task(take(hub, 6, after=seen[-1].id))
    await subscribed(hub, 1)
    await hub.publish([interaction(ANNA, 6), interaction(ANNA, 7)])

    assert [event.data["number"] for event in seen + await missed] == list(range(8))


async def test_events_while_a_client_resumes_come_once(hub: EventHub) -> None:
    """The backlog is read while new events arrive: the seam must neither lose nor repeat one."""
    first = asyncio.create_task(take(hub, 1))
    await subscribed(hub, 1)
    await hub.publish([interaction(ANNA, 0)])
    (start,) = await first

    async def publish_on() -> None:
        for number in range(1, 60):
            await hub.publish([interaction(ANNA, number)])

    publishing = asyncio.create_task(publish_on())
    resumed = await asyncio.gather(*(take(hub, 59, after=start.id) for _ in range(5)))
    await publishing

    for events in resumed:
        assert [event.data["number"] for event in events] == list(range(1, 60))


async def test_what_is_not_an_event_id_is_refused(hub: EventHub) -> None:
    for nonsense in ("now", "1-2-3", "-", "99999999999999999999-0", "$", "١-١"):
        with pytest.raises(BadInputError, match="eventId"):
            await take(hub, 1, after=nonsense)


async def test_a_topic_of_a_newer_version_does_not_stop_the_rest(hub: EventHub, settings: Settings) -> None:
    reading = asyncio.create_task(take(hub, 1))
    await subscribed(hub, 1)
    async with open_serving(settings, start=False) as newer:
        await newer.stores.redis.xadd(newer.stores.keys.events, {"t": "something_new", "s": ANNA, "d": "{}"})

    await hub.publish([interaction(ANNA, 1)])

    assert [event.data["number"] for event in await reading] == [1]


async def test_who_wants_the_newest_only_gets_the_last_of_many(hub: EventHub) -> None:
    stream = hub.subscribe([(Topic.INTERACTION, ANNA)], newest_only=True)
    first = asyncio.ensure_future(anext(stream))
    await subscribed(hub, 1)
    await hub.publish([interaction(ANNA, 0)])
    await first
    await hub.publish([interaction(ANNA, number) for number in range(1, 50)])
    await caught_up(hub)

    async with asyncio.timeout(10):
        assert (await anext(stream)).data["number"] == 49
    await stream.aclose()


async def test_who_resumes_and_wants_the_newest_only_gets_one_of_those_missed(hub: EventHub) -> None:
    first = asyncio.create_task(take(hub, 1))
    await subscribed(hub, 1)
    await hub.publish([interaction(ANNA, number) for number in range(3)])
    (seen,) = await first
    await caught_up(hub)

    stream = hub.subscribe([(Topic.INTERACTION, ANNA)], seen.id, newest_only=True)
    async with asyncio.timeout(10):
        missed = await anext(stream)
        following = asyncio.ensure_future(anext(stream))
        await subscribed(hub, 1)
        await hub.publish([interaction(ANNA, 3)])
        later = await following
    await stream.aclose()

    assert [event.data["number"] for event in (missed, later)] == [2, 3]


async def test_a_client_that_cannot_keep_up_is_told_so(hub: EventHub) -> None:
    stream = hub.subscribe([(Topic.INTERACTION, ANNA)])
    reading = asyncio.ensure_future(anext(stream))
    await subscribed(hub, 1)
    for _ in range(6):
        await hub.publish([interaction(ANNA, number) for number in range(300)])
    await reading

    async def seen_all() -> bool:
        return hub.newest_id == await newest

    newest = asyncio.ensure_future(hub._event_log.newest_id())
    await until(seen_all, "the reader", 10)
    with pytest.raises(UnavailableError, match="fell behind"):
        await drain(stream)
