import gzip
import pickle
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir

from aectl.config import CONFIGS
from aectl.data.source import Source
from aectl.errors import UserError
from aectl.runs.run import instantiate_node

MNISTS = {"mnist": "MNIST", "kmnist": "KMNIST"}
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
NUM_TRAIN, NUM_TEST = 20, 5
MNIST_FILES = [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]


def shipped(dataset: str, **given: Any) -> Source:
    """The data set that a shipped config names, with `AECTL_DATA` as it stands."""
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return instantiate_node(compose("train", [f"dataset={dataset}"]).dataset, **given)


def idx(array: np.ndarray) -> bytes:
    """An array of bytes in the format of the MNIST family."""
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
    return header + array.tobytes()


def random_images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def mnist_files() -> tuple[dict[str, np.ndarray], dict[str, bytes]]:
    """What is in the four files of a tiny MNIST, and the files."""
    images = random_images(NUM_TRAIN + NUM_TEST, 28, 28)
    labels = np.arange(NUM_TRAIN + NUM_TEST, dtype=np.uint8) % 10
    arrays = {
        "train-images-idx3-ubyte": images[:NUM_TRAIN],
        "train-labels-idx1-ubyte": labels[:NUM_TRAIN],
        "t10k-images-idx3-ubyte": images[NUM_TRAIN:],
        "t10k-labels-idx1-ubyte": labels[NUM_TRAIN:],
    }
    return arrays, {name: idx(array) for name, array in arrays.items()}


def mnist_archives() -> dict[str, bytes]:
    """The same files as they are downloaded."""
    return {f"{name}.gz": gzip.compress(content) for name, content in mnist_files()[1].items()}


def write_mnist(folder: Path) -> dict[str, np.ndarray]:
    folder.mkdir(parents=True)
    arrays, files = mnist_files()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return arrays


