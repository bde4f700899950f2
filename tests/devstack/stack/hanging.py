"""The real entry points with something in them that blocks for ever: `python -m tests.devstack.stack.hanging NAME`.

The `api` blocks when it is asked for `/hang`, the `worker` in every sweep.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from starlette.routing import Route

import graphql_api.__main__ as api
import workers.__main__ as worker
from graphql_api.app import create_app
from workers.registry import JOBS

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from shop.settings import Settings


async def block_for_ever(*_: Any) -> None:
    while True:
        pass


def run_api() -> None:
    def create_hanging(settings: Settings) -> Starlette:
        app = create_app(settings)
        app.router.routes.append(Route("/hang", block_for_ever))
        return app

    with patch("graphql_api.__main__.create_app", create_hanging):
        api.main()


def run_worker() -> None:
    JOBS["sweep"] = replace(JOBS["sweep"], load=lambda: block_for_ever)
    worker.main([])


if __name__ == "__main__":
    {"api": run_api, "worker": run_worker}[sys.argv[1]]()
