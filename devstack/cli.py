"""The command `whybuy`. Each command imports what it needs, so that `--help` is fast."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from devstack.errors import StackError
from devstack.evaluation.command import evaluate, synthesize
from devstack.evaluation.prompts import prompts

_T = TypeVar("_T")

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from shop.settings import Settings

DOWN_SECONDS = 60.0
ROLES = ("shopper", "staff", "admin")

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


def _scopes() -> list[str]:
    from shop.entities.access import Scope

    return [scope.value for scope in Scope]


_role = click.option("--role", type=click.Choice(ROLES), help="What the user may do.")
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
    _run(run(_settings(), UpOptions(demo=demo, port=port, llm=llm)))


@main.command()
def down() -> None:
    """Stop the stack that runs with this data folder, and wait until it has."""
    from devstack.stack.data_dir import DataDir

    data = DataDir(_settings().stack.data_dir)
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

    _run(run(_settings(), sample, keep_dates=keep_dates, mix=mix))


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

    _run(run(_settings(), kind, seed, guarded=not no_guard))


@main.command()
def models() -> None:
    """List the stored models: which is in use, and why one was rejected."""
    from devstack.commands import models as run

    _run(run(_settings()))


@main.command()
@click.argument("version")
def activate(version: str) -> None:
    """Make a stored model, by its VERSION, the current one."""
    from devstack.commands import activate as run

    _run(run(_settings(), version))


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

    report = _run(replaying.replayed(_settings(), days))
    if as_json:
        click.echo(replaying.as_json(report, days))
    else:
        replaying.show(report, days)


@main.command()
@_port
def api(port: int | None) -> None:
    """Run one API process."""
    from devstack.commands import run_program

    run_program(_settings(), "api", port)


@main.command()
def worker() -> None:
    """Run one worker process."""
    from devstack.commands import run_program

    run_program(_settings(), "worker", None)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
def status(*, as_json: bool) -> None:
    """Show what runs and what the databases hold. Exits with 1 when nothing runs."""
    from devstack.stack import status as reporting

    report = asyncio.run(reporting.status(_settings()))
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

    data = DataDir(_settings().stack.data_dir)
    if not data.root.exists():
        click.echo(f"There is nothing in {data.root}.")
        return
    if data.lock_owner() is not None:
        raise StackError(f"The stack runs with the data in {data.root}. Stop it first: `whybuy down`.")
    if not yes:
        click.confirm(f"Delete all data of the local stack in {data.root}?", abort=True)
    data.remove()
    click.echo("Deleted. `whybuy up` starts afresh.")


@main.command()
@click.argument("user")
@click.option("--hours", type=click.FloatRange(min=0, min_open=True), help="Valid for (default: AUTH_TOKEN_HOURS).")
def token(user: str, hours: float | None) -> None:
    """Print a token that names USER, for the header `Authorization: Bearer …`. `whybuy users sign-out USER` ends it.

    The keys that sign it are those of AUTH_SIGNING_KEYS, as the API's.
    """
    from devstack.commands import development_token

    click.echo(_run(development_token(_settings(), user, hours)))


@main.group()
def users() -> None:
    """The people of a shop: who there is, and what they may do."""


@users.command("create")
@click.argument("user")
@click.option("--name", help="As people call them.")
@_role
@click.option("--locale", help="The language of texts, such as de or en-GB; the shop's without it.")
def create_user(user: str, name: str | None, role: str | None, locale: str | None) -> None:
    """Make the user USER: the shop's own id, as tokens name it. Shoppers are made by their first token."""
    from devstack.users import create

    click.echo(_run(create(_settings(), user, name, role or "shopper", locale)))


@users.command("list")
@_role
@click.option("--first", type=click.IntRange(min=1), default=20, show_default=True, metavar="N", help="At most N.")
def list_users(role: str | None, first: int) -> None:
    """Show users, the newest first."""
    from devstack.users import show

    _run(show(_settings(), role, first))


@users.command("set-role")
@click.argument("user")
@click.argument("role", type=click.Choice(ROLES))
def set_role(user: str, role: str) -> None:
    """Make USER a shopper, staff (sees all, edits the catalogue) or an admin (also roles and API keys)."""
    from devstack.users import set_role as run

    click.echo(_run(run(_settings(), user, role)))


