"""`aectl eval` of one run: what it prints, what it leaves, and that both say the same."""

import math
import re
import shutil
from pathlib import Path

import pytest
import torch
from sklearn.linear_model import LogisticRegression

from aectl.baselines.filters import Filter
from aectl.baselines.learned import LinearMap
from aectl.commands.eval import CONVENTIONS
from tests.conftest import BARE, QUICK, Aectl, report_of, run_folder

Cells = dict[str, dict[str, str]]
Mean = dict[str, float]


def tables(out: str) -> list[Cells]:
    """The Markdown tables in a text: for each row its cells by the heads of the columns."""
    blocks = re.findall(r"(?:^\|.*\|\n)+", out, re.MULTILINE)
    return [table([[cell.strip() for cell in line.strip("|").split("|")] for line in b.splitlines()]) for b in blocks]


def table(lines: list[list[str]]) -> Cells:
    """A table from its lines, the second of which is a rule."""
    heads, rule, *rows = lines
    assert all(set(cell) <= set("-:") for cell in rule)
    return {row[0]: dict(zip(heads[1:], row[1:], strict=True)) for row in rows}


def around(value: Mean, digits: int) -> str:
    return f"{value['mean']:.{digits}f} ±{(value['high'] - value['low']) / 2:.{digits}f}"


class TestTables:
    """What is printed is what metrics.json says."""

    def test_the_comparison(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        result = aectl("eval", runs["vae"])
        assert (result.status, result.err) == (0, "")
        report, printed = report_of(runs["vae"]), tables(result.out)[0]
        best = report["verdict"]["best_baseline"]
        assert printed.pop("vae (this run)") == self.cells(report["scores"]) | {"images": "359", "setting": ""} | {
            "the model leads by, dB": ""
        }
        assert list(printed) == [f"{name} (best baseline)" if name == best else name for name in report["baselines"]]
        for row, found in zip(printed.values(), report["baselines"].values(), strict=True):
            assert row == self.cells(found) | {
                "the model leads by, dB": "{:+}".format(float(around(found["model_leads_by_db"], 2).split()[0]))
                + " "
                + around(found["model_leads_by_db"], 2).split()[1],
                "images": str(found["n"]),
                "setting": found["setting"],
            }
        assert report["verdict"]["sentence"] in result.out
