"""Trains every default that restores, evaluates it, and writes the table of docs/restoring-pictures.md.

`make first-impression` runs it, one seed after another; `python -m docs.first_impression digits photos` does only these
data. Cells that docs/first_impression.json has are not measured again: delete those that a change concerns.
"""

import shutil
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from aectl.data.digits import Digits
from aectl.data.photos import NAMES, TEST, read
from aectl.io.atomic import write_json
from aectl.io.npz import save_npz
from aectl.modalities import image_files
from docs.commands import aectl, cpu_seconds, read_found, read_report
from docs.tables import PAGES, RESULTS, write_table

FOLDER = RESULTS / "first_impression"
FOUND = PAGES / "first_impression.json"
SEEDS = range(3)
NUM_DIGITS, SIDE = 8_000, 28
PICTURE = 300  # the side of the pictures in the folder
DATA = {
    "digits": ["dataset=digits"],
    "digits_28": ["dataset=digits_28"],
    "npz": ["dataset=npz", f"dataset.path={FOLDER}/digits.npz"],
    "fashion_mnist": ["dataset=fashion_mnist"],
    "photos": ["dataset=photos"],
    "folder": ["dataset=folder", f"dataset.root={FOLDER}/pictures"],
}
TASKS = ("denoise", "super-res", "denoise_salt_pepper")
MODELS = ("vae", "ae")
SPEED = ["embeddings=false", "samples=0", "importance_samples=0"]


def prepare() -> None:
    """Writes what the data sets `npz` and `folder` read: distorted digits, and a square of each photograph."""
    generator = torch.Generator().manual_seed(0)
    source = Digits().split("train")
    chosen = torch.randint(len(source.x), (NUM_DIGITS,), generator=generator)
    angle = torch.empty(NUM_DIGITS).uniform_(-0.3, 0.3, generator=generator)
    size = torch.empty(NUM_DIGITS, 1, 1).uniform_(1.0, 1.4, generator=generator)
    turned = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], dim=1).view(-1, 2, 2) * size
    shift = torch.empty(NUM_DIGITS, 2, 1).uniform_(-0.15, 0.15, generator=generator)
    large = F.interpolate(source.x[chosen].float(), (SIDE, SIDE), mode="bicubic")
    grid = F.affine_grid(torch.cat([turned, shift], dim=2), list(large.shape), align_corners=False)
    images = F.grid_sample(large, grid, mode="bicubic", align_corners=False).round().clamp(0, 255)
    FOLDER.mkdir(parents=True, exist_ok=True)
    save_npz(FOLDER / "digits.npz", {"images": images.byte().squeeze(1).numpy()})
    for name in NAMES:
        photo = read(name).transpose(2, 0, 1)
        corners = [(0, 0), (photo.shape[1] - PICTURE, photo.shape[2] - PICTURE)][: 2 if name in TEST else 1]
        for index, (top, left) in enumerate(corners):
            square = np.ascontiguousarray(photo[:, top : top + PICTURE, left : left + PICTURE])
            image_files.write_image(square, FOLDER / "pictures" / f"{Path(name).stem}-{index}.png")


def measure(data: str, task: str, model: str, seed: int) -> dict[str, Any]:
    """Trains with the defaults and evaluates."""
    run = FOLDER / f"{data}-{task}-{model}-{seed}"
    shutil.rmtree(run, ignore_errors=True)  # or the new run would get another name
    choice = [f"model={model}", f"task={task}", *DATA[data], f"seed={seed}"]
    before = cpu_seconds()
    aectl("train", *choice, f"hydra.run.dir={run}", "tracker=none")
    cpu = cpu_seconds() - before
    aectl("eval", str(run), *SPEED)
    report = read_report(run)
    verdict = report["verdict"]
    gain = {name: round(value, 3) for name, value in verdict["lead_db"].items()}
    scores = {"psnr": round(report["scores"]["psnr"]["mean"], 3), "best_baseline": verdict["best_baseline"]}
    cell = {"data": data, "task": task, "model": model, "seed": seed, "cpu_seconds": round(cpu), **scores}
    return {**cell, "lead_db": gain}


def table(cells: list[dict[str, Any]]) -> Iterator[str]:
    """A row for each data, task and model, with the gain of each seed."""
    yield "| data | task | model | CPU, s | PSNR, dB | best baseline | gain, dB: seed 0 | seed 1 | seed 2 |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for data, task, model in product(DATA, TASKS, MODELS):
        found = {c["seed"]: c for c in cells if (c["data"], c["task"], c["model"]) == (data, task, model)}
        if not found:
            continue
        cpu = f"{max(cell['cpu_seconds'] for cell in found.values()):.0f}"
        psnr = f"{mean(cell['psnr'] for cell in found.values()):.2f}"
        baselines = ", ".join(sorted({cell["best_baseline"] for cell in found.values()}))
        gains = [shown_gain(found[seed]["lead_db"]) if seed in found else "" for seed in SEEDS]
        yield f"| {' | '.join([data, task, model, cpu, psnr, baselines, *gains])} |"


def shown_gain(gain: dict[str, float]) -> str:
    return f"**{gain['mean']:+.2f}** ({gain['low']:+.2f} to {gain['high']:+.2f})"


def main(chosen: list[str]) -> None:
    prepare()
    cells = read_found(FOUND, [])
    for seed, data, task, model in product(SEEDS, chosen or DATA, TASKS, MODELS):
        if any((c["data"], c["task"], c["model"], c["seed"]) == (data, task, model, seed) for c in cells):
            continue
        cells.append(measure(data, task, model, seed))
        print(cells[-1], flush=True)
        write_json(FOUND, cells)
        write_table("first-impression", "\n".join(table(cells)))


if __name__ == "__main__":
    main(sys.argv[1:])
