"""The writer of the local stack's texts: its settings for API and worker, and the model that runs beside them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from devstack.errors import StackError
from devstack.stack.local_llm import LocalModel, find_model, local_llm_environment, local_llm_program
from devstack.stack.ports import free_port

if TYPE_CHECKING:
    from devstack.stack.process import Program
    from shop.settings import Settings


@dataclass(frozen=True, slots=True)
class TextWriter:
    """`environment` is for API and worker, which must agree on the writer; `programs` run beside them."""

    environment: dict[str, str] = field(default_factory=dict)
    programs: tuple[Program, ...] = ()


def text_writer(name: str | None, settings: Settings) -> TextWriter:
    """The writer of this name (a value of LLM_PROVIDER); None leaves it to the settings.

    Raises StackError when its key or its extra is missing.
    """
    if name is None:
        return TextWriter()
    if name == "local":
        model = LocalModel(find_model())
        program = local_llm_program(model, free_port())
        return TextWriter(local_llm_environment(settings, model, program.url), (program,))
    keys = {"anthropic": settings.llm.anthropic_api_key, "openai": settings.llm.openai_api_key}
    if name in keys and keys[name] is None:
        variable = f"{name.upper()}_API_KEY"
        raise StackError(f"`--llm {name}` needs a key. Set {variable} in the environment or in `.env`.")
    return TextWriter({"LLM_PROVIDER": name})
