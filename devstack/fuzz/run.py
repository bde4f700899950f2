"""One run against a server: cases by HTTP and WebSocket, as all viewers, beside slow connections and a bystander."""

from __future__ import annotations

import asyncio
import io
import json
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp

from devstack.fuzz import bombs
from devstack.fuzz.operations import Case, Operations
from devstack.fuzz.viewers import Viewer, forged

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from graphql import GraphQLSchema

_LONGEST_SECONDS = 5.0
_KEPT_EXAMPLES = 5
_EVENTS_SECONDS = 0.3
_ABNORMAL = {1006, 1011}
_LARGE = 1_000_000
_ACCEPTS = (
    *["application/json"] * 8, "application/graphql-response+json", "*/*", "text/event-stream", "text/html", "", "x",
)  # fmt: skip


@dataclass(slots=True)
class Report:
    """What was seen. `faults` has examples of what must not be."""

    cases: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    longest_seconds: float = 0.0

    @property
    def total(self) -> int:
        return sum(self.cases.values())

    def fault(self, kind: str, what: str) -> None:
        self.faults[kind] += 1
        kept = self.examples.setdefault(kind, [])
        if len(kept) < _KEPT_EXAMPLES:
            kept.append(what[:2_000])


@dataclass(frozen=True, slots=True)
class Target:
    """The server, who asks it, what there is to ask for, and every word that only its shopper may read."""

    url: str
    key: dict[str, Any]  # the private one that signs tokens
    schema: GraphQLSchema
    viewers: Sequence[Viewer]
    ids: Mapping[str, Sequence[str]]
    marks: frozenset[str]


