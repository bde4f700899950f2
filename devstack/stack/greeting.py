"""What `whybuy up` shows when everything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from mongo_seed.complete_journey.demo import household_id

if TYPE_CHECKING:
    from devstack.stack.data_dir import DataDir
    from shop.settings import Settings

_DEMO_USER = household_id(250)  # Anna: a full year of shopping
# Outside the panel, so that it can be copied without the frame.
_FIRST_QUERY = """
Five products for a demo shopper, in another terminal:

  curl -s {url}/graphql -H 'X-User: {user}' -H 'Content-Type: application/json' \\
    -d '{{"query": "{{ recommendations(input: {{}}) {{ items {{ rank score product {{ name }} }} }} }}"}}'
"""
_COMMANDS = "See also: whybuy status, whybuy --help. Ctrl-C stops everything.\n"


def show_greeting(settings: Settings, data: DataDir, api_url: str, seconds: float) -> None:
    """The addresses, and the first things to do."""
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="bold", no_wrap=True)
    rows.add_column(no_wrap=True, overflow="fold")
    if api_url:
        rows.add_row("GraphQL", f"{api_url}/graphql")
        rows.add_row("", "(open it in a browser: queries, documentation, subscriptions)", style="dim")
        rows.add_row("Health", f"{api_url}/health/ready")
        rows.add_row("Metrics", f"{api_url}/metrics")
    rows.add_row("MongoDB", f"{_without_password(settings.mongo.uri)}  database {settings.mongo.database}")
    rows.add_row("Valkey", _without_password(settings.redis.url))
    rows.add_row("Data", f"{data.root}  (kept when you stop; `whybuy reset` deletes it)")
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 120
    console.print(Panel(rows, title=f"Whybuy is up ({seconds:.0f} s)", border_style="green", expand=False))
    if api_url:
        click.echo(_FIRST_QUERY.format(url=api_url, user=_DEMO_USER))
        click.echo(_COMMANDS)


def _without_password(address: str | None) -> str:
    scheme, _, rest = (address or "").partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
