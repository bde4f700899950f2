"""What comes out of the log, whatever levels the environment asks for."""

from __future__ import annotations

import subprocess
import sys

import pytest

# In a process of its own: the configuration is the process's.
CODE = """
import logging
from shop.logs import configure_logging
from shop.settings import StackSettings

configure_logging(StackSettings(log_level="DEBUG", log_json={json}))
for name in {libraries}:
    logger = logging.getLogger(name)
    logger.setLevel(logging.DEBUG)  # as an SDK does when it is imported
    logger.debug("a secret of %s", name)
    logger.error("an error of %s", name)
logging.getLogger("uvicorn.error").info("the server starts")
logging.getLogger("shop.services").debug("our own line")
"""
LIBRARIES = (
    *("openai", "openai._base_client", "anthropic", "anthropic._base_client", "httpx", "httpx2"),
    *("httpcore.http11", "httpcore2.http11", "pymongo.command", "uvicorn.error", "websockets.server"),
)


@pytest.mark.parametrize("json", [False, True])
def test_what_libraries_send_and_receive_is_never_logged(json: bool) -> None:
    code = CODE.format(json=json, libraries=LIBRARIES)

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    said = done.stdout + done.stderr
    assert "secret" not in said
    assert said.count("an error of") == len(LIBRARIES)
    assert "the server starts" in said
    assert "our own line" in said
