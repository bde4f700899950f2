"""AWS on this machine: the emulator ministack, on loopback, in a virtual environment of its own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from devstack.errors import StackError
from devstack.stack.ports import HOST
from devstack.stack.process import Program, accepts

if TYPE_CHECKING:
    from collections.abc import Mapping

REGION = "eu-central-1"
TOOLS = Path(__file__).parents[2] / "build" / "serverless"
_MINISTACK = TOOLS / "ministack" / "bin" / "ministack"


def aws_emulator(port: int, folder: Path) -> Program:
    """The emulator, whose functions run as processes here; what it keeps is in `folder` and in memory.

    Raises StackError that says how to get it.
    """
    if not _MINISTACK.exists():
        raise StackError("The emulator of AWS is not installed; `make serverless-tools` installs it.")
    folder.mkdir(parents=True, exist_ok=True)
    environment = {
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": HOST,
        "MINISTACK_REGION": REGION,
        "LAMBDA_EXECUTOR": "local",
        "TMPDIR": str(folder),
        "WHYBUY_PYTHON": str(Path(sys.base_prefix) / "bin" / "python3"),  # functions see their package alone
        **aws_environment(port),
    }

    async def ready() -> bool:
        return await accepts(HOST, port)

    url = aws_environment(port)["AWS_ENDPOINT_URL"]
    return Program("ministack", (str(_MINISTACK),), environment, ready, port, url)


def aws_environment(port: int) -> Mapping[str, str]:
    """What makes AWS's tools and SDKs call the emulator."""
    return {
        "AWS_ENDPOINT_URL": f"http://{HOST}:{port}",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
