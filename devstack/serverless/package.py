"""`python -m devstack.serverless.package`: the zips of serverless.yml, from lock files with hashes."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import stat
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from devstack.errors import StackError
from devstack.progress import progress
from shop.texts.wording import WORDINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mongo_seed.loading import Progress

ROOT = Path(__file__).parents[2]
OUTPUT = ROOT / "build" / "lambda"
PACKAGES = ("texts", "training")
COMPILED = ("texts",)  # shoppers wait for their cold starts; with the other's bytecode it would be above the limit
OWN = ("scoring", "shop", "workers")
LIMIT = 262_144_000  # bytes of an unzipped package, of Lambda's

_BOOTSTRAP = """#!/bin/sh
# What a runtime without Python of its own starts (provided.al2023): AWS's runtime client. Where it takes the machine
# for one of Python 3.12 or later, it waits for calls in a thread, so that SIGTERM is noticed meanwhile.
cd "$LAMBDA_TASK_ROOT" || exit 1
export AWS_EXECUTION_ENV="${AWS_EXECUTION_ENV:-AWS_Lambda_python3.13}"
exec "${WHYBUY_PYTHON:-python3}" -m awslambdaric "$_HANDLER"
"""
_MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
_SERVICES = {"sqs", "ssm", "ecs"}
_FOLDERS_LEFT_OUT = {"tests", "_tests", "test", "__pycache__", "bin"}
_SUFFIXES_LEFT_OUT = {".pyi", ".pyx", ".pxd", ".h", ".hpp", ".c", ".cpp", ".pyc"}
_TIME = (2020, 1, 1, 0, 0, 0)  # the same content makes the same zip


@dataclass(frozen=True, slots=True)
class Target:
    """What a package runs on; `python` as 3.13."""

    architecture: str
    python: str

    @property
    def suffix(self) -> str:
        return f"-{self.architecture}"


def here() -> Target:
    """This machine's own Python."""
    machine = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return Target(machine, f"{sys.version_info.major}.{sys.version_info.minor}")


def install(package: str, target: Target) -> Path:
    """The folder with the locked libraries of a package. It is made once for each lock and target, from the registry.

    Raises StackError.
    """
    folder = libraries(package, target)
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as making:
        command = (
            *_installer(target),
            *("--no-deps", "--require-hashes", "--only-binary", ":all:", "--target", f"{making}/made"),
            *("--requirement", str(_lock(package))),
        )
        if subprocess.run(command, check=False).returncode != 0:
            raise StackError(
                f"The libraries of {_lock(package).name} could not be installed (see above). They come from the "
                "package index, once for each lock file: run `make package-lambda` where it can be reached."
            )
        Path(making, "made").rename(folder)
    return folder


def _installer(target: Target) -> tuple[str, ...]:
    """pip, as for everything else here; for another machine or Python uv, since pip reads a lock's conditions for the
    Python that runs it."""
    if target == here():
        return (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile")
    return (
        *(str(Path(sys.executable).parent / "uv"), "pip", "install", "--quiet", "--python-version", target.python),
        *("--python-platform", f"{_MACHINES[target.architecture]}-manylinux_2_28"),
    )


def libraries(package: str, target: Target) -> Path:
    """Where `install` puts them."""
    made_of = hashlib.sha256(_lock(package).read_bytes()).hexdigest()[:16]
    return OUTPUT / "libraries" / f"{package}-{target.architecture}-{target.python}-{made_of}"


def _lock(package: str) -> Path:
    return ROOT / f"requirements-lambda-{package}.lock"


def contents(installed: Path) -> dict[str, Path | str]:
    """What goes into a package, by its path there: needed files of the libraries, ours, and the bootstrap as text."""
    own = (path for name in OWN for path in (ROOT / name).rglob("*"))
    files: dict[str, Path | str] = {"bootstrap": _BOOTSTRAP}
    files |= {name: path for name, path in _relative(installed.rglob("*"), installed) if _is_needed(name)}
    files |= {name: path for name, path in _relative(own, ROOT) if _is_needed(name)}
    return files


def _relative(paths: Iterator[Path], root: Path) -> Iterator[tuple[str, Path]]:
    return ((path.relative_to(root).as_posix(), path) for path in paths if path.is_file())


def _is_needed(name: str) -> bool:
    """Tests, stubs and sources are not; nor are services and languages that are not ours."""
    path = Path(name)
    folders = path.parts[:-1]
    if path.suffix in _SUFFIXES_LEFT_OUT or _FOLDERS_LEFT_OUT.intersection(folders):
        return False
    if folders[:2] == ("botocore", "data"):
        return len(folders) == 2 or folders[2] in _SERVICES
    if folders[:2] == ("babel", "locale-data"):
        return path.stem.split("_")[0] in {"root", *WORDINGS}
    if folders and folders[0].endswith(".dist-info"):
        return path.name in {"METADATA", "entry_points.txt"}
    return True


def interpreter(target: Target) -> str | None:
    """A Python of the target's version on this machine."""
    if here().python == target.python:
        return sys.executable
    found = shutil.which(f"python{target.python}")
    runs = found is not None and subprocess.run((found, "--version"), capture_output=True, check=False).returncode == 0
    return found if runs else None


def bytecode(files: dict[str, Path | str], python: str, folder: Path) -> dict[str, Path | str]:
    """The bytecode of these files, by its path in the package; made in `folder`. A function cannot write its own: each
    cold start would compile all that it imports. Raises StackError."""
    for name, source in files.items():
        if name.endswith(".py") and isinstance(source, Path):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, folder / name)
    # Not compared with the source, whose time a zip does not keep exactly; errors name the file where it is on Lambda.
    options = ("-q", "-j", "0", "--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", "/var/task")
    if subprocess.run((python, "-m", "compileall", *options, str(folder)), check=False).returncode != 0:
        raise StackError("The package could not be compiled (see above).")
    return dict(_relative(folder.rglob("*.pyc"), folder))


