"""Several evaluations in one command: a table of trained on by tested on."""

import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest
from omegaconf import OmegaConf

from aectl.cli.hydra_hooks import SweepFolder
from tests.cli.test_eval import Table, tables
from tests.conftest import BARE, COMPARED, QUICK, Aectl, printed_in, report_of, train

BOTH = ("dataset=digits,digits_28", "++dataset.size=8")
"""Two data sets of the same shape."""


class Crossed(NamedTuple):
    """A run trained on each of the two, the output of evaluating both on both, and the folder where that was."""

    runs: list[Path]
    out: str
    folder: Path


@pytest.fixture(scope="module")
def crossed(tmp_path_factory: pytest.TempPathFactory) -> Crossed:
    folder = tmp_path_factory.mktemp("crossed")
    choices = {"digits": ["dataset=digits"], "digits_28": ["dataset=digits_28", "dataset.size=8"]}
    runs = list(train(folder, choices, ["model=ae", "net=mlp", *QUICK]).values())
    return Crossed(runs, printed_in(folder, "eval", *runs, *BOTH, *COMPARED), folder)


def matrix(out: str) -> Table:
    """The last table in the output."""
    return tables(out)[-1]


class TestTrainedOnByTestedOn:
    def test_two_runs_on_two_data_sets(self, crossed: Crossed) -> None:
        heads = [f"reconstruct · {name}" for name in ("digits", "digits_28")]
        printed = matrix(crossed.out)
        assert list(printed) == [
            f"{name} · ae · {run}" for name, run in zip(("digits", "digits_28"), crossed.runs, strict=True)
        ]
        for run, row in zip(crossed.runs, printed.values(), strict=True):
            assert list(row) == heads
            for head, cell in row.items():
                report = report_of(run, f"{head.split()[-1]}-*")
                best = report["verdict"]["best_baseline"]
                beside = f"{best} {report['baselines'][best]['psnr']['mean']:.2f}"
                assert cell == f"{report['scores']['psnr']['mean']:.2f} ({beside})"

    def test_matrix_json_holds_the_same(self, crossed: Crossed) -> None:
        (path,) = re.findall(r"wrote (\S+/matrix\.json)", crossed.out)
        found = json.loads((crossed.folder / path).read_text())
        names = [(cell["trained_on"], cell["tested_on"]) for cell in found]
        assert names == [(train, test) for train in ("digits", "digits_28") for test in ("digits", "digits_28")]
        for cell in found:
            report = report_of(Path(cell["run"]), f"{cell['tested_on']}-*")
            assert cell["psnr"] == report["scores"]["psnr"]
            assert cell["protocol"] == report["protocol"]
            assert cell["verdict"] == report["verdict"]
            assert cell["baselines"] == {name: row["psnr"] for name, row in report["baselines"].items()}

    def test_the_verdict_names_the_data_set_to_train_on(self, crossed: Crossed) -> None:
        report = report_of(crossed.runs[0], "digits_28-*")
        assert report["trained_on"] == report["protocol"]["baselines_fitted_on"] == "digits"
        assert report["dataset"] == "digits_28"
        assert report["verdict"]["sentence"].endswith("train on this data set (dataset=digits_28).")


class TestColumns:
    """Each value of what is varied has a column."""

    @pytest.mark.parametrize(
        ("typed", "heads"),
        [
            ("split=val,test", ["denoise-0.2 · digits · split val", "denoise-0.2 · digits · split test"]),
            ("seed=0,1", ["denoise-0.2 · digits · seed 0", "denoise-0.2 · digits · seed 1"]),
            ("task=denoise,reconstruct", ["denoise-0.2 · digits", "reconstruct · digits"]),
        ],
    )
    def test_heads_name_what_is_varied(self, typed: str, heads: list[str], aectl: Aectl, runs: dict[str, Path]) -> None:
        result = aectl("eval", "-m", runs["vae"], typed, *BARE)
        assert result.status == 0
        (row,) = matrix(result.out).values()
        assert list(row) == heads
        assert len(set(row.values())) == 2

    def test_each_split_has_a_folder(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        aectl("eval", "-m", runs["vae"], "split=val,test", *BARE)
        assert {path.name for path in (runs["vae"] / "eval").iterdir()} == {
            "digits-denoise-0.2-val",
            "digits-denoise-0.2-test",
        }

    def test_one_evaluation_gives_no_table(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        assert len(tables(aectl("eval", "-m", runs["vae"], "split=test", *BARE).out)) == 1

    def test_each_run_has_a_row(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        result = aectl("eval", runs["vae"], runs["rednet"], *BARE)
        assert list(matrix(result.out)) == [f"digits · {name} · {runs[name]}" for name in ("vae", "rednet")]

    def test_a_path_may_contain_markup(self, aectl: Aectl, runs: dict[str, Path], tmp_path: Path) -> None:
        odd = [str(runs[name].rename(tmp_path / sign)) for name, sign in {"ae": "[red]", "vae": ":x:"}.items()]
        result = aectl("eval", *odd, *BARE)
        assert [row.rpartition(" · ")[2] for row in matrix(result.out)] == odd


class TestMistakes:
    def test_a_data_set_of_another_shape_fails_and_is_named(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        result = aectl("eval", runs["ae"], "dataset=digits,digits_28", *BARE)
        assert result.status == 2
        assert "aectl eval: dataset=digits_28: its output images are 1x28x28, but the model of this run has 1x8x8" in (
            result.err
        )
        assert "Traceback" not in result.err
        assert [path.name for path in (runs["ae"] / "eval").iterdir()] == ["digits-reconstruct-test"]

    def test_a_run_that_is_not_there_is_named(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        result = aectl("eval", runs["ae"], "nowhere", *BARE)
        assert result.status == 2
        assert "aectl eval: run=nowhere: no such folder or checkpoint" in result.err

    def test_a_bad_value_is_named(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        result = aectl("eval", "-m", runs["vae"], "split=tset,test", *BARE)
        assert result.status == 2
        assert "aectl eval: split=tset: expected 'train', 'val' or 'test'" in result.err


def test_two_tables_of_the_same_second_have_different_folders(tmp_path: Path) -> None:
    folders = []
    for _ in range(2):
        config = OmegaConf.create({"hydra": {"sweep": {"dir": str(tmp_path / "eval")}, "overrides": {"hydra": []}}})
        SweepFolder().on_multirun_start(config)
        folders.append(config.hydra.sweep.dir)
    assert folders == [str(tmp_path / "eval"), str(tmp_path / "eval-2")]
