"""The commands `whybuy users …`."""

from __future__ import annotations

import contextlib
import shlex
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from devstack.errors import StackError
from devstack.stack.databases import open_databases
from shop.entities.users import Role, User
from shop.errors import BadInputError, NotFoundError
from shop.services.passwords import require_good_password
from shop.store.database import connect
from shop.values import RefusedValueError, clean_user_id
from shop.values import email as checked_email
from shop.values import locale as checked_locale

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from shop.resources.accounts import AccountResources
    from shop.resources.texts import TextResources
    from shop.services.users import UserService
    from shop.settings import Settings


@contextlib.asynccontextmanager
async def _resources(settings: Settings) -> AsyncIterator[TextResources]:
    """In a database that is ready for users, also a new one."""
    from mongo_seed.migrate import migrate
    from shop.resources.texts import open_texts

    async with open_databases(settings) as found, open_texts(found) as resources:
        await migrate(resources.stores.database)
        yield resources


@contextlib.asynccontextmanager
async def _service(settings: Settings) -> AsyncIterator[UserService]:
    async with _resources(settings) as resources:
        yield resources.users


async def create(settings: Settings, user: str, name: str | None, role: str, locale: str | None) -> str:
    """What was done. Raises StackError for an id or a locale that is none, BadInputError for an id that is taken."""
    try:
        stated = checked_locale(locale) if locale else None
        now = datetime.now(UTC)
        new = User(clean_user_id(user), None, name, stated, Role(role), created_at=now, role_issued_at=now)
    except RefusedValueError as error:
        raise StackError(error.message) from error
    async with _service(settings) as users:
        await users.create(new)
    return f"{new.id} is made, as {new.role}. `whybuy token {shlex.quote(new.id)}` prints a token."


async def set_role(settings: Settings, user: str, role: str) -> str:
    """What was done. Raises StackError when there is no such user."""
    async with _service(settings) as users:
        try:
            await users.set_role(user, Role(role), actor_id=None)
        except NotFoundError as error:
            raise StackError(f"There is no user {user!r}. `whybuy users list` shows who is there.") from error
    return f"{user} is {role} now."


async def set_password(settings: Settings, user: str, email: str | None, password: str) -> str:
    """What was done. Raises StackError for a user that there is not, an e-mail that is taken and a weak password."""
    async with entrance(settings) as resources:
        account = await _existing(resources.users, user)
        try:
            address = checked_email(email) if email is not None else account.email
            if address is None:
                raise StackError(f"{user} has no e-mail address to sign in with: name it with --email.")
            require_good_password(password, address)
            if address != account.email:
                account = await resources.users.set_email(user, address, actor_id=None)
            await resources.accounts.set_password(account, password)
        except (RefusedValueError, BadInputError) as error:
            raise StackError(error.message) from error
    return f"{user} signs in with {account.email} from now on."


async def show_sessions(settings: Settings, user: str) -> None:
    """Prints where the user is signed in. Raises StackError for a user that there is not."""
    from rich.console import Console
    from rich.table import Table

    async with entrance(settings) as resources:
        await _existing(resources.users, user)
        found = await resources.sign_ins.of_user(user)
    if not found:
        click.echo(f"{user} is signed in nowhere.")
        return
    table = Table()
    for heading in ("since", "last used", "until", "with"):
        table.add_column(heading, overflow="fold")
    for one in found:
        table.add_row(
            *(f"{at:%Y-%m-%d %H:%M}" for at in (one.created_at, one.last_used_at, one.expires_at)), one.client
        )
    Console(highlight=False).print(table)


async def sign_out(settings: Settings, user: str) -> str:
    """What was done. Raises StackError for a user that there is not."""
    async with entrance(settings) as resources:
        await _existing(resources.users, user)
        ended = await resources.sign_ins.end(user)
    return f"{ended} sign-ins of {user} have ended."


async def _existing(users: UserService, user: str) -> User:
    found = await users.user(user)
    if found is None:
        raise StackError(f"There is no user {user!r}. `whybuy users list` shows who is there.")
    return found


@contextlib.asynccontextmanager
async def entrance(settings: Settings) -> AsyncIterator[AccountResources]:
    """In a database that is ready for users."""
    from mongo_seed.migrate import migrate
    from shop.resources.accounts import open_accounts

    async with open_databases(settings) as found, open_accounts(found) as resources:
        await migrate(resources.database)
        yield resources


async def import_file(settings: Settings, file: Path) -> int:
    """Makes or changes the users of a file; the exit status. Running API processes know of it within a minute."""
    from mongo_seed.cli import describe_table
    from mongo_seed.files.users import import_users

    async with open_databases(settings) as found:
        client, database = connect(found.mongo)
        try:
            report = await import_users(database, file)
        finally:
            client.close()
    click.echo("\n".join(describe_table(report)))
    return 1 if report.is_useless else 0


async def show(settings: Settings, role: str | None, first: int) -> None:
    """Prints users, the newest first."""
    from rich.console import Console
    from rich.table import Table

    async with _service(settings) as users:
        found = await users.newest(first, Role(role) if role else None)
        total = await users.count()
    if not found:
        click.echo(f"There are no users{f' with the role {role}' if role else ''}. `whybuy users create` makes one.")
        return
    table = Table()
    for heading in ("id", "role", "name", "locale", "since"):
        table.add_column(heading, overflow="fold")
    for user in found:
        since = f"{user.created_at:%Y-%m-%d}" if user.created_at else ""
        table.add_row(user.id, user.role, user.display_name or "", user.locale or "", since)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 120  # a pipe gets each id in one line
    console.print(table)
    click.echo(f"{len(found):,} of {total:,} users")


async def export(settings: Settings, user: str, output: Path | None) -> None:
    """Writes everything that is stored of a user, as JSON, to a file or to standard output; the audit log has it."""
    async with _resources(settings) as resources:
        with output.open("wb") if output else contextlib.nullcontext(sys.stdout.buffer) as target:
            async for piece in resources.user_exports.export_now(user):
                target.write(piece)
    if output is not None:
        click.echo(f"{output} has all that is stored of {user}.")


async def erase(settings: Settings, user: str) -> str:
    """Erases everything that is stored of a shopper, here and now. What was done. Raises StackError for a user who is
    no shopper."""
    from devstack.progress import progress

    async with _resources(settings) as resources:
        found = await resources.users.user(user)
        if found is not None and found.role is not Role.SHOPPER:
            raise StackError(
                f"{user} is {found.role}, and only shoppers are erased. `whybuy users set-role` changes that."
            )
        ordered = await resources.erasures.note(user)
        with progress(together=True) as report:

            async def tell(stage: str, share: float) -> None:
                report(stage, round(100 * share), 100)

            receipt = await resources.erasures.run(ordered.id, tell)
    counts = [f"  {place}: {count:,}" for place, count in sorted(receipt.counts.items()) if count]
    return "\n".join([f"Erased in {receipt.passes} passes; the receipt is {receipt.id}.", *counts])