@users.command("password")
@click.argument("user")
@click.option("--email", help="What the user signs in with, if the shop does not know it yet.")
@click.password_option(help="Asked for without it: the list of processes shows what is typed here.")
def password(user: str, email: str | None, password: str) -> None:
    """Let USER sign in with a password, a new one too. All sign-ins of USER end."""
    from devstack.users import set_password

    click.echo(_run(set_password(_settings(), user, email, password)))


@users.command("sessions")
@click.argument("user")
def sessions(user: str) -> None:
    """Show where USER is signed in."""
    from devstack.users import show_sessions

    _run(show_sessions(_settings(), user))


@users.command("sign-out")
@click.argument("user")
def sign_out(user: str) -> None:
    """End all sign-ins of USER; what is open with them is closed within seconds."""
    from devstack.users import sign_out as run

    click.echo(_run(run(_settings(), user)))


@main.group()
def keys() -> None:
    """API keys: how programs get in."""


@keys.command("create")
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, required=True, type=click.Choice(_scopes()), help="What it may do; repeatable."
)
@click.option("--days", type=click.IntRange(min=1), default=365, show_default=True, help="How long it lives.")
def create_key(name: str, scopes: tuple[str, ...], days: int) -> None:
    """Make a key and print its secret, once. NAME says what it is for."""
    from devstack.api_keys import create

    _run(create(_settings(), name, scopes, days))


@keys.command("list")
def list_keys() -> None:
    """Show all keys, the newest first."""
    from devstack.api_keys import show

    _run(show(_settings()))


@keys.command("revoke")
@click.argument("id")
def revoke_key(id: str) -> None:  # noqa: A002 (as click names it)
    """Shut the program with the key ID out, within seconds and for good."""
    from devstack.api_keys import revoke

    click.echo(_run(revoke(_settings(), id)))


@main.command("signing-keys")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--keep", type=click.IntRange(min=0), default=2, show_default=True, help="Older keys that stay valid.")
def signing_keys(file: Path, keep: int) -> None:
    """Make FILE, which AUTH_SIGNING_KEYS names; or add a new key to it, which signs from now on.

    Running processes read it within seconds. `--keep 0` ends all access tokens of before: clients refresh them.
    """
    from shop.services.signing_keys import rotate

    ids = rotate(file, keep)
    click.echo(f"{file}: {ids[0]} signs" + (f"; {', '.join(ids[1:])} stay valid" if ids[1:] else ""))


@users.command("export")
@click.argument("user")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="A file; standard output without it.")
def export_user(user: str, output: Path | None) -> None:
    """Write everything that is stored of USER as JSON, in the form of docs/privacy.md."""
    from devstack.users import export

    _run(export(_settings(), user, output))


@users.command("erase")
@click.argument("user")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase_user(user: str, *, yes: bool) -> None:
    """Erase everything that is stored of the shopper USER. It cannot be taken back."""
    from devstack.users import erase

    if not yes:
        click.confirm(f"Erase everything that is stored of {user}?", abort=True)
    click.echo(_run(erase(_settings(), user)))


@users.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def import_users(file: Path) -> None:
    """Make or change the users of FILE (.csv or .jsonl): id, name, email, role, locale.

    Refused rows are shown, and land beside it. Exits with 1 when nothing could be used.
    """
    from devstack.users import import_file

    sys.exit(_run(import_file(_settings(), file)))


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

        sys.exit(_run(forward(_settings(), (name, *arguments))))

    return command


main.add_command(_forwarded("import", "Bring in your own shop's products and interactions (CSV or JSON lines)."))
main.add_command(_forwarded("export", "Write products and interactions to files of the same form."))
main.add_command(evaluate)
main.add_command(synthesize)
main.add_command(prompts)


def _settings() -> Settings:
    from shop.setting_files import read_settings
    from shop.settings import Settings

    return read_settings(Settings)


def _run(command: Coroutine[Any, Any, _T]) -> _T:
    try:
        return asyncio.run(command)
    except KeyboardInterrupt:
        sys.exit(130)
