"""The held-out photograph: made noisy and small, and what `aectl predict` made of it beside the classical methods.

`make photos` calls it twice: `prepare` writes the files that `predict` is given, `show` the table and pictures of
docs/results.md.
"""

import sys

import numpy as np
import torch

from aectl.data.photos import TEST, read
from aectl.modalities import image_files
from aectl.modalities.image_metrics import psnr, ssim
from aectl.plots import figures
from aectl.tasks.base import Task
from aectl.tasks.denoise import Denoise
from aectl.tasks.super_res import SuperRes
from docs.classical import Classical, attempts
from docs.tables import PAGES, RESULTS, write_table

PHOTO = TEST[0]
TASKS: dict[str, Task] = {
    "photos_denoise": Denoise(0.1, mean=0.0, clip=True),
    "photos_super_res": SuperRes(2, "bicubic"),
}
FOLDER = RESULTS / "held_out"
CROPS = {"eye": (60, 130), "nose": (150, 200)}
SIDE = 100


def prepare() -> None:
    """Writes the photograph, and what each task makes of it, as files of 8 bits."""
    photo = read(PHOTO)
    height, width = (side // 2 * 2 for side in photo.shape[:2])
    truth = np.ascontiguousarray(photo[:height, :width].transpose(2, 0, 1))
    image_files.write_image(truth, FOLDER / "truth" / f"{PHOTO}.png")
    for run, task in TASKS.items():
        torch.manual_seed(0)
        degraded = task.degrade(torch.from_numpy(truth)[None] / 255)
        image_files.write_image((degraded[0] * 255).round().byte().numpy(), FOLDER / run / f"{PHOTO}.png")


def show() -> None:
    """Writes the table and the pictures of docs/results.md."""
    table = ["| task | method | PSNR, dB | SSIM |", "|---|---|---|---|"]
    truth = loaded("truth")
    for run, task in TASKS.items():
        restored = {**classical(task, loaded(run), truth), "aectl predict": loaded(f"{run}-restored")}
        scores = {name: measured(image, truth) for name, image in restored.items()}
        table += [f"| {task.label} | {name} | {p:.2f} | {s:.3f} |" for name, (p, s) in scores.items()]
        best = max((name for name in scores if name != "aectl predict"), key=lambda name: scores[name][0])
        shown = [next(iter(restored)), best, "aectl predict"]
        heads = [f"{name}\n{scores[name][0]:.2f} dB" for name in shown]
        images = np.concatenate([*(restored[name] for name in shown), truth])
        rows = {name: images[:, :, y : y + SIDE, x : x + SIDE] for name, (y, x) in CROPS.items()}
        figure = figures.image_rows(rows, f"{PHOTO}, held out: {task.label}", [*heads, "truth"], inches=1.15)
        figures.save_figure(figure, PAGES / "images" / f"{run}.png")
    write_table("photos", "\n".join(table))


def loaded(folder: str) -> np.ndarray:
    """The photograph in one of the folders, (1, 3, H, W) in [0, 1]."""
    return image_files.read_image(FOLDER / folder / f"{PHOTO}.png")[None] / np.float32(255)


def classical(task: Task, input: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
    """What each baseline that needs no training makes of the input, filters at their best setting for this photo."""
    return {
        baseline.name: max(attempts(baseline, input), key=lambda image: measured(image, truth)[0])
        for baseline in task.baselines(truth.shape[1:], latent_size=0)
        if isinstance(baseline, Classical)
    }


def measured(image: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """PSNR and SSIM."""
    pair = torch.from_numpy(image.astype(np.float32)).clamp(0, 1), torch.from_numpy(truth)
    return float(psnr(*pair)), float(ssim(*pair))


if __name__ == "__main__":
    {"prepare": prepare, "show": show}[sys.argv[1]]()
