"""Writes the README's tables: what there is, from the configs; what it reached, from the runs of `make results`."""

import json
import re
import shutil
import sys
from pathlib import Path

from aectl.config import CONFIGS, options

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
RESULTS = Path("outputs/results")
GROUPS = {"model": "models", "net": "nets", "task": "tasks", "dataset": "data sets", "likelihood": "likelihoods"}


def described(group: str, choice: str) -> str:
    """The first comment of a config's file: what the choice is."""
    lines = (CONFIGS / group / f"{choice}.yaml").read_text().splitlines()
    return next(line[2:] for line in lines if line.startswith("# ") and "@package" not in line)


def catalogue() -> str:
    """A row for each choice of each group."""
    rows = ["| | `KEY=CHOICE` | what it is |", "|---|---|---|"]
    for group, plural in GROUPS.items():
        for index, choice in enumerate(options(group)):
            rows.append(f"| {plural if index == 0 else ''} | `{group}={choice}` | {described(group, choice)} |")
    return "\n".join(rows)


def results() -> str:
    """A row for each run below `outputs/results`, from its own evaluation."""
    rows = [
        "| task | model | parameters | trained, s | PSNR, dB | SSIM | input: PSNR, dB | input: SSIM |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for path in sorted(RESULTS.glob("*/eval/*/metrics.json")):
        report, summary = (json.loads(p.read_text()) for p in (path, path.parents[2] / "summary.json"))
        ours, input = report["output"], report["untouched"]
        from_input = "" if report["task"] == "reconstruct" else f"{input['psnr']:.2f} | {input['ssim']:.3f}"
        latent = " (2 latents)" if path.parents[2].name == "latent_2d" else ""
        rows.append(
            f"| {report['task']} | {report['model']}{latent} | {report['parameters']:,} | {summary['seconds']:.0f} "
            f"| {ours['psnr']:.2f} | {ours['ssim']:.3f} | {from_input or '| '} |"
        )
    return "\n".join(rows)


def replaced(text: str, name: str, table: str) -> str:
    """The text with what stands between the marks of this name replaced by the table."""
    marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    assert marks.search(text), f"README.md lacks the marks of {name}"
    return marks.sub(lambda found: f"{found[1]}{table}\n{found[2]}", text)


def pictures() -> None:
    """Copies the pictures that the README shows to docs/."""
    for source, name in {
        "0-reconstruct-ae-fashion_mnist/eval/*/pictures.png": "reconstruct.png",
        "2-denoise-ae-fashion_mnist/eval/*/pictures.png": "denoise.png",
        "4-super-res-ae-fashion_mnist/eval/*/pictures.png": "super_res.png",
        "latent_2d/latent/scatter-test.png": "scatter.png",
        "latent_2d/latent/grid.png": "grid.png",
        "1-reconstruct-vae-fashion_mnist/samples/prior-*.png": "samples.png",
        "1-reconstruct-vae-fashion_mnist/samples/walk-*.png": "walk.png",
        "1-reconstruct-vae-fashion_mnist/latent/traversals.png": "traversals.png",
    }.items():
        shutil.copy(next(RESULTS.glob(source)), ROOT / "docs" / name)


if __name__ == "__main__":
    text = replaced(README.read_text(), "catalogue", catalogue())
    if "results" in sys.argv[1:]:
        text = replaced(text, "results", results())
        pictures()
    README.write_text(text)
