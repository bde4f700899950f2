"""Metrics of jobs on AWS: the log's own lines in CloudWatch's embedded metric format, which it reads as metrics."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from structlog.typing import EventDict, WrappedLogger

NAMESPACE = "Whybuy"

# By the event of a log line: the metric, its unit, and the line's field that has the value, None for one.
METRICS = {
    "job_done": ("JobMilliseconds", "Milliseconds", "ms"),
    "job_failed": ("JobFailures", "Count", None),
    "job_given_up": ("JobsGivenUp", "Count", None),
}


def with_metrics(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Adds to a line what makes it a metric, by job. A structlog processor."""
    if (metric := METRICS.get(str(line.get("event")))) is None or "job" not in line:
        return line
    name, unit, field = metric
    described = {
        "Namespace": NAMESPACE,
        "Dimensions": [["job"]],
        "Metrics": [{"Name": name, "Unit": unit}],
    }
    value = 1 if field is None else line[field]
    return {**line, name: value, "_aws": {"Timestamp": round(time.time() * 1000), "CloudWatchMetrics": [described]}}
