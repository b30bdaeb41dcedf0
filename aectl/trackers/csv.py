"""CSV files, and pictures as PNG."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from PIL import Image
from torch import Tensor

from aectl.trackers.base import Hyperparameter, Tracker, channels_last, latent_rows

COLUMNS = ("step", "name", "value")


class CSV(Tracker):
    """Writes `curves.csv`, `hyperparameters.csv`, `latents.csv` and pictures into the run's folder `csv`."""

    def start(self, folder: Path, name: str, last_step: int) -> None:
        self.folder = folder / "csv"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.curves = self.folder / "curves.csv"
        write_rows(self.curves, [COLUMNS, *(row for row in read_rows(self.curves) if int(row[0]) <= last_step)])
        for path in self.folder.glob("*/*.png"):
            if int(path.stem) > last_step:
                path.unlink()

    def log_scalars(self, values: Mapping[str, float], step: int) -> None:
        write_rows(self.curves, ((step, name, value) for name, value in values.items()), mode="a")

    def log_image(self, name: str, picture: Tensor, step: int) -> None:
        path = self.folder / name / f"{step:08}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(channels_last(picture)).save(path)

    def log_embedding(self, latents: Tensor, labels: list[str] | None, images: Tensor | None) -> None:
        write_rows(self.folder / "latents.csv", latent_rows(latents, labels))

    def log_hyperparameters(self, values: Mapping[str, Hyperparameter], metrics: Mapping[str, float]) -> None:
        write_rows(self.folder / "hyperparameters.csv", [("name", "value"), *values.items(), *metrics.items()])


def read_rows(path: Path) -> list[list[str]]:
    """The complete rows of `curves.csv`, if it exists; a killed run may leave half a line at its end."""
    if not path.exists():
        return []
    whole = path.read_text().rpartition("\n")[0]
    return list(csv.reader(whole.splitlines()))[1:]


def write_rows(path: Path, rows: Iterable[Iterable[object]], mode: str = "w") -> None:
    with path.open(mode, newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
