"""Trains a VQ-VAE on clothes and a prior over its codes, and writes their table and their picture: `make codes`.

What was trained before is kept; remove outputs/results/codes/ to train it again.
"""

import shutil
from collections.abc import Iterator
from typing import Any

from aectl.io.atomic import write_json
from docs.commands import aectl, cpu_seconds, read_found, read_report, read_summary
from docs.tables import PAGES, RESULTS, write_table

FOLDER = RESULTS / "codes"
STAGES: dict[str, list[str]] = {"vqvae": [], "vqvae_prior": [f"source={FOLDER}/vqvae"]}
"""The experiments, each with what it is told besides."""
SAMPLES, PICTURED = 1000, 120
QUICK = ["baselines=false", "embeddings=false", f"samples={SAMPLES}"]


def measure(stage: str) -> dict[str, Any]:
    """Trains a stage as it is shipped, and evaluates it."""
    run = FOLDER / stage
    shutil.rmtree(run, ignore_errors=True)  # or the new run would get another name
    before = cpu_seconds()
    aectl("train", f"experiment={stage}", *STAGES[stage], f"hydra.run.dir={run}", "tracker=none")
    return {"cpu_seconds": round(cpu_seconds() - before, 1), "seconds": read_summary(run)["seconds"]}


def evaluate(stage: str) -> dict[str, Any]:
    run = FOLDER / stage
    aectl("eval", str(run), *QUICK)
    report = read_report(run)
    return {key: report.get(key) for key in ("parameters", "scores", "terms", "samples")}


def table(found: dict[str, Any]) -> Iterator[str]:
    codes, prior = found["vqvae"], found["vqvae_prior"]
    yield "| stage | parameters | time on two cores, s | CPU, s | what it reaches |"
    yield "|---|---|---|---|---|"
    reconstruction = f"{codes['scores']['psnr']['mean']:.2f} dB, SSIM {codes['scores']['ssim']['mean']:.3f}"
    yield (
        f"| `experiment=vqvae` | {codes['parameters']:,} | {codes['seconds']:.0f} | {codes['cpu_seconds']:.0f} "
        f"| {reconstruction} |"
    )
    quality = {name: scores["frechet"] for name, scores in prior["samples"].items() if isinstance(scores, dict)}
    distances = ", ".join(f"{name} {frechet:.2f}" for name, frechet in quality.items())
    yield (
        f"| `experiment=vqvae_prior` | {prior['parameters']:,} | {prior['seconds']:.0f} | {prior['cpu_seconds']:.0f} "
        f"| Frechet distance of {SAMPLES:,}: {distances} |"
    )


def main() -> None:
    path = FOLDER / "found.json"
    found = read_found(path, {})
    for stage in STAGES:
        if stage not in found:
            found[stage] = measure(stage)
            write_json(path, found)
        if "scores" not in found[stage]:
            found[stage] |= evaluate(stage)
            write_json(path, found)
    aectl("sample", str(FOLDER / "vqvae_prior"), f"n={PICTURED}")
    shutil.copy(next(FOLDER.glob(f"vqvae_prior/samples/prior-*-n-{PICTURED}.png")), PAGES / "images" / "codes.png")
    write_table("codes", "\n".join(table(found)))


if __name__ == "__main__":
    main()
