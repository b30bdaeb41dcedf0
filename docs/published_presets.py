"""Trains the presets of published models at full length on Fashion-MNIST, and writes their table in docs/results.md.

`make presets` runs it; `python -m docs.published_presets keras/simple lesson/aae` does only these. Presets that were
measured before are kept.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from aectl.config import CONFIGS
from aectl.io.atomic import write_json
from docs.commands import aectl, cpu_seconds, read_found, read_report, read_summary
from docs.tables import RESULTS, write_table

FOLDER = RESULTS / "presets"
FAMILIES = ("keras", "lesson")
UNIT = ("loss", "reference")
"""What is kept of a loss: in the unit of the publication, or in nats where there is none."""
QUICK = ["samples=0", "importance_samples=0"]


def presets() -> list[str]:
    """Every preset of a family, by its name."""
    paths = (path for family in FAMILIES for path in sorted((CONFIGS / "experiment" / family).glob("*.yaml")))
    return [f"{path.parent.name}/{path.stem}" for path in paths] + ["cvae_labels"]


def measure(preset: str) -> dict[str, Any]:
    """Trains a preset as it is shipped, but for the data, and evaluates it."""
    run = FOLDER / preset.replace("/", "-")
    shutil.rmtree(run, ignore_errors=True)  # or the new run would get another name
    before = cpu_seconds()
    convention = ["convention=lesson"] if preset == "lesson/vae" else []
    aectl("train", f"experiment={preset}", "dataset=fashion_mnist", *convention, f"hydra.run.dir={run}", "tracker=none")
    cpu = cpu_seconds() - before
    aectl("eval", str(run), *QUICK)
    report = read_report(run)
    summary = read_summary(run)
    return {
        "preset": preset,
        "parameters": report["parameters"],
        "epochs": summary["epochs"],
        "cpu_seconds": round(cpu, 1),
        "lesson": report.get("lesson") or {"loss": report["terms"]["loss"]},
        "psnr": report["scores"]["psnr"]["mean"],
    }


def table(found: list[dict[str, Any]]) -> Iterator[str]:
    yield "| preset | parameters | epochs | CPU, s | loss in its unit | published, on MNIST | PSNR, dB |"
    yield "|---|---|---|---|---|---|---|"
    order = presets()
    for row in sorted(found, key=lambda row: order.index(row["preset"])):
        loss, reference = (f"{row['lesson'][key]:#.3g}" if row["lesson"].get(key) else "" for key in UNIT)
        yield (
            f"| `{row['preset']}` | {row['parameters']:,} | {row['epochs']} | {row['cpu_seconds']:.0f} | {loss} "
            f"| {reference} | {row['psnr']:.2f} |"
        )


def main(chosen: list[str]) -> None:
    found = FOLDER / "found.json"
    rows = read_found(found, [])
    for preset in chosen or presets():
        if any(row["preset"] == preset for row in rows):
            continue
        try:
            rows.append(measure(preset))
        except subprocess.CalledProcessError as error:
            print(f"{preset}: {error}", file=sys.stderr)
            continue
        write_json(found, rows)
    write_table("presets", "\n".join(table(rows)))


if __name__ == "__main__":
    main(sys.argv[1:])
