"""The commands for who gets in: `whybuy users …`, `keys …`, `token`, `signing-keys`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from devstack.invocation import run_to_end, settings

ROLES = ("shopper", "staff", "admin")
_role = click.option("--role", type=click.Choice(ROLES), help="What the user may do.")


def _scopes() -> list[str]:
    from shop.entities.access import Scope

    return [scope.value for scope in Scope]


@click.command()
@click.argument("user")
@click.option("--hours", type=click.FloatRange(0, 8_784, min_open=True), help="Valid for (default: AUTH_TOKEN_HOURS).")
def token(user: str, hours: float | None) -> None:
    """Print a token that names USER, for the header `Authorization: Bearer …`. `whybuy users sign-out USER` ends it.

    The keys that sign it are those of AUTH_SIGNING_KEYS, as the API's.
    """
    from devstack.commands import development_token

    click.echo(run_to_end(development_token(settings(), user, hours)))


@click.group()
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

    click.echo(run_to_end(create(settings(), user, name, role or "shopper", locale)))


@users.command("list")
@_role
@click.option("--first", type=click.IntRange(min=1), default=20, show_default=True, metavar="N", help="At most N.")
def list_users(role: str | None, first: int) -> None:
    """Show users, the newest first."""
    from devstack.users import show

    run_to_end(show(settings(), role, first))


@users.command("set-role")
@click.argument("user")
@click.argument("role", type=click.Choice(ROLES))
def set_role(user: str, role: str) -> None:
    """Make USER a shopper, staff (sees all, edits the catalogue) or an admin (also roles and API keys)."""
    from devstack.users import set_role as run

    click.echo(run_to_end(run(settings(), user, role)))


@users.command("password")
@click.argument("user")
@click.option("--email", help="What the user signs in with, if the shop does not know it yet.")
@click.password_option(help="Asked for without it: the list of processes shows what is typed here.")
def password(user: str, email: str | None, password: str) -> None:
    """Let USER sign in with a password, a new one too. All sign-ins of USER end."""
    from devstack.users import set_password

    click.echo(run_to_end(set_password(settings(), user, email, password)))


@users.command("sessions")
@click.argument("user")
def sessions(user: str) -> None:
    """Show where USER is signed in."""
    from devstack.users import show_sessions

    run_to_end(show_sessions(settings(), user))


@users.command("sign-out")
@click.argument("user")
def sign_out(user: str) -> None:
    """End all sign-ins of USER; what is open with them is closed within seconds."""
    from devstack.users import sign_out as run

    click.echo(run_to_end(run(settings(), user)))


@click.group()
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

    run_to_end(create(settings(), name, scopes, days))


@keys.command("list")
def list_keys() -> None:
    """Show all keys, the newest first."""
    from devstack.api_keys import show

    run_to_end(show(settings()))


@keys.command("revoke")
@click.argument("key_id", metavar="ID")
def revoke_key(key_id: str) -> None:
    """Shut the program with the key ID out, within seconds and for good."""
    from devstack.api_keys import revoke

    click.echo(run_to_end(revoke(settings(), key_id)))


@click.command("signing-keys")
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

    run_to_end(export(settings(), user, output))


@users.command("erase")
@click.argument("user")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase_user(user: str, *, yes: bool) -> None:
    """Erase everything that is stored of the shopper USER. It cannot be taken back."""
    from devstack.users import erase

    if not yes:
        click.confirm(f"Erase everything that is stored of {user}?", abort=True)
    click.echo(run_to_end(erase(settings(), user)))


@users.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def import_users(file: Path) -> None:
    """Make or change the users of FILE (.csv or .jsonl): id, name, email, role, locale.

    Refused rows are shown, and land beside it. Exits with 1 when nothing could be used.
    """
    from devstack.users import import_file

    sys.exit(run_to_end(import_file(settings(), file)))
