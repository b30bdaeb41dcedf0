"""Data sets in idx files, plain and gzipped, and in .npz files; images and vectors."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from aectl.data.arrays import Idx, Npz
from aectl.data.loader import Data
from aectl.errors import UserError
from aectl.modalities import Vectors

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (50, 6, 5), dtype=np.uint8)
Y = RNG.integers(0, 3, 50).astype(np.uint8)


def idx_bytes(array: np.ndarray) -> bytes:
    return struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}i", *array.shape) + array.tobytes()


def write_idx(folder: Path, zipped: bool, test: bool = True) -> Path:
    folder.mkdir()
    for word, part in [("train", slice(0, 40))] + ([("t10k", slice(40, 50))] if test else []):
        for kind, array in (("images-idx3", X[part]), ("labels-idx1", Y[part])):
            name = f"{word}-{kind}-ubyte" + (".gz" if zipped else "")
            content = idx_bytes(array)
            (folder / name).write_bytes(gzip.compress(content) if zipped else content)
    return folder


@pytest.mark.parametrize("zipped", [False, True])
def test_idx_files_are_read_exactly(tmp_path: Path, zipped: bool) -> None:
    data = Idx(str(write_idx(tmp_path / "mnist", zipped)), val=0.1, test=0.5)
    assert data.shape == (1, 6, 5)
    test = data.split("test")
    np.testing.assert_array_equal(test.x.numpy()[:, 0], X[40:])
    assert test.y is not None
    np.testing.assert_array_equal(test.y.numpy(), Y[40:])
    assert [len(data.split(name).x) for name in ("train", "val", "test")] == [36, 4, 10]
    rows = {row.numpy().tobytes() for name in ("train", "val") for row in data.split(name).x}
    assert rows == {row.tobytes() for row in X[:40]}


def test_without_test_files_a_share_is_held_out(tmp_path: Path) -> None:
    data = Idx(str(write_idx(tmp_path / "mnist", zipped=False, test=False)), val=0.25, test=0.5)
    assert [len(data.split(name).x) for name in ("train", "val", "test")] == [15, 5, 20]


@pytest.mark.parametrize("damage", ["cut", "other", "no gzip"])
def test_the_error_names_a_damaged_idx_file(tmp_path: Path, damage: str) -> None:
    folder = write_idx(tmp_path / "mnist", zipped=damage == "no gzip")
    file = next(folder.glob("train-images*"))
    file.write_bytes({"cut": file.read_bytes()[:-1], "other": b"PK\3\4 something", "no gzip": b"plain"}[damage])
    with pytest.raises(UserError, match="train-images"):
        Idx(str(folder), 0.1, 0.1).prepare()


def test_the_error_names_the_file_that_an_idx_folder_lacks(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="train-images-idx3-ubyte"):
        Idx(str(tmp_path), 0.1, 0.1).prepare()
    with pytest.raises(UserError, match="no such folder"):
        Idx(str(tmp_path / "missing"), 0.1, 0.1).prepare()


def npz(path: Path, **arrays: np.ndarray) -> Npz:
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return Npz(str(path), val=0.1, test=0.2)


def test_npz_with_the_names_of_keras_is_read(tmp_path: Path) -> None:
    data = npz(tmp_path / "a.npz", x_train=X[:40], y_train=Y[:40], x_test=X[40:], y_test=Y[40:])
    assert data.shape == (1, 6, 5)
    assert torch.equal(data.split("test").x[:, 0], torch.from_numpy(X[40:]))


def test_npz_of_images_without_labels_is_read(tmp_path: Path) -> None:
    data = npz(tmp_path / "a.npz", images=np.stack([X] * 3, -1))
    assert data.shape == (3, 6, 5)
    assert data.split("train").y is None
    assert [len(data.split(name).x) for name in ("train", "val", "test")] == [36, 4, 10]


VECTORS = RNG.random((50, 7)).astype(np.float32)


@pytest.mark.parametrize("vectors", [VECTORS, (255 * VECTORS).astype(np.uint8)], ids=lambda x: x.dtype.name)
def test_vectors_are_read_and_split_exactly(tmp_path: Path, vectors: np.ndarray) -> None:
    data = npz(tmp_path / "a.npz", x_train=vectors[:40], y_train=Y[:40], x_test=vectors[40:], y_test=Y[40:])
    assert data.shape == (7,)
    assert np.array_equal(data.split("test").x.numpy(), vectors[40:])
    assert data.split("test").x.numpy().dtype == vectors.dtype
    assert [len(data.split(name).x) for name in ("train", "val", "test")] == [36, 4, 10]
    rows = {row.numpy().tobytes() for name in ("train", "val") for row in data.split(name).x}
    assert rows == {row.tobytes() for row in vectors[:40]}


def test_copies_of_a_vector_stay_in_one_split(tmp_path: Path) -> None:
    data = npz(tmp_path / "a.npz", x_train=np.tile(VECTORS, (3, 1)))
    splits = [{row.numpy().tobytes() for row in data.split(name).x} for name in ("train", "val", "test")]
    assert sum(map(len, splits)) == len(set.union(*splits)) == 50
    assert sum(len(data.split(name).x) for name in ("train", "val", "test")) == 150


def test_vectors_are_batched_and_scored_and_have_no_picture(tmp_path: Path) -> None:
    data = Data(npz(tmp_path / "a.npz", x_train=VECTORS, y_train=Y), batch_size=16)
    assert (data.modality, data.num_classes) == (Vectors((7,)), 3)
    seen = torch.cat([batch["x"] for batch in data.batches("train")])
    assert seen.shape == (len(data.split("train").x), 7)
    assert {row.numpy().tobytes() for row in seen} == {row.numpy().tobytes() for row in data.split("train").x}
    scores = data.modality.score(seen + 0.1, seen)
    assert {name: values.shape for name, values in scores.items()} == {"psnr": seen.shape[:1], "mse": seen.shape[:1]}
    assert data.modality.preview([seen]) is None


def test_vectors_of_uint8_can_be_binarized(tmp_path: Path) -> None:
    gray = np.tile(np.arange(256, dtype=np.uint8), (40, 1))
    gray[:, 0] = np.arange(40)  # no copies
    source = npz(tmp_path / "a.npz", x_train=gray)
    x = Data(source, 8, binarize="threshold").split("train").x
    assert x[0, 1:].tolist() == [0] * 127 + [255] * 128


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (
            VECTORS - 2,
            r"its train part has values from -1.* to -1.* \(float32\); expected uint8, or numbers in",
        ),
        (VECTORS[:, None, None, None], r"examples of shape \(50, 1, 1, 1, 7\); .* or x_train of \(N, D\) for vectors"),
        (VECTORS[0], r"examples of shape \(7,\); .* or x_train of \(N, D\) for vectors"),
    ],
)
def test_the_error_says_why_arrays_are_not_vectors(tmp_path: Path, vectors: np.ndarray, message: str) -> None:
    with pytest.raises(UserError, match=message):
        npz(tmp_path / "a.npz", x_train=vectors).prepare()


def test_the_number_of_classes_is_that_of_the_labels(tmp_path: Path) -> None:
    labelled = npz(tmp_path / "a.npz", x_train=X[:40], y_train=Y[:40])
    assert Data(labelled, 8).num_classes == len(np.unique(Y[:40])) == 3
    assert Data(npz(tmp_path / "b.npz", images=X), 8).num_classes is None


def test_class_numbers_agree_between_the_splits(tmp_path: Path) -> None:
    data = npz(
        tmp_path / "a.npz", x_train=X[:4], y_train=np.array([5, 7, 9, 5]), x_test=X[4:6], y_test=np.array([9, 9])
    )
    assert data.split("test").classes == ["5", "7", "9"]
    assert data.split("test").y is not None
    assert data.split("test").y.tolist() == [2, 2]  # type: ignore[union-attr]


def test_floats_in_0_to_1_are_unchanged(tmp_path: Path) -> None:
    data = npz(tmp_path / "a.npz", images=X / 255)
    assert data.split("test").x.dtype == torch.float32


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"pictures": X}, "holds pictures"),
        ({"images": X.astype(float)}, "expected uint8, or numbers in"),
        ({"images": np.full((5, 4, 4), np.nan)}, "expected uint8, or numbers in"),
        ({"images": X[0]}, "expected \\(N, H, W\\)"),
        ({"images": X, "labels": Y[:3]}, "expected one each"),
    ],
)
def test_the_error_says_why_arrays_are_not_a_data_set(tmp_path: Path, arrays: dict[str, np.ndarray], said: str) -> None:
    with pytest.raises(UserError, match=said):
        npz(tmp_path / "a.npz", **arrays).prepare()


def test_pickles_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"not a readable|allow_pickle"):
        npz(tmp_path / "a.npz", images=np.array([{"a": 1}], object)).prepare()
