"""Reads runs of any kind, from a cache where it can."""

import json
import os
from pathlib import Path

import pytest

from aectl.errors import UserError
from aectl.search.table import collect as module
from aectl.search.table import folders
from aectl.search.table.collect import cache_path, collect
from tests.support.synthetic_runs import VAE, write_run

MANY = 500


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AECTL_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A folder of 500 runs in sweeps, all with the same files."""
    first = write_run(tmp_path / "runs" / "0" / "0")
    for index in range(1, MANY):
        folder = tmp_path / "runs" / str(index // 50) / str(index)
        folder.mkdir(parents=True)
        for name in ("config.yaml", "metrics.csv", "summary.json"):
            os.link(first / name, folder / name)
    return tmp_path / "runs"


def test_a_second_time_opens_no_file_and_asks_for_each_once(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = collect([many]).runs
    asked: list[str] = []
    stat_of = folders.stat_of
    monkeypatch.setattr(folders, "stat_of", lambda name, file: (asked.append(name), stat_of(name, file))[1])
    monkeypatch.setattr(module, "read_facts", lambda folder: pytest.fail(f"{folder} is read again"))
    assert collect([many]).runs == before
    assert len(before) == MANY
    assert len(asked) == 3 * MANY


def test_a_changed_run_is_read_again_and_one_that_is_gone_is_forgotten(many: Path) -> None:
    collect([many])
    write_run(many / "new", metrics={**VAE, "val/loss": -77.0})
    summary = many / "0" / "1" / "summary.json"
    summary.unlink()
    summary.write_text(json.dumps({"status": "interrupted", "monitor": "val/loss", "mode": "min"}))
    (many / "0" / "2" / "config.yaml").unlink()
    runs = {run.name: run for run in collect([many]).runs}
    assert runs["new"].best == -77.0
    assert runs["1"].status == "interrupted"
    assert "2" not in runs and len(runs) == MANY


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"format": "x", "runs": {}}', '{"format": 1}', "\0" * 100], ids=repr
)
def test_a_damaged_cache_costs_only_time(content: str, many: Path) -> None:
    before = collect([many]).runs
    cache_path(many).write_text(content)
    assert collect([many]).runs == before
    stored = json.loads(cache_path(many).read_text())
    stored["runs"]["0/7"][1]["config"] = {"model": {"not": "a value"}}
    cache_path(many).write_text(json.dumps(stored))
    assert collect([many]).runs == before


def test_a_cache_lies_in_the_users_own_folder_and_serves_every_working_folder(
    many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collect([many])
    assert not [path for path in many.rglob("*.json") if path.name != "summary.json"]
    monkeypatch.chdir(many.parent)
    monkeypatch.setattr(module, "read_facts", lambda folder: pytest.fail(f"{folder} is read again"))
    assert {run.folder for run in collect([Path("runs")]).runs} >= {"runs/0/0", "runs/9/499"}


def test_what_is_no_run_is_counted_by_the_reason(tmp_path: Path) -> None:
    root = tmp_path / "outputs"
    write_run(root / "good")
    write_run(root / "half-written", metrics={})
    write_run(root / "empty")
    (root / "empty" / "config.yaml").write_text("")
    write_run(root / "bomb")
    (root / "bomb" / "config.yaml").write_text("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n")
    write_run(root / "fifo")
    (root / "fifo" / "config.yaml").unlink()
    os.mkfifo(root / "fifo" / "config.yaml")
    (root / "other").mkdir()
    (root / "other" / "config.yaml").write_text("lr: 1\n")
    (root / "loop").symlink_to(root)
    (root / "sweep" / "3" / ".hydra").mkdir(parents=True)
    (root / "sweep" / "3" / ".hydra" / "overrides.yaml").write_text("- model.beta=-1\n")
    (root / "sweep" / "3" / "summary.json").write_text('{"status": "failed", "error": "model.beta=-1: expected 0"}')
    found = collect([root])
    assert sorted(run.name for run in found.runs) == ["3", "good"]
    assert found.left_out == {"without a finished epoch": 1, "unreadable": 1, "not of aectl": 3}


def test_hostile_values_are_left_out(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", status="<b>", monitor="val/loss", parameters=-1, seconds="1", epochs=True)
    (run / "metrics.csv").write_text("val/loss,=cmd|' /C calc'!A0,val/psnr\nnan,1,2\n3,4,inf\n1e999,5,6\n")
    (facts,) = collect([tmp_path]).runs
    assert (facts.status, facts.parameters, facts.seconds, facts.epochs) == ("", 0, 0.0, 0)
    assert facts.metrics == {"val/loss": 3.0, "val/psnr": float("inf")}


def test_a_run_given_twice_is_there_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(tmp_path / "outputs" / "a")
    monkeypatch.chdir(tmp_path)
    assert len(collect([Path("outputs"), tmp_path / "outputs" / "a", Path("outputs/a")]).runs) == 1


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone: no such folder; expected a run, or a folder with runs in it"):
        collect([tmp_path / "gone"])
