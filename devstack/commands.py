"""The commands of `cli.py` that take a few lines each."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from typing import TYPE_CHECKING

import click

from devstack.errors import StackError
from devstack.progress import progress
from devstack.stack.data_dir import DataDir
from devstack.stack.databases import connected_to_running, open_databases
from devstack.stack.environment import child_environment
from devstack.stack.logs import print_line
from devstack.stack.process import spawn, stop
from devstack.stack.programs import api_program, command_program, worker_program

if TYPE_CHECKING:
    from shop.settings import Settings


async def seed(settings: Settings, sample: int | None, *, keep_dates: bool, mix: bool) -> None:
    """Fills the database; what is there already stays."""
    from mongo_seed.migrate import migrate
    from mongo_seed.seed import seed as fill
    from shop.store.database import connect

    async with open_databases(settings) as found:
        client, database = connect(found.mongo)
        try:
            with progress() as report:
                await migrate(database)
                done = await fill(database, sample=sample, keep_dates=keep_dates, mix=mix, progress=report)
        finally:
            client.close()
    click.echo(
        f"{done.products:,} products, {done.users:,} users, {done.interactions:,} interactions"
        + (" were there already" if done.already_complete else f" ({done.inserted:,} documents added)")
        + f"; {done.seconds:.1f} s"
    )


async def train(settings: Settings, kind: str, seed_: int | None, *, guarded: bool) -> None:
    """Trains and activates a model; running API processes pick it up by themselves.

    Raises StackError when the guard kept the model from being activated.
    """
    from shop.entities.models import TrainingKind
    from shop.resources.training import open_training
    from workers.training.pipeline import train_and_activate

    async with open_databases(settings) as found, open_training(found) as resources:
        with progress(together=True) as report:

            async def tell(stage: str, share: float) -> None:
                report(stage, round(100 * share), 100)

            snapshot = await train_and_activate(
                resources, seed_, tell, kind=TrainingKind(kind.upper()), guarded=guarded
            )
    if snapshot.rejection:
        raise StackError(
            f"Model {snapshot.version} is kept inactive: {snapshot.rejection} "
            f"`whybuy activate {snapshot.version}` uses it all the same."
        )
    for note in snapshot.notes:
        click.echo(f"  {note}")
    click.echo(f"model {snapshot.version} is the current one")


async def models(settings: Settings) -> None:
    """Lists the stored models, newest first."""
    from rich.console import Console
    from rich.table import Table

    from shop.resources.training import open_training

    async with open_databases(settings) as found, open_training(found) as resources:
        snapshots = await resources.models.recent()
    table = Table()
    for name in ("version", "status", "kind", "trained"):
        table.add_column(name, no_wrap=True)
    for name in ("NDCG@10", "why rejected"):
        table.add_column(name)
    for one in snapshots:
        quality = one.metrics.get("guard.ndcg@10", one.metrics.get("ensemble.ndcg@10"))
        table.add_row(
            one.version,
            one.status.value,
            one.kind.value,
            f"{one.trained_at:%Y-%m-%d %H:%M}",
            "" if quality is None else f"{quality:.4f}",
            one.rejection or "",
        )
    if snapshots:
        Console(highlight=False).print(table)
    else:
        click.echo("There are no models yet. `whybuy train` makes one.")


async def activate(settings: Settings, version: str) -> None:
    """Makes a stored model the current one; running API processes pick it up by themselves. Raises NotFoundError."""
    from shop.resources.training import open_training

    async with open_databases(settings) as found, open_training(found) as resources:
        await resources.models.activate(version)
    click.echo(f"model {version} is the current one")


def run_program(settings: Settings, name: str, port: int | None) -> None:
    """The API or a worker: in place of this process when databases run already, with its own databases otherwise."""
    from devstack.stack.up import UpOptions, api_port, up

    data = DataDir(settings.stack.data_dir)
    found = connected_to_running(settings, data)
    if found is None:
        asyncio.run(up(settings, UpOptions(port=port, programs=(name,), prepare=False)))
        return
    environment = child_environment(found, data)
    if name == "api":
        program = api_program(environment, found.api.host, api_port(found, port))
        print_line("whybuy", f"the API listens on {program.url}/graphql")
    else:
        program = worker_program(environment)
    sys.stdout.flush()
    os.execve(program.command[0], program.command, {**os.environ, **program.environment})


async def development_token(settings: Settings, user: str, hours: float | None) -> str:
    """A signed token that names the user.

    Raises StackError when there is no such user, BadInputError without keys that sign it.
    """
    from shop.resources.accounts import open_accounts

    async with open_databases(settings) as found, open_accounts(found) as resources:
        if await resources.users.user(user) is None:
            raise StackError(
                f"There is no user {user!r}. `whybuy users create {shlex.quote(user)}` makes one, "
                "`whybuy users list` shows who is there."
            )
        return await resources.sign_ins.development_token(user, settings.auth.token_hours if hours is None else hours)


async def forward(settings: Settings, arguments: tuple[str, ...]) -> int:
    """Runs `python -m mongo_seed` with the databases that this command found; its exit status."""
    if "--help" in arguments or "-h" in arguments:
        return await _mongo_seed(arguments, {})
    async with open_databases(settings) as found:
        return await _mongo_seed(arguments, child_environment(found, DataDir(settings.stack.data_dir)))


async def _mongo_seed(arguments: tuple[str, ...], environment: dict[str, str]) -> int:
    process = await spawn(command_program("import", environment, sys.executable, "-m", "mongo_seed", *arguments))
    try:
        return await process.wait()
    finally:
        await stop(process)
