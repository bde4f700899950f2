"""`python -m devstack.settings_docs` writes `.env.example` and `docs/settings.md` from the settings themselves."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, SecretStr

from shop.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

_TITLES = {
    "mongo": "MongoDB",
    "redis": "Redis or Valkey",
    "api": "API",
    "rate": "How often somebody may ask",
    "auth": "Sign-in",
    "oidc": "Sign-in elsewhere",
    "webhook": "Webhooks of other shop systems",
    "model": "Model",
    "llm": "Language model",
    "worker": "Worker",
    "stack": "Process and local stack",
    "telemetry": "Tracing",
}
_INTRODUCTION = """# Settings

Every setting is an environment variable, or a line in a file `.env` in the folder that a process starts in (the
environment wins). All are optional for development; [`.env.example`](../.env.example) is a file to start from. A wrong
value stops a process at its start, with the name of the setting.

This file is made from the settings of `shop.settings` by `make settings`; a test fails when it is stale.
"""
_ENV_INTRODUCTION = """\
# Copy this file to `.env` and uncomment what you want to change. Each line shows the default.
# The environment wins over this file. Made from shop.settings by `make settings`.
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting; `default` is as one would write it, empty when there is none."""

    group: str
    name: str
    default: str
    choices: str
    description: str


def all_settings() -> Iterator[Setting]:
    """Every field of every group, in the order of their definition."""
    for group, field in Settings.model_fields.items():
        model = field.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            prefix = str(model.model_config.get("env_prefix", ""))
            for name, setting in model.model_fields.items():
                yield _setting(group, f"{prefix}{name}".upper(), setting)


def _setting(group: str, name: str, field: FieldInfo) -> Setting:
    if isinstance(field.validation_alias, str):
        name = field.validation_alias
    return Setting(group, name, _text(field.default), _choices(field.annotation), field.description or "")


def _text(value: object) -> str:
    if value is None or isinstance(value, SecretStr):
        return ""
    if isinstance(value, bool | list | dict):
        return json.dumps(value, default=lambda entry: entry.model_dump())
    return str(value)


def _choices(annotation: object) -> str:
    if annotation is bool:
        return "true, false"
    values = getattr(annotation, "__args__", ())
    return ", ".join(values) if values and all(isinstance(value, str) for value in values) else ""


def env_example() -> str:
    """The content of `.env.example`."""
    lines, group = [_ENV_INTRODUCTION], ""
    for setting in all_settings():
        if setting.group != group:
            group = setting.group
            lines.append(f"# --- {_TITLES.get(group, group)} ---\n")
        choices = f" One of: {setting.choices}." if setting.choices else ""
        lines.append(f"# {setting.description}{choices}\n# {setting.name}={setting.default}\n")
    return "\n".join(lines)


def markdown() -> str:
    """The content of `docs/settings.md`."""
    lines, group = [_INTRODUCTION], ""
    for setting in all_settings():
        if setting.group != group:
            group = setting.group
            lines.append(f"\n## {_TITLES.get(group, group)}\n\n| setting | default | what it does |\n|---|---|---|\n")
        default = f"`{setting.default}`" if setting.default else "none"
        choices = f" One of: {setting.choices}." if setting.choices else ""
        lines.append(f"| `{setting.name}` | {default} | {setting.description}{choices} |\n")
    return "".join(lines)


def main() -> None:
    Path(".env.example").write_text(env_example(), encoding="utf-8")
    Path("docs/settings.md").write_text(markdown(), encoding="utf-8")


if __name__ == "__main__":
    main()
