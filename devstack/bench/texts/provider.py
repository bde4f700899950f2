"""A provider for measurements, with OpenAI's API: it answers from the prompt, and fails as often as it is set to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from devstack.stack.ports import HOST, free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from starlette.requests import Request

Json = dict[str, Any]
SLOW_SECONDS = 30.0


class Fault(StrEnum):
    """What happens instead of a good answer."""

    RATE_LIMITED = "429"
    FAILED = "500"
    OVERLOADED = "529"
    CUT = "cut"  # the connection, inside the answer
    SLOW = "slow"  # the answer comes after 30 s
    NONSENSE = "nonsense"  # words that are not the JSON that was asked for


class FakeProvider:
    """`share` of the calls have one of the `faults`, drawn by the seed. `calls` counts them by fault, "" is none."""

    def __init__(self, faults: Sequence[Fault] = (), share: float = 0.0, seed: int = 0) -> None:
        self.calls: Counter[str] = Counter()
        self.url = ""
        self._faults = tuple(faults)
        self._share = share
        self._random = random.Random(seed)  # noqa: S311  to be repeatable, not secret

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[FakeProvider]:
        """This provider on a free loopback port; `url` is its base URL."""
        app = Starlette(routes=[Route("/v1/chat/completions", self._answer, methods=["POST"])])
        port = free_port()
        config = uvicorn.Config(app, host=HOST, port=port, log_config=None, log_level="critical", lifespan="off")
        config.timeout_graceful_shutdown = 1
        server = uvicorn.Server(config)
        with contextlib.ExitStack() as stack:
            # The signals stay with the command: it ends the server itself.
            server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
            task = asyncio.create_task(server.serve())
            stack.callback(task.cancel)
            while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
                await asyncio.sleep(0.01)
            self.url = f"http://{HOST}:{port}/v1"
            yield self
            server.should_exit = True
            await task

    async def _answer(self, request: Request) -> Response:
        body = await request.json()
        fault = self._draw()
        self.calls["" if fault is None else fault.value] += 1
        match fault:
            case Fault.RATE_LIMITED:
                return _error(429, "rate_limit_exceeded", {"retry-after": "1"})
            case Fault.FAILED | Fault.OVERLOADED:
                return _error(int(fault.value), "server_error")
            case Fault.CUT:
                return StreamingResponse(_cut(), media_type="application/json")
            case Fault.NONSENSE:
                return _completion(body, "As a language model I like turtles, and 4,711 of them at 50 % off.")
            case Fault.SLOW:
                await asyncio.sleep(SLOW_SECONDS)
        return _completion(body, truthful(body))

    def _draw(self) -> Fault | None:
        return self._random.choice(self._faults) if self._random.random() < self._share else None


def truthful(body: Json) -> str:
    """An answer that only names the products it was asked about."""
    user = body["messages"][-1]["content"]
    data = json.loads(user[user.index("{") : user.rindex("}") + 1])
    if "items" not in data:
        return json.dumps({"text": "You know what you like, and you come back for it."})
    texts = [
        {"index": item["index"], "text": f"{item['product']['name']} is here for good reasons. The evidence says so."}
        for item in data["items"]
    ]
    return json.dumps({"explanations": texts})


def _completion(body: Json, text: str) -> Response:
    if body.get("stream"):
        return StreamingResponse(_chunks(body, text), media_type="text/event-stream")
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return JSONResponse({**_head(body, "chat.completion"), "choices": [choice], "usage": _usage(body, text)})


async def _chunks(body: Json, text: str) -> AsyncIterator[bytes]:
    head = _head(body, "chat.completion.chunk")
    deltas: list[tuple[Json, str | None]] = [({"role": "assistant", "content": ""}, None)]
    deltas += [({"content": text[at : at + 16]}, None) for at in range(0, len(text), 16)]
    deltas.append(({}, "stop"))
    for delta, reason in deltas:
        yield _event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
    yield _event({**head, "choices": [], "usage": _usage(body, text)})
    yield b"data: [DONE]\n\n"


def _event(data: Json) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def _head(body: Json, kind: str) -> Json:
    return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": body["model"]}


def _usage(body: Json, text: str) -> Json:
    question, answer = len(json.dumps(body["messages"])) // 4, len(text) // 4
    return {"prompt_tokens": question, "completion_tokens": answer, "total_tokens": question + answer}


def _error(status: int, code: str, headers: dict[str, str] | None = None) -> Response:
    error = {"message": "injected", "type": code, "param": None, "code": code}
    return JSONResponse({"error": error}, status, headers)


async def _cut() -> AsyncIterator[bytes]:
    yield b'{"id": "chatcmpl-1", '
    raise ConnectionResetError  # the server then closes the connection, for want of another way
