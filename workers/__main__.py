"""`python -m workers`: a worker process."""

from __future__ import annotations

import asyncio
import logging

import click

from shop.errors import BadInputError
from shop.logs import configure_logging
from shop.setting_files import read_settings
from shop.settings import Settings
from shop.telemetry.tracing import start_tracing, stop_tracing
from shop.watchdog import watchdog


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Run jobs until SIGTERM or Ctrl-C: explanations, insights, trainings, and what is scheduled.

    Any number of workers may run. One that stops returns its unfinished jobs to the queue; the jobs of one that is
    killed are taken over by another within seconds. Settings are in the environment or in .env: MONGODB_URI,
    REDIS_URL, LLM_… and WORKER_… (docs/settings.md). Jobs, retries and schedules are described in docs/jobs.md.
    """
    try:
        settings = read_settings(Settings)
    except BadInputError as error:
        raise click.ClickException(error.message) from None
    configure_logging(settings.stack)
    logging.getLogger("arq").setLevel(logging.WARNING)  # its lines on each job repeat those of workers/delivery.py
    start_tracing(settings.telemetry, "whybuy-worker")
    asyncio.run(_serve_watched(settings))


async def _serve_watched(settings: Settings) -> None:
    from workers.arq_app import serve

    async with watchdog(settings.stack.watchdog_seconds):
        try:
            await serve(settings)
        finally:
            await stop_tracing()


if __name__ == "__main__":
    main(prog_name="python -m workers")
