"""The commands `whybuy keys …`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from devstack.errors import StackError
from devstack.stack.databases import open_databases
from devstack.users import entrance
from shop.entities.access import Scope
from shop.errors import BadInputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shop.entities.access import ApiKey
    from shop.settings import Settings


async def create(settings: Settings, name: str, scopes: Sequence[str], days: int) -> None:
    """Prints the secret alone on standard output, what it is on standard error. Raises StackError for a bad name."""
    from shop.services.api_keys import lifetime_of

    async with entrance(settings) as resources:
        try:
            key, secret = await resources.api_keys.create(name, list(map(Scope, scopes)), lifetime_of(days), None)
        except BadInputError as error:
            raise StackError(error.message) from error
    click.echo(f"Key {key.id} for {key.name}, until {key.expires_at:%Y-%m-%d}. It is shown this once:", err=True)
    click.echo(secret)


async def show(settings: Settings) -> None:
    from rich.console import Console
    from rich.table import Table

    from shop.resources.accounts import open_accounts

    async with open_databases(settings) as found, open_accounts(found) as resources:
        keys = await resources.api_keys.all()
    if not keys:
        click.echo("There are no keys. `whybuy keys create NAME --scope …` makes one.")
        return
    table = Table()
    for heading in ("id", "name", "state", "scopes", "last used"):
        table.add_column(heading, overflow="fold")
    for key in keys:
        used = f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never"
        table.add_row(key.id, key.name, _state(key), " ".join(sorted(key.scopes)), used)
    Console(highlight=False).print(table)


async def revoke(settings: Settings, key_id: str) -> str:
    """What was done. Raises StackError for a key that there is not."""
    from shop.resources.accounts import open_accounts

    async with open_databases(settings) as found, open_accounts(found) as resources:
        try:
            key = await resources.api_keys.revoke(key_id, None)
        except NotFoundError as error:
            raise StackError(f"There is no key {key_id!r}. `whybuy keys list` shows which there are.") from error
    return f"{key.id} ({key.name}) opens nothing from now on."


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return f"revoked {key.revoked_at:%Y-%m-%d}"
    if key.expires_at is None:
        return "valid"
    state = "expired" if key.expires_at <= datetime.now(UTC) else "valid until"
    return f"{state} {key.expires_at:%Y-%m-%d}"
