"""Logging: readable lines for people, JSON lines for machines."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shop.settings import StackSettings

# Libraries, by the beginning of their loggers' names, and the least level that comes out of them. Below it they show
# what is sent and received: prompts and texts, what a page sends, commands and documents.
_LEAST_LEVELS = {
    **dict.fromkeys(
        ("openai", "anthropic", "httpx", "httpcore", "pymongo", "asyncio", "botocore", "aiobotocore", "arq"),
        logging.WARNING,
    ),
    **dict.fromkeys(("uvicorn", "websockets"), logging.INFO),
}
_LIBRARIES = (*_LEAST_LEVELS, "httpx2", "httpcore2")


def current_request_id() -> str | None:
    """The id of the request that is being served, as its log lines have it; None outside of any."""
    id_: str | None = structlog.contextvars.get_contextvars().get("request_id")
    return id_


def configure_logging(settings: StackSettings, last: Sequence[structlog.types.Processor] = ()) -> None:
    """Sends structlog's and the libraries' logs to stderr in one form; call once, at the start of a process. The lines
    go through `last` before they are rendered."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        *([structlog.processors.format_exc_info] if settings.log_json else []),
        *last,
    ]
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if settings.log_json
        # Plain traces: the pretty ones print local variables, and with them tokens and addresses.
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            pad_event_to=0,
            pad_level=False,
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_is_discreet)  # an SDK sets its own level when it is imported, if the environment says so
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=settings.log_level, force=True)
    quiet_libraries()


def quiet_libraries() -> None:
    """Raises the libraries' levels to what may come out. Needed anew after an import of an SDK: OPENAI_LOG and
    ANTHROPIC_LOG lower them, and without a handler add one."""
    for name in _LIBRARIES:
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.getEffectiveLevel(), _least_level(name)))


def _is_discreet(record: logging.LogRecord) -> bool:
    return record.levelno >= _least_level(record.name)


def _least_level(name: str) -> int:
    return next((level for library, level in _LEAST_LEVELS.items() if name.startswith(library)), logging.NOTSET)