class Fuzzer:
    """Sends cases and judges the answers."""

    def __init__(self, target: Target, seed: int) -> None:
        self._target = target
        self._seed = seed
        self.report = Report()

    async def run(self, cases: int, connections: int, progress: Callable[[int], None] = lambda _: None) -> Report:
        """So many cases more, the same ones in every run with this seed."""
        done = self.report.total
        waiting = iter(range(done, done + cases))  # shared: each connection takes the next one

        async def work() -> None:
            async with aiohttp.ClientSession(auto_decompress=True) as http:
                for number in waiting:
                    await self._one(http, random.Random(f"{self._seed}:{number}"))  # noqa: S311 (nothing is secret)
                    progress(self.report.total)

        await asyncio.gather(*(work() for _ in range(connections)))
        return self.report

    async def _one(self, http: aiohttp.ClientSession, chance: random.Random) -> None:
        kind = chance.choices(("operation", "bomb", "body", "frame", "forged"), (80, 8, 4, 4, 4))[0]
        over_socket = kind == "frame" or (kind in {"operation", "bomb"} and chance.random() < 0.15)
        viewer = chance.choice(self._target.viewers)
        if kind == "forged":
            viewer = forged(chance.choice(self._target.viewers[1:]).name, self._target.key, chance)
        case = (
            bombs.bomb(chance) if kind == "bomb" else Operations(self._target.schema, self._target.ids, chance).make()
        )
        self.report.cases[f"{kind} over {'WebSocket' if over_socket else 'HTTP'}"] += 1
        started = time.perf_counter()
        try:
            async with asyncio.timeout(30):
                if over_socket:
                    await self._socket(http, case, viewer, chance, broken=kind == "frame")
                else:
                    await self._http(http, case, viewer, chance, broken=kind == "body")
        except TimeoutError:
            self.report.fault("no answer in 30 s", case.query)
        except (aiohttp.ClientError, ConnectionError) as error:
            too_large = len(json.dumps(case.variables)) > _LARGE
            if kind == "operation" and not too_large:  # a server may close on what it refuses to read
                self.report.fault("connection lost", f"{error!r} {case.query}")
        seconds = time.perf_counter() - started
        self.report.longest_seconds = max(self.report.longest_seconds, seconds)
        if seconds > _LONGEST_SECONDS:
            self.report.fault("longer than 5 s", f"{seconds:.1f} s {case.query} {json.dumps(case.variables)}")

    async def _http(
        self, http: aiohttp.ClientSession, case: Case, viewer: Viewer, chance: random.Random, *, broken: bool
    ) -> None:
        body = bombs.body(chance) if broken else None
        accept = chance.choice(_ACCEPTS) if case.kind != "subscription" else "text/event-stream"
        headers = {"Accept": accept, "X-Forwarded-For": _address(chance), **viewer.headers}
        url = f"{self._target.url}/graphql"
        if body is None and chance.random() < 0.1 and len(case.query) < 4_000:
            params = {"query": case.query, "variables": json.dumps(case.variables)}
            asking = http.get(url, params=params, headers=headers)
        else:
            content = json.dumps({"query": case.query, "variables": case.variables}).encode() if body is None else body
            types = ("application/json", "application/json", "text/plain", "multipart/form-data; boundary=x")
            headers["Content-Type"] = "application/json" if body is None else chance.choice(types)
            asking = http.post(url, data=io.BytesIO(content), headers=headers)
        async with asking as response:
            text = await self._read(response)
        self.report.statuses[str(response.status)] += 1
        if response.status >= 500 and "UNAVAILABLE" not in text:
            self.report.fault(f"status {response.status}", f"{text} {case.query} {json.dumps(case.variables)}")
        self._judge(text, case, viewer)

    async def _read(self, response: aiohttp.ClientResponse) -> str:
        """All of an answer; of a stream what comes in a moment."""
        if response.content_type != "text/event-stream":
            return (await response.read()).decode(errors="replace")
        read = b""
        try:
            async with asyncio.timeout(_EVENTS_SECONDS):
                async for piece in response.content.iter_any():
                    read += piece
        except TimeoutError:
            response.close()
        return read.decode(errors="replace")

    async def _socket(
        self, http: aiohttp.ClientSession, case: Case, viewer: Viewer, chance: random.Random, *, broken: bool
    ) -> None:
        headers = {"X-Forwarded-For": _address(chance)}
        address = f"{self._target.url}/graphql"
        async with http.ws_connect(
            address, protocols=["graphql-transport-ws"], headers=headers, max_msg_size=0
        ) as socket:
            await socket.send_json({"type": "connection_init", "payload": viewer.payload})
            if broken:
                await self._break(socket, case, viewer, bombs.frame(chance))
                return
            payload = {"query": case.query, "variables": case.variables}
            await socket.send_json({"type": "subscribe", "id": "1", "payload": payload})
            for text in await self._messages(socket, until="complete" if case.kind != "subscription" else None):
                self._judge(text, case, viewer)

    async def _break(
        self, socket: aiohttp.ClientWebSocketResponse, case: Case, viewer: Viewer, frame: str | bytes
    ) -> None:
        await (socket.send_str(frame) if isinstance(frame, str) else socket.send_bytes(frame))
        try:
            async with asyncio.timeout(_EVENTS_SECONDS):
                async for message in socket:
                    self._judge(str(message.data), case, viewer)
        except TimeoutError:
            return  # it was a message after all
        if socket.close_code in _ABNORMAL:
            self.report.fault("abnormal close", f"{socket.close_code} {frame!r}"[:200])

    async def _messages(self, socket: aiohttp.ClientWebSocketResponse, until: str | None) -> list[str]:
        """What comes until the operation has ended, or for a moment where it may not end."""
        texts: list[str] = []
        try:
            async with asyncio.timeout(20 if until else _EVENTS_SECONDS):
                async for message in socket:
                    texts.append(str(message.data))
                    if until and json.loads(texts[-1])["type"] in {until, "error"}:
                        break
        except TimeoutError:
            if until:
                raise
        return texts

    def _judge(self, text: str, case: Case, viewer: Viewer) -> None:
        for code in _codes(text):
            self.report.codes[code] += 1
            if code == "INTERNAL":
                self.report.fault("INTERNAL", f"{text} {case.query} {json.dumps(case.variables)}")
        if not viewer.sees_all:
            for mark in self._target.marks - viewer.marks:
                if mark in text and mark not in json.dumps(case.variables):
                    self.report.fault("read across viewers", f"{viewer.name} read {mark}: {case.query}")


def _address(chance: random.Random) -> str:
    return ".".join(str(chance.randrange(1, 255)) for _ in range(4))


def _codes(text: str) -> list[str]:
    return [part.split('"', 1)[0] for part in text.split('"code":"')[1:]]


async def bystander(url: str) -> asyncio.subprocess.Process:
    """The process that asks for next to nothing; ends when its input is closed."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "devstack.fuzz.bystander",
        url,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )


async def waits_of(process: asyncio.subprocess.Process) -> dict[str, Any]:
    said, _ = await process.communicate(b"")
    return dict(json.loads(said))


def host_and_port(url: str) -> tuple[str, int]:
    address = urlsplit(url)
    return address.hostname or "", address.port or 80
