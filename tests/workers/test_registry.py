"""The list of jobs: each is runnable, and a process that writes texts loads no numerics."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from typing import get_args, get_type_hints

import pytest

import shop.jobs
from shop.jobs import Job
from workers.context import WorkerContext
from workers.registry import JOBS, SCHEDULES, JobSpec

TEXT_JOBS = ("explain_list", "stream_explanation", "write_insight", "roll_up_session")
# Imports what a worker imports that runs these jobs, and prints the names of all loaded modules.
LOADING = """
import json, sys
import workers.arq_app
from workers.registry import JOBS
for name in sys.argv[1:]:
    JOBS[name].load()
print(json.dumps(sorted(sys.modules)))
"""


def loaded(*jobs: str) -> set[str]:
    """The modules of a fresh worker process that has run these jobs."""
    shown = subprocess.run([sys.executable, "-c", LOADING, *jobs], capture_output=True, check=True, timeout=120)
    return set(json.loads(shown.stdout))


def test_a_process_that_writes_texts_loads_no_numerics() -> None:
    modules = loaded(*TEXT_JOBS)

    assert {"workers.tasks.explanations", "workers.tasks.explanation_stream", "workers.tasks.insights"} <= modules
    assert {"numpy", "scipy", "sklearn"}.isdisjoint(modules)


def test_a_training_is_loaded_by_the_job_that_needs_it() -> None:
    assert "numpy" in loaded("train_model")


def test_every_message_has_a_job() -> None:
    assert {spec.message for spec in JOBS.values()} == set(get_args(Job))


@pytest.mark.parametrize("spec", JOBS.values(), ids=lambda spec: spec.name)
def test_a_jobs_body_takes_the_context_and_its_own_message(spec: JobSpec) -> None:
    body = spec.load()

    assert inspect.iscoroutinefunction(body)
    # The types of annotations are imported for the type checker alone.
    types = {**vars(shop.jobs), "WorkerContext": WorkerContext}
    context, message = inspect.signature(body).parameters
    hints = get_type_hints(body, localns=types)
    assert (hints[context], hints[message]) == (WorkerContext, spec.message)


def test_every_schedule_starts_a_job_of_the_list() -> None:
    assert {schedule.job.name for schedule in SCHEDULES} <= JOBS.keys()
    assert len({schedule.name for schedule in SCHEDULES}) == len(SCHEDULES)
