"""The registry's times as EventBridge reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from devstack.serverless.schedules import aws_cron, document


def test_the_file_of_the_deployment_is_that_of_the_registry() -> None:
    file = Path(__file__).parents[3] / "deploy" / "schedules.json"

    assert file.read_text() == document(), "run `make schedules`"


@pytest.mark.parametrize(
    ("cron", "wanted"),
    [
        ("0 3 * * *", "cron(0 3 * * ? *)"),
        ("*/5 * * * *", "cron(0/5 * * * ? *)"),
        ("0 0,6,12,18 * * *", "cron(0 0,6,12,18 * * ? *)"),
        ("30 4 * * SUN", "cron(30 4 ? * SUN *)"),
        ("15 2 1 * *", "cron(15 2 1 * ? *)"),
    ],
)
def test_one_of_the_two_days_is_open(cron: str, wanted: str) -> None:
    assert aws_cron(cron) == wanted


@pytest.mark.parametrize("cron", ["0 3 1 * SUN", "0 3 * * 0", "0 3 * * 1-5"])
def test_what_means_something_else_there_is_refused(cron: str) -> None:
    with pytest.raises(ValueError, match="EventBridge"):
        aws_cron(cron)
