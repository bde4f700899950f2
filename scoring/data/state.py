"""A trained model as plain arrays and a JSON manifest: saved, memory-mapped, packed into one file and hashed."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMAT_VERSION = 3
_MANIFEST = "manifest.json"
_DIGEST = "digest"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can hold: equal states give equal files
_CHUNK = 1 << 22


class BrokenSnapshotError(ValueError):
    """A snapshot that is incomplete, damaged or of another format. Train again, or activate another one."""

    def __init__(self, where: object, what: str) -> None:
        super().__init__(f"Model snapshot {where} cannot be used: {what}. Fetch it again, or train a new one.")
        self.where = str(where)
        self.what = what


@dataclass(frozen=True, slots=True)
class ModelState:
    """Everything a recommender needs. `manifest` is JSON-ready and holds no time of day, so equal training gives
    an equal digest."""

    arrays: dict[str, NDArray[Any]]
    manifest: dict[str, Any]

    def part(self, prefix: str) -> dict[str, NDArray[Any]]:
        """The arrays whose name starts with `prefix.`, without it."""
        start = f"{prefix}."
        return {name[len(start) :]: array for name, array in self.arrays.items() if name.startswith(start)}


def prefixed(prefix: str, arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {f"{prefix}.{name}": array for name, array in arrays.items()}


def digest(state: ModelState) -> str:
    """SHA-256 over manifest and arrays, as 64 hex digits. The first 16 name the version."""
    hasher = hashlib.sha256(_manifest_bytes(state))
    for name in sorted(state.arrays):
        array = np.ascontiguousarray(state.arrays[name])
        hasher.update(name.encode())
        hasher.update(array.reshape(-1).view(np.uint8).data)
    return hasher.hexdigest()


def save(state: ModelState, path_dir: Path | str) -> None:
    """Writes one `.npy` per array and the manifest last, so a directory with a manifest is complete."""
    directory = Path(path_dir)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / _MANIFEST).unlink(missing_ok=True)
    for name, array in state.arrays.items():
        np.save(directory / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)
    (directory / _DIGEST).write_text(digest(state))
    (directory / _MANIFEST).write_bytes(_manifest_bytes(state))


def load(path_dir: Path | str, *, mmap: bool = True, verify: bool = False) -> ModelState:
    """Reads what `save` wrote. With `mmap`, processes share one copy of the pages. `verify` hashes every byte.

    Raises BrokenSnapshotError when a file is missing, cut short, of another shape or of another format.
    """
    directory = Path(path_dir)
    manifest = _read_manifest(directory)
    arrays = {name: _read_array(directory, name, spec, mmap=mmap) for name, spec in manifest.pop("arrays").items()}
    state = ModelState(arrays, manifest)
    if verify and (directory / _DIGEST).read_text().strip() != digest(state):
        raise BrokenSnapshotError(directory, "its content does not match its digest")
    return state


def pack(state: ModelState, file: Path | str | IO[bytes]) -> str:
    """Writes the state as one uncompressed zip, byte for byte the same for equal states. Returns the digest."""
    name = digest(state)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for key in sorted(state.arrays):
            with archive.open(zipfile.ZipInfo(f"{key}.npy", _EPOCH), "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.ascontiguousarray(state.arrays[key]), allow_pickle=False)
        archive.writestr(zipfile.ZipInfo(_DIGEST, _EPOCH), name)
        archive.writestr(zipfile.ZipInfo(_MANIFEST, _EPOCH), _manifest_bytes(state))
    return name


def unpack(file: Path | str | IO[bytes], path_dir: Path | str) -> str:
    """Extracts a pack into `path_dir` (replaced whole, or left as it was) and returns the digest.

    Raises BrokenSnapshotError when the pack is truncated, damaged or incomplete.
    """
    directory = Path(path_dir)
    directory.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    try:
        _extract(file, staging)
        load(staging, verify=True)
        shutil.rmtree(directory, ignore_errors=True)
        staging.rename(directory)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return (directory / _DIGEST).read_text().strip()


def _extract(file: Path | str | IO[bytes], staging: Path) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                if Path(info.filename).name != info.filename:
                    raise BrokenSnapshotError(file, f"it holds a path outside itself, {info.filename!r}")
                with archive.open(info) as source, (staging / info.filename).open("wb") as target:
                    shutil.copyfileobj(source, target, _CHUNK)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise BrokenSnapshotError(file, f"the pack is damaged or cut short ({error})") from error


def _manifest_bytes(state: ModelState) -> bytes:
    specs = {name: {"dtype": array.dtype.str, "shape": list(array.shape)} for name, array in state.arrays.items()}
    document = {**state.manifest, "format": FORMAT_VERSION, "arrays": specs}
    return json.dumps(document, sort_keys=True, ensure_ascii=False, allow_nan=False).encode()


def _read_manifest(directory: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((directory / _MANIFEST).read_bytes())
    except FileNotFoundError as error:
        raise BrokenSnapshotError(directory, "it has no manifest") from error
    except ValueError as error:
        raise BrokenSnapshotError(directory, "its manifest is not JSON") from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("arrays"), dict):
        raise BrokenSnapshotError(directory, "its manifest lists no arrays")
    if manifest.get("format") != FORMAT_VERSION:
        raise BrokenSnapshotError(
            directory, f"its format is {manifest.get('format')}, this version reads {FORMAT_VERSION}"
        )
    return manifest


def _read_array(directory: Path, name: str, spec: dict[str, Any], *, mmap: bool) -> NDArray[Any]:
    try:
        # numpy cannot map an empty array
        mode: Literal["r"] | None = "r" if mmap and 0 not in spec["shape"] else None
        array: NDArray[Any] = np.load(directory / f"{name}.npy", mmap_mode=mode, allow_pickle=False)
    except FileNotFoundError as error:
        raise BrokenSnapshotError(directory, f"the array {name} is missing") from error
    except (ValueError, EOFError, OSError, KeyError) as error:
        raise BrokenSnapshotError(directory, f"the array {name} is damaged or cut short ({error})") from error
    if array.dtype.str != spec["dtype"] or list(array.shape) != spec["shape"]:
        raise BrokenSnapshotError(directory, f"the array {name} is not of the shape that the manifest says")
    # The plain ndarray view is faster than the memmap subclass and keeps the mapping alive.
    return array.view(np.ndarray)
