"""`python -m graphql_api`: one API process."""

from __future__ import annotations

import gc
import sys
import warnings

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphql_api.admission.executor import NEVER_BEGUN
from graphql_api.app import create_app
from graphql_api.server import config
from shop.errors import BadInputError
from shop.logs import configure_logging
from shop.services.signing_keys import SigningKeys
from shop.settings import Settings
from shop.telemetry.tracing import start_tracing, stop_tracing
from shop.watchdog import watchdog


def check_settings(settings: Settings) -> None:
    """Raises BadInputError for settings that would be unsafe in production, and for keys that cannot be read."""
    if settings.stack.env != "production":
        return
    if settings.auth.signing_keys is None:
        raise BadInputError(
            "Production needs AUTH_SIGNING_KEYS, a file of keys that sign access tokens. `whybuy signing-keys FILE` "
            "makes one."
        )
    SigningKeys(settings.auth.signing_keys).public()


def _watched(app: ASGIApp, seconds: float) -> ASGIApp:
    """The same application, with a watchdog from the beginning of its lifespan to the end, where tracing stops too."""

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return

        async def send_last(message: Message) -> None:
            if message["type"].startswith("lifespan.shutdown."):  # uvicorn waits for nothing that comes after it
                await stop_tracing()
            await send(message)

        async with watchdog(seconds):
            await app(scope, receive, send_last)

    return watched


def main() -> None:
    settings = Settings()
    configure_logging(settings.stack)
    # Answers, and documents that are validated, leave objects in cycles. They are collected a few at a time, because
    # everybody waits meanwhile: 20,000 take 20 to 40 ms, 100,000 take 0.1 s, a million 1.5 s. The catalogue does not
    # count: CatalogService freezes it.
    gc.set_threshold(5_000, 4, 10)
    try:
        check_settings(settings)
    except BadInputError as error:
        sys.exit(f"whybuy: {error.message}")
    # Ranking and long documents run in threads: the event loop, which waits for their turn to end after every system
    # call, must not wait 5 ms each time.
    sys.setswitchinterval(0.0005)
    warnings.filterwarnings("ignore", NEVER_BEGUN, RuntimeWarning)
    start_tracing(settings.telemetry, "whybuy-api")
    app = _watched(create_app(settings), settings.stack.watchdog_seconds)
    uvicorn.Server(config(app, settings, host=settings.api.host, port=settings.api.port)).run()


if __name__ == "__main__":
    main()
