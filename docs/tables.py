"""Writes the tables in docs/: the choices, from the configs; with `results`, `bench` or `faults`, what these found."""

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from aectl.cli.model_catalogue import describe_choice
from aectl.config import options
from docs.measured import bench, faults

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs"
RESULTS = Path("outputs/results")
ORDER = [
    *("ae-2", "ae-8", "ae-16", "ae-32", "ae-64", "ae-32-digits", "vae", "latent_2d"),
    *("denoise_light", "denoise", "bottleneck", "super_res", "super_res_x4"),
]
GROUPS = {
    "model": "models",
    "net": "nets",
    "task": "tasks",
    "dataset": "data sets",
    "likelihood": "likelihoods",
    "augment": "augmentations",
    "optimizer": "optimizers",
    "schedule": "schedules",
    "recipe": "recipes",
    "tracker": "trackers",
}


def catalogue() -> str:
    """A row for each choice of each group."""
    rows = ["| | `KEY=CHOICE` | what it is |", "|---|---|---|"]
    for group, plural in GROUPS.items():
        for index, choice in enumerate(options(group)):
            rows.append(f"| {plural if index == 0 else ''} | `{group}={choice}` | {describe_choice(group, choice)} |")
    return "\n".join(rows)


def reports() -> list[dict[str, Any]]:
    """The evaluations below `outputs/results`, each with what its training left, in the order of the page."""
    found = []
    for path in RESULTS.glob("*/eval/*/metrics.json"):
        if path.parents[2].name not in ORDER:
            continue
        summary = json.loads((path.parents[2] / "summary.json").read_text())
        found.append({**json.loads(path.read_text()), "name": path.parents[2].name, "seconds": summary["seconds"]})
    return sorted(found, key=lambda report: (ORDER.index(report["name"]), report["task"]))


def results() -> str:
    """A row for each run on its own data set: the model, and the best method without a network."""
    rows = [
        "| task | run | parameters | trained, s | PSNR, dB | SSIM | best baseline | its PSNR, dB | the run leads by |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for report in reports():
        if report["dataset"] != report["trained_on"] or report["dataset"] != "fashion_mnist":
            continue
        name, lead = report["verdict"]["best_baseline"], report["verdict"]["lead_db"]
        rows.append(
            f"| {report['task']} | {report['name']} | {report['parameters']:,} | {report['seconds']:.0f} "
            f"| {report['scores']['psnr']['mean']:.2f} | {report['scores']['ssim']['mean']:.3f} "
            f"| {name} | {report['baselines'][name]['psnr']['mean']:.2f} "
            f"| **{lead['mean']:+.2f}** ± {(lead['high'] - lead['low']) / 2:.2f} |"
        )
    return "\n".join(rows)


def features() -> str:
    """Accuracy on the latents of each autoencoder, beside as many principal components and the pixels."""
    rows = ["| features | k nearest neighbours | linear probe |", "|---|---|---|"]
    for report in reports():
        if report["name"] in ("ae-16", "ae-32", "vae") and report["dataset"] == report["trained_on"]:
            for name, accuracy in report["embeddings"]["accuracy"].items():
                cells = name.replace("latents", report["name"]), percent(accuracy["knn"]), percent(accuracy["probe"])
                row = f"| {' | '.join(cells)} |"
                if row not in rows:
                    rows.append(row)
    return "\n".join(rows)


def percent(accuracy: dict[str, float]) -> str:
    """An accuracy with the half width of its interval."""
    return f"{accuracy['mean']:.1%} ± {(accuracy['high'] - accuracy['low']) / 2:.1%}"


def transfer() -> str:
    """Trained on by tested on, with the PCA that saw the same images."""
    names = ("ae-32", "ae-32-digits")
    found = {(report["name"], report["dataset"]): report for report in reports() if report["name"] in names}
    tested = ("fashion_mnist", "digits_28")
    rows = [f"| trained on | {' | '.join(f'tested on {name}' for name in tested)} |", "|---|---|---|"]
    for name in names:
        cells = []
        for dataset in tested:
            report = found[name, dataset]
            baseline = report["baselines"]["PCA-32"]["psnr"]["mean"]
            cells.append(f"{report['scores']['psnr']['mean']:.2f} (PCA-32 {baseline:.2f})")
        rows.append(f"| {report['trained_on']} | {' | '.join(cells)} |")
    return "\n".join(rows)


def page_of(name: str) -> Path:
    """The page that holds the table of this name, between `<!-- name -->` and `<!-- /name -->`."""
    (page,) = (page for page in PAGES.glob("*.md") if f"<!-- {name} -->" in page.read_text())
    return page


def replace_table(name: str, table: str) -> str:
    """The text of the page with this table in the place of the former one."""
    marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    return marks.sub(lambda found: f"{found[1]}{table}\n{found[2]}", page_of(name).read_text())


def write_table(name: str, table: str) -> None:
    page_of(name).write_text(replace_table(name, table))


def pictures() -> None:
    """Copies the pictures that the pages show to docs/images/."""
    for source, name in {
        "ae-32/eval/fashion_mnist-*/pictures.png": "reconstruct.png",
        "denoise/eval/*-denoise-0.2-test/pictures.png": "denoise.png",
        "super_res/eval/*/pictures.png": "super_res.png",
        "bottleneck/eval/*/pictures.png": "bottleneck.png",
        "ae-32/eval/digits_28-*/pictures.png": "transfer.png",
        "latent_2d/latent/scatter-test.png": "scatter.png",
        "latent_2d/latent/grid.png": "grid.png",
        "vae/samples/prior-*.png": "samples.png",
        "vae/samples/interpolation-*.png": "interpolation.png",
        "vae/latent/traversals.png": "traversals.png",
    }.items():
        shutil.copy(next(RESULTS.glob(source)), PAGES / "images" / name)


if __name__ == "__main__":
    write_table("catalogue", catalogue())
    measured = {"results": {"results": results, "features": features, "transfer": transfer}}
    measured |= {"bench": {"bench": bench}, "faults": {"faults": faults}}
    for argument in sys.argv[1:]:
        for name, table in measured[argument].items():
            write_table(name, table())
    if "results" in sys.argv[1:]:
        pictures()
