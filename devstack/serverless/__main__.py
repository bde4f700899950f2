"""`make serverless-local`: serverless.yml on an emulator of AWS, and a list whose texts its functions write."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import aiohttp
import click

from devstack.errors import StackError
from devstack.serverless.deploy import STAGE, deploy, put_secrets, queue_urls, require_osls
from devstack.serverless.emulator import aws_emulator, aws_environment
from devstack.serverless.package import OUTPUT
from devstack.stack.data_dir import DataDir
from devstack.stack.databases import open_databases
from devstack.stack.environment import child_environment
from devstack.stack.ports import free_port
from devstack.stack.process import running
from devstack.stack.programs import api_program
from devstack.stack.text_writer import text_writer
from shop.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_SAMPLE = 120  # households of the demo shop, where there is no shop yet
_PATIENCE_SECONDS = 180
_LIST = """query ($session: String) {
  recommendations(input: { sessionId: $session, scenario: POPULAR, limit: 3 }) {
    items { product { id name } explanation { status } }
  }
}"""
_READY = """subscription ($session: String) {
  explanationReady(sessionId: $session) { productId explanation { text source model } }
}"""


@click.command(help=__doc__, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option(
    "--llm",
    type=click.Choice(["local", "anthropic", "openai"]),
    default="local",
    help="Who writes the texts; `local` runs a small model on this machine.",
)
@click.option("--keep", is_flag=True, help="Leave all of it running until Ctrl-C, with its addresses.")
def main(llm: str, keep: bool) -> None:
    try:
        asyncio.run(_run(Settings(), llm, keep=keep))
    except StackError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        click.echo("stopped; the data is kept")


async def _run(settings: Settings, llm: str, *, keep: bool) -> None:
    require_osls()
    if not (OUTPUT / STAGE / "texts.zip").exists():
        raise StackError("The packages are not built; `make package-lambda ARGS=--local` builds them.")
    data = DataDir(settings.stack.data_dir)
    async with open_databases(settings) as found:
        await _stock(found)
        async with _deployed(found, data, llm) as api:
            await _main_job(api)
            if keep:
                click.echo(f"GraphQL at {api}/graphql, AWS at {os.environ['AWS_ENDPOINT_URL']}; Ctrl-C stops both")
                await asyncio.Event().wait()


async def _stock(settings: Settings) -> None:
    """A small demo shop and its model, where there is none."""
    from devstack import commands
    from devstack.stack.content import content

    found = await content(settings)
    if not found.counts["products"]:
        await commands.seed(settings, _SAMPLE, keep_dates=False, mix=False)
    if found.model is None:
        await commands.train(settings, "full", None, guarded=False)


@contextlib.asynccontextmanager
async def _deployed(settings: Settings, data: DataDir, llm: str) -> AsyncIterator[str]:
    """The address of an API whose jobs go to deployed functions; no worker of `whybuy up` sees them."""
    writer, prefix, port = text_writer(llm, settings), f"{settings.redis.prefix}-functions", free_port()
    environment = child_environment(settings, data) | writer.environment | {"REDIS_PREFIX": prefix}
    os.environ.update(aws_environment(port))
    async with contextlib.AsyncExitStack() as programs:
        for program in (*writer.programs, aws_emulator(port, data.root / "aws")):
            await programs.enter_async_context(running(program, data.logs / f"{program.name}.log"))
        secrets = {"MONGODB_URI": settings.mongo.uri or "", "REDIS_URL": settings.redis.url or ""}
        await put_secrets(secrets | {name: value for name, value in writer.environment.items() if value})
        click.echo("deploying serverless.yml …")
        parameters = {
            "mongodbDatabase": settings.mongo.database,
            "redisPrefix": prefix,
            "llmProvider": llm,
            "seconds": "90",
        }
        click.echo(_lines_of(await deploy(aws_environment(port), parameters)))
        queues = {f"QUEUE_URL_{group.upper()}": url for group, url in (await queue_urls()).items()}
        api = api_program(environment | queues | {"QUEUE_BACKEND": "sqs"}, settings.api.host, free_port())
        await programs.enter_async_context(running(api, data.logs / "api-functions.log"))
        yield api.url


def _lines_of(printed: str) -> str:
    """What of osls's words is about the functions."""
    return "\n".join(line for line in printed.splitlines() if line.startswith(("✔", "  ")) and "(" in line)


async def _main_job(api: str) -> None:
    """Asks for a list, and shows its texts as they are pushed. Raises StackError when they do not come."""
    session = {"session": uuid4().hex}
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{api}/graphql", protocols=["graphql-transport-ws"]) as socket,
    ):
        await socket.send_json({"type": "connection_init"})
        await socket.receive_json()
        subscription = {"query": _READY, "variables": session}
        await socket.send_json({"id": "texts", "type": "subscribe", "payload": subscription})
        async with http.post(f"{api}/graphql", json={"query": _LIST, "variables": session}) as response:
            items = (await response.json())["data"]["recommendations"]["items"]
        began, names = time.monotonic(), {item["product"]["id"]: item["product"]["name"] for item in items}
        for item in items:
            click.echo(f"  {item['explanation']['status']:<8}{item['product']['name']}")
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while names:
                    told: dict[str, Any] = (await socket.receive_json())["payload"]["data"]["explanationReady"]
                    text = told["explanation"]
                    click.echo(
                        f"  READY after {time.monotonic() - began:.1f} s  {names.pop(told['productId'])}: "
                        f"{text['text']} ({text['source']})"
                    )
        except TimeoutError as error:
            raise StackError(f"{len(names)} texts did not come within {_PATIENCE_SECONDS} s.") from error
    click.echo("each text was written by the function `llm`, which took its job from SQS")


if __name__ == "__main__":
    main(prog_name="python -m devstack.serverless")
