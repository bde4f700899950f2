"""`python -m workers.aws_task`: the one job that `workers.ecs` has started this task for."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING, cast

import click
import orjson

from shop.errors import BadInputError, UnavailableError
from shop.store.job_claims import Begun
from workers.aws_worker import open_worker
from workers.ecs import BEGUN_VARIABLE, JOB_VARIABLE
from workers.sqs_delivery import carry_out

if TYPE_CHECKING:
    from shop.store.sqs_queue import QueuedJob, SqsQueue

_LOCK_SECONDS = 60


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Run the one job that the function `training` has passed on in WHYBUY_JOB, then end.

    The settings are those of a worker (docs/settings.md), from the environment and from the parameters below
    WHYBUY_PARAMETERS. SIGTERM hands the job back. The task is described in docs/serverless.md.
    """
    body, begun = os.environ.get(JOB_VARIABLE), os.environ.get(BEGUN_VARIABLE)
    if not body or not begun:
        raise click.ClickException(f"{JOB_VARIABLE} and {BEGUN_VARIABLE} must hold the job, as the function passes it.")
    try:
        asyncio.run(_run(body, Begun(**orjson.loads(begun))))
    except (BadInputError, UnavailableError) as error:
        raise click.ClickException(error.message) from error
    except asyncio.CancelledError:
        raise SystemExit(0) from None


async def _run(body: str, begun: Begun) -> None:
    running = cast("asyncio.Task[None]", asyncio.current_task())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    async with open_worker() as worker:
        job = worker.queue.read(body, message_id="task")
        if not await worker.queue.keep(job, begun, _LOCK_SECONDS):
            return  # this task was late, and another one has its place
        keeping = asyncio.create_task(_keep(worker.queue, job, begun, running))
        try:
            await carry_out(worker, job, begun)
        finally:
            keeping.cancel()


async def _keep(queue: SqsQueue, job: QueuedJob, begun: Begun, running: asyncio.Task[None]) -> None:
    """Goes on until another one has the job."""
    while True:
        await asyncio.sleep(_LOCK_SECONDS / 4)
        with contextlib.suppress(UnavailableError):  # a Redis that is away now may be back for the next turn
            if not await queue.keep(job, begun, _LOCK_SECONDS):
                running.cancel()
                return


if __name__ == "__main__":
    main(prog_name="python -m workers.aws_task")
