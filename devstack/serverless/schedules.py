"""`python -m devstack.serverless.schedules`: the registry's schedules as events of EventBridge, for serverless.yml."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from workers.registry import SCHEDULES

if TYPE_CHECKING:
    from workers.schedule import JobSchedule


def aws_cron(cron: str) -> str:
    """Five fields of cron as EventBridge's six: one of the two days is `?`, steps begin at 0, and a year follows.

    Raises ValueError where the two differ in meaning: for a day of the month and of the week at once, and for days of
    the week as numbers, which EventBridge counts from 1.
    """
    minute, hour, day, month, weekday = cron.split()
    if day != "*" and weekday != "*":
        raise ValueError(f"{cron!r}: EventBridge takes a day of the month or of the week, not both.")
    if any(character.isdigit() for character in weekday):
        raise ValueError(f"{cron!r}: name days of the week, as SUN; EventBridge counts them from 1.")
    days = ("?", weekday) if weekday != "*" else (day, "?")
    fields = (minute, hour, days[0], month, days[1], "*")
    return f"cron({' '.join(field.replace('*/', '0/') for field in fields)})"


def event(schedule: JobSchedule) -> dict[str, object]:
    """As an event of a function in serverless.yml."""
    return {
        "schedule": {
            "name": f"whybuy-${{sls:stage}}-{schedule.name.replace('_', '-')}",
            "rate": [aws_cron(schedule.cron)],
            "input": {"schedule": schedule.name},
        }
    }


def document() -> str:
    """The file that serverless.yml includes."""
    events = orjson.dumps({"events": [event(schedule) for schedule in SCHEDULES]}, option=orjson.OPT_INDENT_2)
    return events.decode() + "\n"


if __name__ == "__main__":
    print(document(), end="")
