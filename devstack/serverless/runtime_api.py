"""Lambda's Runtime API, as an execution environment sees it, and a function that runs behind it as a process here."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson
from aiohttp import web

from devstack.errors import StackError
from devstack.stack.ports import HOST
from devstack.stack.process import Program, spawn, stop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

_VERSION = "/2018-06-01/runtime"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call has answered; `seconds` from the event to the answer, as the runtime client takes them."""

    body: Any
    failed: bool
    seconds: float


class Function:
    """A function in one execution environment, which takes one call at a time."""

    process: asyncio.subprocess.Process

    def __init__(self) -> None:
        self.ready = asyncio.Event()  # it has asked for its first event
        self._events: asyncio.Queue[tuple[str, bytes, float] | None] = asyncio.Queue()
        self._answers: dict[str, asyncio.Future[tuple[Any, bool]]] = {}

    async def invoke(self, event: object, seconds: float = 60) -> Answer:
        """Raises StackError when the process ends in the middle of it."""
        id_ = str(uuid4())
        answer = self._answers[id_] = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        await self._events.put((id_, orjson.dumps(event), time.time() + seconds))
        ended = asyncio.ensure_future(self.process.wait())
        await asyncio.wait({answer, ended}, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if not answer.done():
            raise StackError("The function's process ended in the middle of a call.")
        body, failed = answer.result()
        return Answer(body, failed, time.perf_counter() - began)

    async def next(self, _request: web.Request) -> web.Response:
        self.ready.set()
        if (waiting := await self._events.get()) is None:
            return web.json_response({}, status=500)
        id_, event, deadline = waiting
        headers = {
            "Lambda-Runtime-Aws-Request-Id": id_,
            "Lambda-Runtime-Deadline-Ms": str(round(deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-central-1:000000000000:function:here",
        }
        return web.Response(body=event, headers=headers, content_type="application/json")

    def close(self) -> None:
        """Whoever waits for an event waits in vain."""
        self._events.put_nowait(None)

    async def answered(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read() or b"null")
        self._answers[request.match_info["id"]].set_result((body, request.path.endswith("/error")))
        return web.json_response({}, status=202)

    async def init_failed(self, _request: web.Request) -> web.Response:
        return web.json_response({}, status=202)


@contextlib.asynccontextmanager
async def function(handler: str, package: Path, environment: Mapping[str, str], log: Path) -> AsyncIterator[Function]:
    """The handler of an unpacked package, as `workers.aws_lambda.llm`, in Lambda's runtime client, ready for calls.

    As on Lambda it cannot write bytecode, and sees nothing but its package. Raises StackError when it does not start.
    """
    one = Function()
    app = web.Application()
    app.router.add_get(f"{_VERSION}/invocation/next", one.next)
    app.router.add_post(f"{_VERSION}/invocation/{{id}}/response", one.answered)
    app.router.add_post(f"{_VERSION}/invocation/{{id}}/error", one.answered)
    app.router.add_post(f"{_VERSION}/init/error", one.init_failed)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    variables = {
        "AWS_LAMBDA_RUNTIME_API": f"{HOST}:{runner.addresses[0][1]}",
        "AWS_LAMBDA_FUNCTION_NAME": handler.rpartition(".")[2],
        "LAMBDA_TASK_ROOT": str(package),
        "_HANDLER": handler,
        "WHYBUY_PYTHON": str(Path(sys.base_prefix) / "bin" / "python3"),
        "PYTHONDONTWRITEBYTECODE": "1",
        **environment,
    }

    async def ready() -> bool:
        return one.ready.is_set()

    program = Program(handler, ("sh", str(package / "bootstrap")), variables, ready)
    with log.open("ab") as output:
        one.process = await spawn(program, stdout=output, stderr=asyncio.subprocess.STDOUT)
    try:
        ended = asyncio.ensure_future(one.process.wait())
        started = asyncio.ensure_future(one.ready.wait())
        await asyncio.wait({ended, started}, return_when=asyncio.FIRST_COMPLETED)
        for waiting in (ended, started):
            waiting.cancel()
        if not one.ready.is_set():
            raise StackError(f"{handler} did not start; its log is {log}.")
        yield one
    finally:
        await stop(one.process)
        one.close()
        await runner.cleanup()
