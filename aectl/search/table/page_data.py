"""What the page over runs holds: tables of runs and of seeds, curves, pictures, and what matters for the metric."""

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from aectl.io.npz import load_npz
from aectl.search.table.cells import head_of, printable, text_of
from aectl.search.table.facts import RunFacts
from aectl.search.table.formats import finite
from aectl.search.table.importance import importance
from aectl.search.table.metrics import read_curves
from aectl.search.table.names import value_of
from aectl.search.table.run_table import Cell, Column, RunTable, Spread
from aectl.search.table.significance import Difference, read_scores

MOST_CURVES, MOST_POINTS = 200, 200
LONGEST = 4096
MOST_PICTURED, MOST_PICTURES, SIDE = 50, 8, 128
"""Runs with pictures; the pictures of each, and the longest side they are shown with, in pixels."""


def page_data(table: RunTable, title: str) -> dict[str, Any]:
    """Everything that the page shows, as JSON has it; the best runs only have curves and pictures."""
    apart = RunTable.of(table.runs, table.ranking, seeds=False, extra=table.extra)
    runs = apart.runs
    index = {id(run): number for number, run in enumerate(runs)}
    data = {
        "title": printable(title),
        "metric": table.ranking.metric,
        "maximize": table.ranking.maximize,
        "notes": [printable(note) for note in table.notes],
        "numbers": number_names(apart),
        "keys": apart.keys,
        "runs": [run_data(run, number, apart) for number, run in enumerate(runs)],
        "tables": {"runs": table_data(apart, index), "seeds": table_data(table, index)},
        "importance": None,
        "pictures": pictures(runs[:MOST_PICTURED]),
    }
    if found := importance(table.rows, [key for key in apart.keys if key != "seed"], table.ranking.metric):
        data["importance"] = asdict(found)
    return finite(data)


def number_names(table: RunTable) -> list[str]:
    """The metrics and other numbers that any run has, the metric that ranks them first."""
    named = dict.fromkeys(name for run in table.runs for name in run.metrics)
    others = [name for name in ("seconds", "parameters", "epochs") if any(value_of(run, name) for run in table.runs)]
    return sorted([*named, *others], key=lambda name: (name != table.ranking.metric, name.startswith("train/")))


def run_data(run: RunFacts, number: int, table: RunTable) -> dict[str, Any]:
    values = {name: value_of(run, name) for name in [*table.keys, *number_names_of(run)]}
    plain = {name: printable(value) if isinstance(value, str) else value for name, value in values.items()}
    curves = run_curves(run) if number < MOST_CURVES else {}
    return {"name": printable(run.name), "path": printable(run.folder), "values": plain, "curves": curves}


def number_names_of(run: RunFacts) -> list[str]:
    return [*run.metrics, "seconds", "parameters", "epochs"]


def run_curves(run: RunFacts) -> dict[str, list[list[float]]]:
    """For each metric of a split the epochs and its values, thinned out."""
    rows = read_curves(Path(run.folder, "metrics.csv"))
    step = max(1, math.ceil(len(rows) / MOST_POINTS))
    found: dict[str, list[list[float]]] = {}
    for number, row in enumerate(rows):
        if number % step == 0 or number == len(rows) - 1:
            for name, value in row.items():
                if name.startswith(("val/", "train/")) and math.isfinite(value):
                    found.setdefault(name, []).append([row.get("epoch", number), float(f"{value:.5g}")])
    return found


def table_data(table: RunTable, index: dict[int, int]) -> dict[str, Any]:
    columns = [{"name": head_of(column), "number": column.is_number} for column in table.columns]
    rows = [
        {
            "runs": [index[id(run)] for run in row.runs],
            "cells": [cell_data(table.cell(row, column), column) for column in table.columns],
        }
        for row in table.rows
    ]
    return {"columns": columns, "rows": rows}


def cell_data(cell: Cell, column: Column) -> list[Any]:
    """The text of a cell, and what it is sorted by."""
    text = text_of(cell, column)
    if isinstance(cell, Spread | Difference):
        return [text, cell.mean]
    return [text, cell if isinstance(cell, int | float) and not isinstance(cell, bool) else text]


def pictures(runs: Sequence[RunFacts]) -> list[dict[str, Any]]:
    """The pictures that `aectl eval` kept, in groups of runs that show the same test examples."""
    groups: dict[str, dict[str, Any]] = {}
    for number, run in enumerate(runs):
        scored = read_scores(Path(run.folder)) if any(name.startswith("test/") for name in run.metrics) else None
        shown = shown_pictures(scored.folder) if scored else {}
        if scored and {"shown_target", "shown_output"} <= shown.keys():
            same = {
                name.removeprefix("shown_"): shown[name] for name in ("shown_input", "shown_target") if name in shown
            }
            group = groups.setdefault(scored.key, {"same": same, "outputs": {}})
            group["outputs"][str(number)] = shown["shown_output"]
    return [*groups.values()]


def shown_pictures(folder: Path) -> dict[str, list[str]]:
    """The pictures in examples.npz as URLs; without those that cannot be read."""
    try:
        arrays = load_npz(folder / "examples.npz")
    except ValueError:
        return {}
    return {
        name: [as_url(image) for image in images[:MOST_PICTURES]]
        for name, images in arrays.items()
        if name.startswith("shown_") and are_pictures(images)
    }


def are_pictures(images: np.ndarray) -> bool:
    """Whether they are pictures (N, C, H, W) uint8 of a size that a page can show."""
    shaped = images.dtype == np.uint8 and images.ndim == 4 and images.shape[1] in (1, 3)
    return shaped and 0 < min(images.shape) <= max(images.shape[2:]) <= LONGEST


def as_url(image: np.ndarray) -> str:
    """A picture (C, H, W) uint8 as a PNG, no longer than `SIDE`."""
    made = Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0))
    made.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    made.save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
