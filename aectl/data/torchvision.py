"""Standard data sets, downloaded and read by torchvision."""

import shutil
import tempfile
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal

import torch
import torchvision
from torch import Tensor

from aectl.data.source import Split, SplitName, hold_out_indices
from aectl.errors import UserError
from aectl.io.archives import read_gzip
from aectl.io.atomic import write_atomic
from aectl.io.locks import file_lock
from aectl.types import Shape

Name = Literal["MNIST", "FashionMNIST", "KMNIST", "QMNIST", "CIFAR10", "CIFAR100"]


class Torchvision:
    """A data set of torchvision's, held in memory; a tenth of its training file is the validation split.

    Arguments:
        name: torchvision's name for it.
        root: the folder of the files; missing ones are downloaded into it.
        shape: the shape of one image.
        files: the files that are needed, below `root`.
        unpack_from: a folder that may hold these files gzipped, such as the system package of the data set installs.
    """

    def __init__(self, name: Name, root: str, shape: Shape, files: list[str], unpack_from: str | None) -> None:
        self.name = name
        self.root = Path(root).expanduser()
        self.shape = tuple(shape)
        if any(Path(file).is_absolute() or ".." in Path(file).parts for file in files):
            raise UserError(f"dataset.files={files}: expected names below dataset.root")
        self.files = [self.root / file for file in files]
        self.unpack_from = Path(unpack_from) if unpack_from else None

    def prepare(self) -> None:
        folders = [self.root, *{file.parent.parent for file in self.files}, *{file.parent for file in self.files}]
        new = [folder for folder in folders if not folder.exists()]
        try:
            if not self._complete():
                self._fetch()
            for train in (True, False):
                load(self.name, self.root, train)
        except Exception as error:  # torchvision raises anything after a lost connection or on a damaged file
            for folder in reversed(new):
                with suppress(OSError):
                    folder.rmdir()
            raise UserError(self._message(error)) from error

    def split(self, name: SplitName) -> Split:
        self.prepare()
        dataset = load(self.name, self.root, train=name != "test")
        x, y = to_images(dataset.data), torch.as_tensor(dataset.targets).long()
        if name != "test":
            train, val = hold_out_indices(len(x), share=0.1)
            part = train if name == "train" else val
            x, y = x[part], y[part]
        return Split(x, y, list(dataset.classes))

    def _message(self, error: Exception) -> str:
        folder = self.files[0].parent
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        if missing := [file.name for file in self.files if not file.exists()]:
            return (
                f"dataset: {self.name} is not in {folder} and could not be downloaded ({reason}); "
                f"put {', '.join(missing)} into that folder, or use dataset=digits, which needs no files"
            )
        return (
            f"dataset: the files of {self.name} in {folder} are damaged ({reason}); "
            "delete them to have them downloaded again, or use dataset=digits, which needs no files"
        )

    def _complete(self) -> bool:
        return all(file.exists() for file in self.files)

    def _fetch(self) -> None:
        """Unpacks or downloads the files; other processes wait."""
        with file_lock(self.root / self.name, f"fetches {self.name} into {self.root}"):
            for file in self.files:
                packed = self.unpack_from / f"{file.name}.gz" if self.unpack_from else None
                if packed and packed.exists() and not file.exists():
                    write_atomic(file, partial(unpack, packed))
            if not self._complete():
                download(self.name, self.root, self.files)


def download(name: str, root: Path, files: list[Path]) -> None:
    """Downloads a data set aside and moves complete files into place; deletes what a killed download left."""
    for stale in root.glob(f".{name}-*"):
        shutil.rmtree(stale, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=root) as aside:
        for train in (True, False):
            getattr(torchvision.datasets, name)(aside, train=train, download=True)
        for file in files:
            if not file.exists():
                file.parent.mkdir(parents=True, exist_ok=True)
                (Path(aside) / file.relative_to(root)).replace(file)


def unpack(packed: Path, to: Path) -> None:
    with to.open("wb") as copy:
        copy.writelines(read_gzip(packed))


@lru_cache(maxsize=4)
def load(name: str, root: Path, train: bool) -> Any:
    """A data set of torchvision's; read once for all jobs of a sweep."""
    return getattr(torchvision.datasets, name)(root, train=train, download=False)


def to_images(data: Any) -> Tensor:
    """(N, H, W) or (N, H, W, C) uint8, as torchvision has them, to (N, C, H, W)."""
    x = torch.as_tensor(data)
    return x.unsqueeze(1) if x.ndim == 3 else x.permute(0, 3, 1, 2).contiguous()
