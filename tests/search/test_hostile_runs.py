"""Runs of strangers, whose files hold anything: a table over them is made or leaves them out, and never fails."""

import json
import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from aectl.search.table.collect import collect
from aectl.search.table.deletable import find_deletable
from aectl.search.table.formats import FORMATS
from aectl.search.table.page_data import page_data
from aectl.search.table.ranking import rank
from aectl.search.table.run_table import RunTable
from tests.search.test_significance import evaluate
from tests.support.synthetic_runs import VAE, write_run

ODD: list[Any] = [
    *(None, True, 0, -1, 1e308, float("nan"), float("inf"), 10**30),
    *("", "x" * 300, "\x1b[31m", "<b>", "=1+1", "2020-01-01", "${x}", "\u202e"),
    *([], {}, [[]], {"a": {"b": [1]}}, {1: 2}),
]
KEYS: list[Any] = ["z", 1, "a b", "\x1b", None, True, 2.5]
FILES = {
    "config.yaml": (yaml.safe_load, yaml.safe_dump),
    "summary.json": (json.loads, json.dumps),
    ".hydra/overrides.yaml": (yaml.safe_load, yaml.safe_dump),
    "eval/digits-reconstruct-test/metrics.json": (json.loads, json.dumps),
}


def mutated(node: Any, draws: random.Random) -> Any:
    """The content of a file with a value somewhere in it replaced, removed or added."""
    if not isinstance(node, dict) or not node:
        return draws.choice(ODD)
    key, what = draws.choice(list(node)), draws.random()
    if what < 0.6:
        return {**node, key: mutated(node[key], draws)}
    if what < 0.8:
        return {other: value for other, value in node.items() if other != key}
    return {**node, draws.choice(KEYS): draws.choice(ODD)}


def damage(run: Path, draws: random.Random) -> None:
    for name, (load, dump) in FILES.items():
        content = load((run / name).read_text())
        for _ in range(draws.randint(0, 2)):
            content = mutated(content, draws)
        (run / name).write_text(dump(content, sort_keys=False))


@pytest.mark.parametrize("seed", range(12))
def test_damaged_files_fail_no_table(seed: int, tmp_path: Path) -> None:
    draws = random.Random(seed)
    for index in range(3):
        run = write_run(tmp_path / str(index), {"model.latent_dim": index, "seed": index % 2}, VAE, typed={"seed": 1})
        evaluate(run, np.random.default_rng(index).normal(20, 1, 10))
        damage(run, draws)
    find_deletable(tmp_path)
    if runs := collect([tmp_path]).runs:
        table = RunTable.of(runs, rank(runs), seeds=True).with_differences()
        texts = [write(table) for write in FORMATS.values()] + [json.dumps(page_data(table, "title"), allow_nan=False)]
        assert not any("\x1b" in text or "\u202e" in text for text in texts)


def test_a_name_that_is_no_text_is_shown_with_marks(tmp_path: Path) -> None:
    os.mkdir(os.fsencode(tmp_path) + b"/\xff\n")  # noqa: PTH102 - bytes
    write_run(tmp_path / os.fsdecode(b"\xff\n") / "run")
    (run,) = collect([tmp_path]).runs
    table = RunTable.of([run], rank([run]), seeds=True)
    for name, write in FORMATS.items():
        text = write(table)
        text.encode()
        assert name in ("json", "latex") or "/??/run" in text


def test_pictures_that_are_none_are_passed_over(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    path = evaluate(run, np.full(5, 20.0)) / "examples.npz"
    for shape in ((0, 1, 8, 8), (2, 7, 8, 8), (2, 1, 0, 8), (2, 8)):
        shown = np.zeros(shape, np.uint8)
        np.savez(path, psnr=np.full(5, 20, np.float32), shown_target=shown, shown_output=shown)
        runs = collect([tmp_path]).runs
        assert page_data(RunTable.of(runs, rank(runs), seeds=True), "title")["pictures"] == []
