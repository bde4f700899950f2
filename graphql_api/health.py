"""Is the process alive, and can it serve?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from shop.errors import ShopError
from shop.store.database import require_writes
from shop.store.redis import ping

if TYPE_CHECKING:
    from starlette.requests import Request

    from shop.resources.serving import ServingResources


async def live(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def ready(request: Request) -> Response:
    """200 when every part answers, else 503; the body says which part does not and why."""
    resources: ServingResources = request.app.state.resources
    checks = {
        "mongodb": require_writes(resources.stores.database),
        "redis": ping(resources.stores.redis),
        "model": _model(resources),
    }
    answers = await asyncio.gather(*(_state(check) for check in checks.values()))
    parts = dict(zip(checks, answers, strict=True))
    healthy = all(answer == "ok" for answer in answers)
    return JSONResponse({"status": "ok" if healthy else "unavailable", "parts": parts}, 200 if healthy else 503)


async def _state(check: Awaitable[object]) -> str:
    try:
        await check
    except ShopError as error:
        return error.message
    return "ok"


async def _model(resources: ServingResources) -> None:
    resources.models.require()
