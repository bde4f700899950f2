"""Deploys serverless.yml to the emulator: secrets as SSM parameters, then `osls deploy`, as on AWS."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from devstack.errors import StackError
from devstack.stack.process import stop
from shop.entities.jobs import JobGroup
from shop.store.aws import AwsClient

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
OSLS = Path(__file__).parent / "node_modules" / ".bin" / "osls"
STAGE = "local"


def require_osls() -> None:
    """Raises StackError that says how to get Node and osls."""
    if shutil.which("node") is None:
        raise StackError("Deploying needs Node 20 or later, which is not on PATH: https://nodejs.org/en/download")
    if not OSLS.exists():
        raise StackError("osls is not installed; `make serverless-tools` installs it.")


async def put_secrets(values: Mapping[str, str], stage: str = STAGE) -> None:
    """What the functions of the stage read as variables when they start."""
    ssm = AwsClient("ssm", timeout_seconds=10)
    try:
        for name, value in values.items():
            path = f"/whybuy/{stage}/secrets/{name}"
            await ssm.call("put_parameter", Name=path, Value=value, Type="SecureString", Overwrite=True)
    finally:
        await ssm.aclose()


async def osls(command: str, *options: str, stage: str = STAGE, environment: Mapping[str, str] | None = None) -> str:
    """What `osls` prints. Raises StackError with that when it fails."""
    require_osls()
    process = await asyncio.create_subprocess_exec(
        *(str(OSLS), command, "--stage", stage, *options),
        cwd=ROOT,
        env={**os.environ, "SLS_TELEMETRY_DISABLED": "1", **(environment or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    finally:
        await stop(process)
    printed = output.decode(errors="replace")
    if process.returncode != 0:
        raise StackError(f"`osls {command} --stage {stage}` failed:\n{printed}")
    return printed


async def deploy(environment: Mapping[str, str], params: Mapping[str, str]) -> str:
    """Deploys the stage `local` by way of the AWS variables of `environment`; returns what osls prints."""
    named = [f"--param={name}={value}" for name, value in params.items()]
    return await osls("deploy", *named, environment=environment)


async def queue_urls(stage: str = STAGE) -> dict[JobGroup, str]:
    """The queue of each group, once the stage is deployed."""
    sqs = AwsClient("sqs", timeout_seconds=10)
    try:
        found = [await sqs.call("get_queue_url", QueueName=f"whybuy-{stage}-{group}") for group in JobGroup]
    finally:
        await sqs.aclose()
    return {group: queue["QueueUrl"] for group, queue in zip(JobGroup, found, strict=True)}
