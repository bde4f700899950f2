"""A trained model as files: kept whole, recognised by its digest, refused when broken."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from scoring.data.state import BrokenSnapshotError, ModelState, digest, load, pack, save, unpack
from scoring.ranking.query import Query
from scoring.ranking.recommender import Recommender
from scoring.types import Scenario
from tests.scoring.synthetic import DAY, START, history_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from scoring.data.dataset import Dataset


def packed(state: ModelState) -> bytes:
    file = io.BytesIO()
    pack(state, file)
    return file.getvalue()


@pytest.fixture
def tiny() -> ModelState:
    arrays: dict[str, NDArray[Any]] = {
        "a": np.arange(5000, dtype=np.int32),
        "b.empty": np.zeros((0, 3), np.float32),
        "c": np.eye(3),
    }
    return ModelState(arrays, {"users": 3, "weights": {"content": 0.5}})


@pytest.mark.parametrize("mmap", [True, False])
def test_a_saved_state_comes_back_the_same(tiny: ModelState, tmp_path: Path, mmap: bool) -> None:
    save(tiny, tmp_path / "snapshot")

    loaded = load(tmp_path / "snapshot", mmap=mmap, verify=True)

    assert digest(loaded) == digest(tiny)
    assert loaded.manifest["weights"] == {"content": 0.5}
    for name, array in tiny.arrays.items():
        np.testing.assert_array_equal(loaded.arrays[name], array)


def test_a_loaded_state_cannot_be_written_to(tiny: ModelState, tmp_path: Path) -> None:
    save(tiny, tmp_path)

    with pytest.raises(ValueError, match="read-only"):
        load(tmp_path).arrays["a"][0] = 1


def test_equal_states_have_equal_packs_and_any_change_has_another_digest(tiny: ModelState) -> None:
    changed = ModelState({**tiny.arrays, "c": np.eye(3) * 2}, tiny.manifest)
    changed_manifest = ModelState(tiny.arrays, {**tiny.manifest, "users": 4})

    assert packed(tiny) == packed(tiny)
    assert len({digest(tiny), digest(changed), digest(changed_manifest)}) == 3


def test_a_model_that_travelled_recommends_the_same(state: ModelState, dataset: Dataset, tmp_path: Path) -> None:
    query = Query(Scenario.FOR_YOU, history_of(dataset, 3), START + 130 * DAY, 10)

    version = unpack(io.BytesIO(packed(state)), tmp_path / "model")
    travelled = Recommender.from_state(load(tmp_path / "model"))

    assert version == digest(state)
    assert travelled.recommend(query) == Recommender.from_state(state).recommend(query)


@pytest.mark.parametrize("part", [0.0, 0.2, 0.6, 0.95, 0.999])
def test_a_truncated_pack_is_refused_and_the_old_model_stays(tiny: ModelState, tmp_path: Path, part: float) -> None:
    save(tiny, tmp_path / "model")
    whole = packed(ModelState({**tiny.arrays, "c": np.eye(3) * 2}, tiny.manifest))

    with pytest.raises(BrokenSnapshotError, match="train a new one"):
        unpack(io.BytesIO(whole[: int(len(whole) * part)]), tmp_path / "model")

    assert digest(load(tmp_path / "model", verify=True)) == digest(tiny)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_flipped_byte_is_noticed(tiny: ModelState, tmp_path: Path) -> None:
    damaged = bytearray(packed(tiny))
    damaged[len(damaged) // 2] ^= 0xFF

    with pytest.raises(BrokenSnapshotError):
        unpack(io.BytesIO(bytes(damaged)), tmp_path / "model")


def test_a_pack_cannot_write_outside_its_folder(tiny: ModelState, tmp_path: Path) -> None:
    file = io.BytesIO(packed(tiny))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("../escaped", "x")
    file.seek(0)

    with pytest.raises(BrokenSnapshotError, match="outside"):
        unpack(file, tmp_path / "inner" / "model")

    assert not (tmp_path / "inner" / "escaped").exists()


def test_an_incomplete_folder_is_refused(tiny: ModelState, tmp_path: Path) -> None:
    save(tiny, tmp_path)
    (tmp_path / "a.npy").unlink()

    with pytest.raises(BrokenSnapshotError, match="array a is missing"):
        load(tmp_path)


def test_a_cut_array_is_refused(tiny: ModelState, tmp_path: Path) -> None:
    save(tiny, tmp_path)
    data = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(data[:-100])

    with pytest.raises(BrokenSnapshotError, match="cut short"):
        load(tmp_path)


def test_a_swapped_array_is_refused(tiny: ModelState, tmp_path: Path) -> None:
    save(tiny, tmp_path)
    np.save(tmp_path / "a.npy", np.zeros(3))

    with pytest.raises(BrokenSnapshotError, match="not of the shape"):
        load(tmp_path)


def test_another_format_is_refused(tiny: ModelState, tmp_path: Path) -> None:
    save(tiny, tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, "format": 99}))

    with pytest.raises(BrokenSnapshotError, match="format is 99"):
        load(tmp_path)


def test_an_array_of_objects_is_never_unpickled(tiny: ModelState, tmp_path: Path) -> None:
    save(tiny, tmp_path)
    np.save(tmp_path / "a.npy", np.array([object()]), allow_pickle=True)

    with pytest.raises(BrokenSnapshotError):
        load(tmp_path)
