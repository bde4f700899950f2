"""What a process that takes jobs from SQS has open: settings, resources, and a writer of texts."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from shop.errors import BadInputError
from shop.logs import configure_logging
from shop.resources.texts import open_texts
from shop.setting_files import read_settings
from shop.settings import Settings
from shop.store.sqs_queue import SqsQueue
from workers.aws_metrics import with_metrics
from workers.aws_parameters import load_parameters
from workers.context import WorkerContext
from workers.llm.metered import metered_writer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AwsWorker:
    context: WorkerContext
    queue: SqsQueue


@contextlib.asynccontextmanager
async def open_worker() -> AsyncIterator[AwsWorker]:
    """Connected lazily, by the environment's settings and secrets. Raises UnavailableError when these cannot be read,
    and BadInputError for wrong settings and unless jobs are in SQS."""
    await load_parameters()
    settings = read_settings(Settings)
    configure_logging(settings.stack, last=[with_metrics])
    async with open_texts(settings) as resources:
        queue = resources.stores.queue
        if not isinstance(queue, SqsQueue):
            raise BadInputError("This takes its jobs from SQS: set QUEUE_BACKEND=sqs and QUEUE_URL_….")
        writer = metered_writer(resources)
        _log.info("worker_started", function=os.environ.get("AWS_LAMBDA_FUNCTION_NAME"), writer=settings.llm.provider)
        try:
            yield AwsWorker(WorkerContext(resources, writer), queue)
        finally:
            await writer.aclose()
    _log.info("worker_stopped")
