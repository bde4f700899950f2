"""The documents name files that are there, and every decision has a status."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from pkgutil import resolve_name

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("graphql_api", "workers", "scoring", "mongo_seed", "shop", "devstack", "tests")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
DECISIONS = sorted(ROOT.glob("docs/adr/*.md"))

QUOTED = re.compile(r"`([^`\s]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
MODULE = re.compile(rf"(?<!-)\b(?:{'|'.join(PACKAGES)})(?:\.[a-z_]+)+\b(?!\()")
STATUS = re.compile(
    r"\n\nStatus: (?:Accepted|Superseded by \[\d{4}\]\(\d{4}-[a-z0-9-]+\.md\)), \d{4}-\d{2}-\d{2}\n\n## Context\n"
)


def names(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def python_files() -> frozenset[str]:
    return frozenset(file.name for package in PACKAGES for file in (ROOT / package).rglob("*.py"))


def is_missing(quoted: str) -> bool:
    """Whether this reads as a path of the repository (or as one of its Python files) and is not there."""
    if "/" not in quoted:
        return quoted.endswith(".py") and quoted not in python_files()
    return quoted.split("/", maxsplit=1)[0] in (*PACKAGES, "docs") and not (ROOT / quoted).exists()


@pytest.mark.parametrize("document", DOCUMENTS, ids=names)
def test_every_file_that_a_document_names_is_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    links = [link.partition("#")[0] for link in LINK.findall(text) if "://" not in link]

    assert [quoted for quoted in QUOTED.findall(text) if is_missing(quoted)] == []
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize(
    "document", [*DOCUMENTS, ROOT / "Makefile", ROOT / "Dockerfile", ROOT / "compose.yaml"], ids=names
)
def test_every_module_that_a_document_names_is_there(document: Path) -> None:
    for name in MODULE.findall(document.read_text(encoding="utf-8")):
        assert resolve_name(name) is not None


@pytest.mark.parametrize("decision", DECISIONS, ids=names)
def test_a_decision_has_a_number_and_a_status(decision: Path) -> None:
    text = decision.read_text(encoding="utf-8")

    assert text.startswith(f"# {decision.name[:4]}: ")
    assert STATUS.search(text)
