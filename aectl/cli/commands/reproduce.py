"""`aectl reproduce`: trains a run again and compares the bits."""

from pathlib import Path

import torch

from aectl import runs
from aectl.cli.open_run import run_command
from aectl.inference.trained_run import TrainedRun
from aectl.runs.again import training_config
from aectl.runs.checkpoint import model_weights
from aectl.runs.code import describe_changes, read_code
from aectl.runs.run import Run
from aectl.training.again import train_again

SHOWN = 3


@run_command
def main(trained: TrainedRun, output: str | None) -> None:
    """Trains the run again in a new folder; exit status 1 if weights or metrics differ."""
    run = trained.run
    wanted = Path(output).expanduser() if output else run.folder.with_name(f"{run.folder.name}-again")
    again = runs.open(train_again(training_config(run), wanted), trust=run.trusted)
    print(f"trained again in {again.folder}/")
    lines = [*different_weights(run, again), *different_metrics(run, again)]
    if not lines:
        print(f"reproduced: {len(model_weights(run.contents))} weight tensors and all metrics are equal, bit for bit")
        return
    print("not reproduced:", *lines, sep="\n  ")
    for line in describe_changes(read_code(run), read_code(again)):
        print(f"  the code differs: {line}")
    raise SystemExit(1)


def different_weights(run: Run, again: Run) -> list[str]:
    """The weights of the best epoch that are not equal, the first of them by name."""
    old, new = model_weights(run.contents), model_weights(again.contents)
    wrong = [name for name in old if name not in new or not torch.equal(old[name], new[name])]
    if not wrong:
        return []
    more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
    return [f"{len(wrong)} of {len(old)} weight tensors: {', '.join(wrong[:SHOWN])}{more}"]


def different_metrics(run: Run, again: Run) -> list[str]:
    """The first row of metrics.csv that is not equal."""
    old, new = (each.metrics.read_text().splitlines() if each.metrics.is_file() else [] for each in (run, again))
    if old == new:
        return []
    row = next((i for i, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), min(len(old), len(new)))
    return [f"metrics.csv from row {row} on ({max(0, len(old) - 1)} epochs, now {max(0, len(new) - 1)})"]
