"""What `whybuy up` shows when everything runs."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from devstack.stack.content import DEMO_SHOPPER, content, example_shopper, opened
from devstack.stack.environment import shown_address

if TYPE_CHECKING:
    from devstack.stack.content import Content
    from devstack.stack.data_dir import DataDir
    from shop.settings import Settings

# Outside the panel, so that it can be copied without the frame.
_FIRST_QUERY = """
Five products for {shopper}, in another terminal:

  curl -s {url}/graphql -H {header} -H 'Content-Type: application/json' \\
    -d '{{"query": "{{ recommendations(input: {{}}) {{ items {{ product {{ name }} explanation {{ text }} }} }} }}"}}'
"""
_NO_PRODUCTS = """
This shop is empty. In another terminal, with files of yours or as Shopify exports them (see docs/your-shop.md):

  whybuy import --products products_export.csv --interactions orders_export.csv
  whybuy train
  whybuy users create me --role staff
"""
_NO_MODEL = """
There is no model yet, so nothing is recommended. In another terminal:

  whybuy train
"""
_NOBODY = """
No shopper is known yet. Bring in what they did, or send a signed token: it makes its user. In another terminal:

  whybuy import --interactions orders_export.csv
  whybuy train
  whybuy users create me
"""
_COMMANDS = "See also: whybuy status, whybuy --help. Ctrl-C stops everything.\n"


async def greet(settings: Settings, data: DataDir, api_url: str, seconds: float) -> None:
    """Shows the addresses, and the first things to do in this very shop."""
    found = await content(settings)
    with opened(settings) as database:
        shopper = await example_shopper(database)
    _show_addresses(settings, data, api_url, seconds)
    if api_url:
        click.echo(first_steps(api_url, found, shopper))
        click.echo(_COMMANDS)


def first_steps(api_url: str, found: Content, shopper: str | None) -> str:
    """What to do next: a query for somebody who is there, or what it takes until there is one."""
    if not found.counts["products"]:
        return _NO_PRODUCTS
    if found.model is None:
        return _NO_MODEL
    if shopper is None:
        return _NOBODY
    called = "a demo shopper" if shopper == DEMO_SHOPPER else "one of your shoppers"
    return _FIRST_QUERY.format(shopper=called, url=api_url, header=shlex.quote(f"X-User: {shopper}"))


def _show_addresses(settings: Settings, data: DataDir, api_url: str, seconds: float) -> None:
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="bold", no_wrap=True)
    rows.add_column(no_wrap=True, overflow="fold")
    if api_url:
        rows.add_row("GraphQL", f"{api_url}/graphql")
        rows.add_row("", "(open it in a browser: queries, documentation, subscriptions)", style="dim")
        rows.add_row("Health", f"{api_url}/health/ready")
        rows.add_row("Metrics", f"{api_url}/metrics")
    rows.add_row("MongoDB", f"{shown_address(settings.mongo.uri)}  database {settings.mongo.database}")
    rows.add_row("Valkey", shown_address(settings.redis.url))
    rows.add_row("Data", f"{data.root}  (kept when you stop; `whybuy reset` deletes it)")
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 120
    console.print(Panel(rows, title=f"Whybuy is up ({seconds:.0f} s)", border_style="green", expand=False))
