"""docs/your-shop.md: its three commands, as they stand there, on an export of a small shop."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from tests.devstack.stack.test_up import ROOT, eventually
from tests.mongo_seed.files.shopify_export import make_shop, write_records

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

GUIDE = (ROOT / "docs" / "your-shop.md").read_text()
COMMANDS = re.findall(r"^```sh\n(.*?)\n```", GUIDE, re.DOTALL | re.MULTILINE)


def run(folder: Path, command: str, *more: str, said: Path) -> subprocess.Popen[bytes]:
    """A command of the guide, in a folder of its own."""
    program, *arguments = shlex.split(command)
    assert program == "whybuy"
    with said.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "devstack", *arguments, *more],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "WHYBUY_DATA_DIR": str(folder / "data")},
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def ask(curl: Sequence[str]) -> Any:
    """What the `curl` of the banner would print."""
    url = next(word for word in curl if word.startswith("http"))
    headers = dict(curl[at + 1].split(": ", 1) for at, word in enumerate(curl) if word == "-H")
    request = urllib.request.Request(url, data=curl[curl.index("-d") + 1].encode(), headers=headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310  our own address
        return json.load(response)


@pytest.mark.slow
def test_three_commands_lead_from_an_export_to_an_explained_list(tmp_path: Path) -> None:
    made, said = make_shop(80, 60), tmp_path / "said"
    write_records(tmp_path / "products_export.csv", made.product_records)
    write_records(tmp_path / "orders_export.csv", made.order_records)
    import_command, up_command, curl_command = COMMANDS[:3]

    assert run(tmp_path, import_command, said=said).wait(100) == 0, said.read_text()
    assert f"{made.products:,} new" in said.read_text()
    stack = run(tmp_path, up_command, "--port", "0", said=said)
    try:
        eventually(lambda: "Ctrl-C stops" in said.read_text() or stack.poll() is not None, "the banner", seconds=100)
        assert stack.poll() is None, said.read_text()
        banner = said.read_text()
        assert "household-250" not in banner
        curl = shlex.split(banner[banner.index("curl") : banner.index("See also")])
        items = ask(curl)["data"]["recommendations"]["items"]
    finally:
        stack.send_signal(signal.SIGINT)
        assert stack.wait(60) == 0

    assert len(items) == 5
    assert all(item["product"]["name"] and item["explanation"]["text"] for item in items)
    assert shlex.split(curl_command)[-1] == curl[-1], "the guide shows the query of the banner"
