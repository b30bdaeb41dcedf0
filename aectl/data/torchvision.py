"""The standard data sets, downloaded and read by torchvision."""

import gzip
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor

from aectl.bounds import Shape
from aectl.data.source import Split, SplitName, held_out
from aectl.errors import UserError


class Torchvision:
    """A data set of torchvision's, held in memory; a tenth of its training file validates.

    Arguments:
        name: torchvision's name for it.
        root: the folder with the files, into which they are downloaded when they are missing.
        shape: the shape of one image.
        files: what has to lie under `root` where there is no route to download.
        unpack_from: a folder that may hold the same files in gzip, as a system's package installs them.
    """

    def __init__(self, name: str, root: str, shape: Shape, files: list[str], unpack_from: str | None) -> None:
        self.name = name
        self.root = Path(root).expanduser()
        self.shape = tuple(shape)
        self.files = [self.root / file for file in files]
        self.unpack_from = Path(unpack_from) if unpack_from else None

    def prepare(self) -> None:
        self._unpack()
        missing = [file for file in self.files if not file.exists()]
        if not missing:
            return
        try:
            self._dataset(train=True, download=True)
        except (RuntimeError, OSError) as error:
            for folder in (missing[0].parent, missing[0].parent.parent, self.root):
                with suppress(OSError):
                    folder.rmdir()
            reason = str(error).strip().splitlines()[-1]
            names = ", ".join(file.name for file in missing)
            raise UserError(
                f"dataset: {self.name} is not in {missing[0].parent} and could not be downloaded ({reason}); "
                f"put {names} into that folder, or use dataset=digits, which needs no files"
            ) from error

    def split(self, name: SplitName) -> Split:
        self.prepare()
        dataset = self._dataset(train=name != "test", download=False)
        x, y = images(dataset.data), torch.as_tensor(dataset.targets).long()
        if name != "test":
            train, val = held_out(len(x), share=0.1)
            part = train if name == "train" else val
            x, y = x[part], y[part]
        return Split(x, y, list(dataset.classes))

    def _dataset(self, train: bool, download: bool) -> Any:
        return getattr(torchvision.datasets, self.name)(self.root, train=train, download=download)

    def _unpack(self) -> None:
        """Takes the files out of the system's package where it is installed and they are not there yet."""
        for file in self.files:
            packed = self.unpack_from / f"{file.name}.gz" if self.unpack_from else None
            if packed and packed.exists() and not file.exists():
                file.parent.mkdir(parents=True, exist_ok=True)
                aside = file.with_name(f"{file.name}.{os.getpid()}")
                with gzip.open(packed) as source, aside.open("wb") as copy:
                    shutil.copyfileobj(source, copy)
                aside.replace(file)


def images(data: Any) -> Tensor:
    """(N, H, W) or (N, H, W, C) uint8, as torchvision keeps them, to (N, C, H, W)."""
    x = torch.as_tensor(data)
    return x.unsqueeze(1) if x.ndim == 3 else x.permute(0, 3, 1, 2).contiguous()
