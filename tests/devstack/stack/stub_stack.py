"""`whybuy up` with a stand-in for API and worker: `python -m tests.devstack.stack.stub_stack FOLDER [COMMAND…]`.

STUB_LLM in the environment is what `--llm` would say.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from devstack.errors import StackError
from devstack.stack.data_dir import DataDir
from devstack.stack.programs import command_program
from devstack.stack.up import Stack, UpOptions
from shop.settings import Settings, StackSettings

if TYPE_CHECKING:
    from devstack.stack.process import Program

SLEEPER = (sys.executable, "-u", "-c", "import time; print('the stub is here'); time.sleep(600)")


class StubStack(Stack):
    def programs(self, environment: dict[str, str], port: int) -> list[Program]:  # noqa: ARG002
        self.api_url = "http://127.0.0.1:9"
        return [command_program("stub", environment, *(sys.argv[2:] or SLEEPER))]


async def main() -> None:
    data = DataDir(Path(sys.argv[1]))
    data.prepare()
    with data.locked():
        settings = Settings(stack=StackSettings(data_dir=data.root))
        await StubStack(
            settings, UpOptions(programs=("stub",), prepare=False, llm=os.environ.get("STUB_LLM")), data
        ).run()


try:
    asyncio.run(main())
except StackError as error:
    sys.exit(str(error))