def unzipped_bytes(files: dict[str, Path | str]) -> int:
    return sum(len(one.encode()) if isinstance(one, str) else one.stat().st_size for one in files.values())


def write_zip(files: dict[str, Path | str], file: Path) -> None:
    """Raises StackError above Lambda's limit. The file is whole or is not there."""
    if (size := unzipped_bytes(files)) > LIMIT:
        raise StackError(f"{file.name} would have {size:,} bytes unzipped; Lambda takes {LIMIT:,}.")
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        making = Path(folder, file.name)
        with zipfile.ZipFile(making, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            for name, source in sorted(files.items()):
                entry = zipfile.ZipInfo(name, _TIME)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = (stat.S_IFREG | (0o755 if name == "bootstrap" else 0o644)) << 16
                archive.writestr(entry, source if isinstance(source, str) else source.read_bytes())
        making.replace(file)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--arch", type=click.Choice(sorted(_MACHINES)), default="arm64", help="Processor of the functions.")
@click.option("--python", default="3.13", help="Version of their runtime's Python.")
@click.option("--local", is_flag=True, help="For the Python that runs this, into OUTPUT/local.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=OUTPUT,
    show_default="build/lambda",
    help="Folder of the zips.",
)
@click.option("--only", type=click.Choice(PACKAGES), help="One package; else all of them.")
def main(arch: str, python: str, *, local: bool, output: Path, only: str | None) -> None:
    """Build the zips that serverless.yml deploys.

    Libraries come from requirements-lambda-….lock with their hashes, once for each lock, without what is not needed.
    """
    target = here() if local else Target(arch, python)
    compiler = interpreter(target)
    if compiler is None:
        click.echo(f"python{target.python} is not here to compile for: cold starts will take longer.", err=True)
    rows = [f"{'package':<24}{'files':>8}{'zip MB':>9}{'unzipped MB':>13}{'of the limit':>14}"]
    try:
        with progress(together=True, err=True) as report:
            for package in (only,) if only else PACKAGES:
                file = output / ("local" if local else "") / f"{package}{'' if local else target.suffix}.zip"
                files, size = build(package, target, compiler, file, report)
                rows.append(
                    f"{os.path.relpath(file, output):<24}{files:>8,}{file.stat().st_size / 1e6:>9.1f}"
                    f"{size / 1e6:>13.1f}{size / LIMIT:>14.0%}"
                )
    except StackError as error:
        raise click.ClickException(str(error)) from error
    click.echo("\n".join(rows))


def build(package: str, target: Target, compiler: str | None, file: Path, report: Progress) -> tuple[int, int]:
    """Files and unzipped bytes of the zip that it writes. Raises StackError."""
    report(f"{package}: libraries", 0, 0)
    files = contents(install(package, target))
    with tempfile.TemporaryDirectory() as folder:
        if compiler is not None and package in COMPILED:
            report(f"{package}: bytecode", 0, 0)
            files |= bytecode(files, compiler, Path(folder))
        report(f"{package}: zip", 0, 0)
        write_zip(files, file)
        return len(files), unzipped_bytes(files)


if __name__ == "__main__":
    main(prog_name="python -m devstack.serverless.package")
