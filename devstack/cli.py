"""The command `whybuy`. Each command imports what it needs, so that `--help` is fast."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from typing import Any

import click

from devstack.account_commands import keys, signing_keys, token, users
from devstack.errors import StackError
from devstack.evaluation.command import evaluate, synthesize
from devstack.evaluation.prompts import prompts
from devstack.invocation import run_to_end, settings

DOWN_SECONDS = 60.0

_sample = click.option(
    "--sample", type=click.IntRange(min=1), metavar="N", help="Only N households, for a quick start (default: all)."
)
_keep_dates = click.option(
    "--keep-dates", is_flag=True, help="Keep the data's own dates instead of moving the year so that it ends today."
)
_mix = click.option(
    "--mix", is_flag=True, help="Load the demo shop beside a shop of your own, into the same catalogue."
)
_llm = click.option(
    "--llm",
    type=click.Choice(["local", "template", "anthropic", "openai"]),
    help="Who writes the texts (default: LLM_PROVIDER, or template). `local` runs a small model on this machine.",
)
_port = click.option("--port", type=click.IntRange(0, 65535), help="Port of the API (default: API_PORT, or 8000).")


class _Commands(click.Group):
    """Shows expected errors as a message and a status, not as a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except StackError as error:
            raise click.ClickException(str(error)) from error
        except Exception as error:
            from shop.errors import ShopError

            if isinstance(error, ShopError):
                raise click.ClickException(error.message) from error
            raise


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="whybuy")
def main() -> None:
    """Whybuy recommends products and says why.

    `whybuy up` starts everything on this machine: MongoDB, Valkey, the API and a worker. The other commands use
    MONGODB_URI and REDIS_URL where they are set, else the running stack, else they start the databases for as long as
    they need them. All settings are described in docs/settings.md.
    """


@main.command()
@click.option("--empty", is_flag=True, help="Load no demo shop: for a shop of your own, see docs/your-shop.md.")
@_sample
@_keep_dates
@_mix
@_port
@_llm
def up(*, empty: bool, sample: int | None, keep_dates: bool, mix: bool, port: int | None, llm: str | None) -> None:
    """Start all: databases, data, model, API, worker. Ctrl-C stops all.

    Databases that are empty get the demo shop; a shop of your own is left as it is.
    """
    from devstack.stack.up import DemoOptions, UpOptions
    from devstack.stack.up import up as run

    if empty and (sample is not None or mix):
        raise click.UsageError("--empty loads no demo shop; --sample and --mix are about loading one.")
    demo = DemoOptions(wanted=not empty, sample=sample, keep_dates=keep_dates, mix=mix)
    run_to_end(run(settings(), UpOptions(demo=demo, port=port, llm=llm)))


@main.command()
def down() -> None:
    """Stop the stack that runs with this data folder, and wait until it has."""
    from devstack.stack.data_dir import DataDir

    data = DataDir(settings().stack.data_dir)
    if (pid := data.lock_owner()) is None:
        click.echo(f"Nothing runs with the data in {data.root}.")
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + DOWN_SECONDS
    while data.lock_owner() == pid:
        if time.monotonic() > deadline:
            raise StackError(f"Process {pid} has not stopped after {DOWN_SECONDS:.0f} s; `kill -9 {pid}` ends it.")
        time.sleep(0.05)
    click.echo("Stopped; the data is kept.")


@main.command()
@_sample
@_keep_dates
@_mix
def seed(sample: int | None, *, keep_dates: bool, mix: bool) -> None:
    """Fill the database with a year of real grocery shopping and demo accounts."""
    from devstack.commands import seed as run

    run_to_end(run(settings(), sample, keep_dates=keep_dates, mix=mix))


@main.command()
@click.option(
    "--kind",
    type=click.Choice(["full", "embeddings", "content"]),
    default="full",
    show_default=True,
    help="All of the model, only its product embeddings, or its catalogue.",
)
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the training (default: MODEL_SEED).")
@click.option("--no-guard", is_flag=True, help="Use the new model even if it is worse than the one in use.")
def train(kind: str, seed: int | None, *, no_guard: bool) -> None:
    """Train a model on what is in the database and make it the current one, unless it is worse.

    An interrupted training goes on when it is started again. Exits with 1 when the model is kept inactive.
    """
    from devstack.commands import train as run

    run_to_end(run(settings(), kind, seed, guarded=not no_guard))


@main.command()
def models() -> None:
    """List the stored models: which is in use, and why one was rejected."""
    from devstack.commands import models as run

    run_to_end(run(settings()))


@main.command()
@click.argument("version")
def activate(version: str) -> None:
    """Make a stored model, by its VERSION, the current one."""
    from devstack.commands import activate as run

    run_to_end(run(settings(), version))


@main.command()
@click.option(
    "--days",
    type=click.FloatRange(min=0, min_open=True),
    default=30,
    show_default=True,
    metavar="N",
    help="How far back to look.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
def replay(days: float, *, as_json: bool) -> None:
    """Estimate from logged lists what they would have earned without exploration, and under the bandit of today."""
    from devstack.evaluation import replay as replaying

    report = run_to_end(replaying.replayed(settings(), days))
    if as_json:
        click.echo(replaying.as_json(report, days))
    else:
        replaying.show(report, days)


@main.command()
@_port
def api(port: int | None) -> None:
    """Run one API process."""
    from devstack.commands import run_program

    run_program(settings(), "api", port)


@main.command()
def worker() -> None:
    """Run one worker process."""
    from devstack.commands import run_program

    run_program(settings(), "worker", None)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
def status(*, as_json: bool) -> None:
    """Show what runs and what the databases hold. Exits with 1 when nothing runs."""
    from devstack.stack import status as reporting

    report = asyncio.run(reporting.status(settings()))
    if as_json:
        click.echo(reporting.as_json(report))
    else:
        reporting.show(report)
    sys.exit(0 if report.running else 1)


@main.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(*, yes: bool) -> None:
    """Delete the local stack's databases, models and logs (never those that MONGODB_URI or REDIS_URL name)."""
    from devstack.stack.data_dir import DataDir

    data = DataDir(settings().stack.data_dir)
    if not data.root.exists():
        click.echo(f"There is nothing in {data.root}.")
        return
    if data.lock_owner() is not None:
        raise StackError(f"The stack runs with the data in {data.root}. Stop it first: `whybuy down`.")
    if not yes:
        click.confirm(f"Delete all data of the local stack in {data.root}?", abort=True)
    data.remove()
    click.echo("Deleted. `whybuy up` starts afresh.")


def _forwarded(name: str, summary: str) -> click.Command:
    @click.command(
        name,
        short_help=summary,
        add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def command(arguments: tuple[str, ...]) -> None:
        from devstack.commands import forward

        sys.exit(run_to_end(forward(settings(), (name, *arguments))))

    return command


main.add_command(_forwarded("import", "Bring in your own shop's products and interactions (CSV or JSON lines)."))
main.add_command(_forwarded("export", "Write products and interactions to files of the same form."))
for _command in (token, users, keys, signing_keys):
    main.add_command(_command)
main.add_command(evaluate)
main.add_command(synthesize)
main.add_command(prompts)