def write_cifar10(folder: Path) -> dict[str, np.ndarray]:
    folder.mkdir(parents=True)
    images = random_images(NUM_TRAIN + NUM_TEST, 3, 32, 32)
    labels = np.arange(NUM_TRAIN + NUM_TEST) % 10
    parts = np.split(np.arange(NUM_TRAIN), 5)
    batches = {f"data_batch_{i}": part for i, part in enumerate(parts, 1)} | {"test_batch": np.arange(NUM_TRAIN, 25)}
    for name, part in batches.items():
        content = {"data": images[part].reshape(len(part), -1), "labels": labels[part].tolist()}
        (folder / name).write_bytes(pickle.dumps(content))
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": names}))
    return {"x": images, "y": labels}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the shipped configs look for files; there is no network."""
    monkeypatch.setenv("AECTL_DATA", str(tmp_path / "data"))

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    return tmp_path / "data"


def joined(source: Source) -> tuple[torch.Tensor, torch.Tensor]:
    """Training and validation split as one, sorted by the bytes of the images."""
    parts = [source.split("train"), source.split("val")]
    assert [len(part.x) for part in parts] == [18, 2]
    x, y = torch.cat([part.x for part in parts]), torch.cat([part.y for part in parts])
    order = sorted(range(len(x)), key=lambda i: x[i].numpy().tobytes())
    return x[order], y[order]


def by_bytes(x: np.ndarray, y: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    order = sorted(range(len(x)), key=lambda i: x[i].tobytes())
    return torch.from_numpy(x[order]), torch.from_numpy(y[order]).long()


@pytest.mark.parametrize("dataset", ["mnist", "kmnist"])
def test_files_in_the_format_of_mnist_are_read(dataset: str, root: Path) -> None:
    files = write_mnist(root / MNISTS[dataset] / "raw")
    source = shipped(dataset)
    x, y = by_bytes(files["train-images-idx3-ubyte"], files["train-labels-idx1-ubyte"])
    found_x, found_y = joined(source)
    assert found_x.dtype == torch.uint8
    assert found_x.shape[1:] == source.shape == (1, 28, 28)
    assert torch.equal(found_x, x.unsqueeze(1))
    assert torch.equal(found_y, y)


@pytest.mark.parametrize("dataset", ["mnist", "kmnist"])
def test_the_test_split_of_mnist_is_its_test_file_in_order(dataset: str, root: Path) -> None:
    files = write_mnist(root / MNISTS[dataset] / "raw")
    x, y, classes, _ = shipped(dataset).split("test")
    assert torch.equal(x, torch.from_numpy(files["t10k-images-idx3-ubyte"]).unsqueeze(1))
    assert torch.equal(y, torch.from_numpy(files["t10k-labels-idx1-ubyte"]).long())
    assert classes is not None
    assert len(classes) == 10
    assert classes[1] == {"mnist": "1 - one", "kmnist": "ki"}[dataset]


def test_files_in_the_format_of_cifar10_are_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *_: True)
    files = write_cifar10(root / "cifar-10-batches-py")
    source = shipped("cifar10")
    x, y = by_bytes(files["x"][:NUM_TRAIN], files["y"][:NUM_TRAIN])
    found_x, found_y = joined(source)
    assert found_x.dtype == torch.uint8
    assert found_x.shape[1:] == source.shape == (3, 32, 32)
    assert torch.equal(found_x, x)
    assert torch.equal(found_y, y)
    test = source.split("test")
    assert torch.equal(test.x, torch.from_numpy(files["x"][NUM_TRAIN:]))
    assert test.y.tolist() == files["y"][NUM_TRAIN:].tolist()
    assert test.classes[:2] == ["airplane", "automobile"]


@pytest.mark.parametrize(
    ("dataset", "folder", "file"),
    [
        ("mnist", "MNIST/raw", "t10k-labels-idx1-ubyte"),
        ("kmnist", "KMNIST/raw", "t10k-labels-idx1-ubyte"),
        ("cifar10", "cifar-10-batches-py", "data_batch_5"),
    ],
)
def test_missing_files_without_a_network_are_a_one_line_error(dataset: str, folder: str, file: str, root: Path) -> None:
    with pytest.raises(UserError) as error:
        shipped(dataset).prepare()
    message = str(error.value)
    assert str(root / folder) in message
    assert file in message
    assert "no route to host" in message
    assert "dataset=digits" in message
    assert "\n" not in message
    assert [path.suffix for path in root.rglob("*")] == [".lock"]


def test_a_failed_download_keeps_existing_files(root: Path) -> None:
    write_mnist(root / "MNIST" / "raw")
    (root / "MNIST" / "raw" / "t10k-images-idx3-ubyte").unlink()
    with pytest.raises(UserError, match="put t10k-images-idx3-ubyte into that folder"):
        shipped("mnist").prepare()
    assert len(list((root / "MNIST" / "raw").iterdir())) == 3


def test_gzipped_files_of_a_system_package_are_read(root: Path, tmp_path: Path) -> None:
    packed = tmp_path / "packed"
    packed.mkdir()
    arrays, files = mnist_files()
    for name, content in files.items():
        (packed / f"{name}.gz").write_bytes(gzip.compress(content))
    test = shipped("fashion_mnist", unpack_from=str(packed)).split("test")
    assert torch.equal(test.x, torch.from_numpy(arrays["t10k-images-idx3-ubyte"]).unsqueeze(1))
    unpacked = {path.name: path.read_bytes() for path in (root / "FashionMNIST" / "raw").iterdir()}
    assert unpacked == files  # and nothing beside them


def test_unpacked_files_are_not_unpacked_again(root: Path, tmp_path: Path) -> None:
    write_mnist(root / "FashionMNIST" / "raw")
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(b"not even gzip")
    assert len(shipped("fashion_mnist", unpack_from=str(tmp_path)).split("train").x) == 18


@pytest.mark.skipif(not DEBIAN.is_dir(), reason=f"Debian's package dataset-fashion-mnist is not installed in {DEBIAN}")
def test_debians_fashion_mnist_has_the_known_statistics(root: Path) -> None:
    source = shipped("fashion_mnist")
    train, val, test = (source.split(name) for name in ("train", "val", "test"))
    assert [len(split.x) for split in (train, val, test)] == [54_000, 6_000, 10_000]
    x = torch.cat([train.x, val.x])
    share = torch.bincount(x.flatten(), minlength=256).double() / x.numel()
    level = torch.arange(256) / 255
    mean = (share * level).sum()
    assert float(mean) == pytest.approx(0.2860, abs=1e-3)
    assert float((share * (level - mean) ** 2).sum().sqrt()) == pytest.approx(0.3530, abs=1e-3)
    assert torch.bincount(test.y).tolist() == [1000] * 10
    assert test.classes[0] == "T-shirt/top"


def test_damaged_files_are_a_one_line_error(root: Path) -> None:
    write_mnist(root / "MNIST" / "raw")
    (root / "MNIST" / "raw" / "t10k-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03\0\0")
    with pytest.raises(UserError, match=r"the files of MNIST in .*raw are damaged .*; delete them"):
        shipped("mnist").prepare()


def test_a_damaged_package_leaves_no_partial_file(root: Path, tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(bytes(10_000))[:-20])
    with pytest.raises(UserError, match="FashionMNIST is not in"):
        shipped("fashion_mnist", unpack_from=str(package)).prepare()
    assert [path.suffix for path in root.rglob("*")] == [".lock"]


def test_a_folder_that_existed_before_is_kept(root: Path) -> None:
    root.mkdir()
    with pytest.raises(UserError, match="could not be downloaded"):
        shipped("mnist").prepare()
    assert root.is_dir()
