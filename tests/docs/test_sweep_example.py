"""The example of the guide to sweeps: what it says of a sweep is what was measured."""

import json
from pathlib import Path

import pytest

from aectl.search.jobs import Job, Jobs
from docs import sweep_example

TABLE = """| name | model | val/psnr | path |
| ---- | ----- | -------: | ---- |
| 0-ae | ae    |    18.36 | s/0  |

a note
"""


def test_a_table_is_shown_without_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_example, "aectl", lambda *_: TABLE)
    rows = sweep_example.compare("grid-1").splitlines()
    assert rows == ["| model | val/psnr |", "| ----- | -------: |", "| ae    |    18.36 |"]


def test_times_are_compared() -> None:
    found = {"grid-1": 100.0, "grid-2": 55.0}
    assert "100 s with one worker and 55 s with two, 0.55 of the time" in sweep_example.times(found, "grid")


def test_the_best_trial_is_the_job_of_the_first_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        Jobs(tmp_path).write(Job(number, ["sweep=optuna", "model=vae", f"model.latent_dim={number}"], f"{number}-vae"))
    rows = {"rows": [{"columns": {"path": str(tmp_path / "2-vae")}}]}
    monkeypatch.setattr(sweep_example, "aectl", lambda *_: json.dumps(rows))
    assert sweep_example.best_overrides(tmp_path) == ["model=vae", "model.latent_dim=2"]
