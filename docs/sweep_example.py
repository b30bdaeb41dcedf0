"""Runs the grid and the search of docs/sweeps.md with one worker and with two, and writes their tables and the picture.

`make sweeps` runs it. What was measured before is kept; remove outputs/results/sweeps/ to measure it again.
"""

import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from aectl.io.atomic import write_json
from aectl.search.jobs import Jobs
from docs.commands import aectl, read_found
from docs.tables import PAGES, RESULTS, write_table
from tests.support.browser import chromium

FOLDER = RESULTS / "sweeps"
FOUND = FOLDER / "found.json"
COMMON = ["dataset=fashion_mnist", "net=mlp"]
BUDGET = "budget.examples=55000"
GRID = ["model=ae,vae", "model.latent_dim=8,16,32,64", "seed=0,1,2", *COMMON, "budget.examples=110000"]
CHOICE = ["model=vae", *COMMON, BUDGET]
SPACE = [
    "optimizer.lr='tag(log,interval(3e-4,2e-2))'",
    "model.latent_dim='int(interval(8,64))'",
    "net.hidden='choice([256],[512],[1024],[512,256])'",
    "data.batch_size=32,64,128,256",
]
SWEEPS = {"grid": GRID, "search": ["sweep=optuna", *SPACE, *CHOICE, "sweep.n_trials=24"]}
SEEDS = ["seed=0,1,2"]
QUICK = ["baselines=false", "embeddings=false", "samples=0", "importance_samples=0"]
WINDOW = {"width": 1400, "height": 1250, "deviceScaleFactor": 1, "mobile": False}
COLOURS = 128  # of the palette of the picture


def sweep(folder: Path, words: list[str], workers: int) -> float:
    """Trains a sweep anew into a folder; the seconds that the command took."""
    shutil.rmtree(folder, ignore_errors=True)
    unquoted = [word.replace("'", "") for word in words]  # as a shell hands them on
    begun = time.monotonic()
    aectl("train", "-m", *unquoted, f"sweep.dir={folder}", f"sweep.workers={workers}")
    return round(time.monotonic() - begun, 1)


def best_overrides(folder: Path) -> list[str]:
    """What the best job of a search was trained with."""
    rows = json.loads(aectl("compare", str(folder), "format=json", "top=1"))["rows"]
    best = Path(rows[0]["columns"]["path"])
    (job,) = (job for job in Jobs(folder).all() if Path(job.folder) == best.relative_to(folder))
    return [word for word in job.overrides if not word.startswith("sweep")]


def confirm(folder: Path, words: list[str]) -> None:
    """Trains with three seeds, and scores the runs on the test split."""
    sweep(folder, [*words, *SEEDS], workers=2)
    for config in folder.glob("*/config.yaml"):
        aectl("eval", str(config.parent), *QUICK)


def measure() -> dict[str, Any]:
    """Trains what was not trained before, each sweep with one worker and with two."""
    found: dict[str, Any] = read_found(FOUND, {})
    for name, words in SWEEPS.items():
        for workers in (1, 2):
            if (key := f"{name}-{workers}") not in found:
                found[key] = sweep(FOLDER / key, words, workers)
                write_json(FOUND, found)
    if "best" not in found:
        found["best"] = best_overrides(FOLDER / "search-1")
        confirm(FOLDER / "confirmed" / "defaults", CHOICE)
        confirm(FOLDER / "confirmed" / "found", found["best"])
        write_json(FOUND, found)
    return found


def page(found: dict[str, Any]) -> str:
    """The part of docs/sweeps.md between its marks."""
    return "\n".join(
        [
            *command(*SWEEPS["grid"], "sweep.workers=2"),
            times(found, "grid"),
            compare("grid-1"),
            "![The page of the sweep](images/sweep.png)\n",
            *command(*SWEEPS["search"], "sweep.workers=2"),
            times(found, "search"),
            compare("search-1", "top=8"),
            f"The best trial, `{' '.join(word for word in found['best'] if word not in CHOICE)}`, and the defaults, "
            "three seeds each and scored on the test split:\n",
            compare("confirmed"),
        ]
    )


def command(*words: str) -> list[str]:
    lines = [" ".join(words[:4]), " ".join(words[4:])]
    return ["```sh", f"aectl train -m {lines[0]} \\", f"    {lines[1]}", "```", ""]


def times(found: dict[str, Any], name: str) -> str:
    one, two = found[f"{name}-1"], found[f"{name}-2"]
    return f"24 jobs took {one:.0f} s with one worker and {two:.0f} s with two, {two / one:.2f} of the time.\n"


def compare(name: str, *words: str) -> str:
    """The table of a sweep, without the columns of its folders."""
    lines = aectl("compare", str(FOLDER / name), "format=md", *words).splitlines()
    cells = [line.split(" | ") for line in lines if line.startswith("|")]
    return "\n".join(f"| {' | '.join(row[1:-1])} |" for row in cells) + "\n"


def draw() -> None:
    """Draws the page of the grid, as a browser shows it, with the runs of the best rows picked."""
    with tempfile.TemporaryDirectory() as folder, chromium(Path(folder) / "profile") as browser:
        file = Path(folder) / "compare.html"
        aectl("compare", str(FOLDER / "grid-1"), "format=html", f"output={file}")
        browser.order("Emulation.setDeviceMetricsOverride", **WINDOW)
        browser.load(file)
        browser.evaluate("new Promise(done => setTimeout(done, 1000))")  # the plots come in slowly
        picture = browser.screenshot()
    picture.quantize(COLOURS, kmeans=4).save(PAGES / "images" / "sweep.png", optimize=True)


if __name__ == "__main__":
    write_table("sweeps", page(measure()))
    draw()
