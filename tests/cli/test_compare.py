"""`aectl compare`: one table over many runs, in several formats."""

import csv
import io
import json
from pathlib import Path

import pytest

from tests.conftest import Aectl
from tests.support.synthetic_runs import AE, VAE, write_run

HOSTILE = "=cmd()|[x](http:⁄⁄a)<img src=x>`_*\\input{a}$&#%\x1b[31m\u202e"
"""The name of a folder that is markup in every format."""


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """Two seeds of a VAE, and an AE."""
    for seed, psnr in enumerate((17.0, 18.0)):
        write_run(tmp_path / "outputs" / f"vae-{seed}", {"seed": seed}, {**VAE, "val/psnr": psnr})
    write_run(tmp_path / "outputs" / "ae", AE, {"val/loss": -99.0, "val/nll": -99.0, "val/psnr": 15.0})
    return tmp_path / "outputs"


def test_one_table_with_means_over_seeds_sorted_by_what_compares(aectl: Aectl, outputs: Path) -> None:
    result = aectl("compare")
    lines = result.out.splitlines()
    assert result.status == 0
    heads = [head.strip() for head in lines[0].strip("|").split("|")]
    assert heads[:5] == ["name", "seeds", "model", "val/psnr", "val/loss"]
    assert heads[5:] == ["val/nll", "val/kl", "val/elbo (beta 1)", "val/ssim", "seconds", "parameters", "path"]
    assert lines[2].startswith("| vae-1 | 2     | vae   | 17.50 ±0.71 |")
    assert lines[3].startswith("| ae    | 1     | ae    |       15.00 |")
    assert "their losses mean different things (model ae, vae), so they are sorted by val/psnr" in result.out


def test_runs_filter_order_and_columns(aectl: Aectl, outputs: Path) -> None:
    result = aectl("compare", "outputs/ae", "outputs/vae-1", "by=-psnr", "columns=[lr]", "seeds=false", "top=1")
    assert result.out.splitlines()[2].startswith("| ae ")
    assert "| optimizer.lr |" in result.out
    assert "1 more rows: top=null prints all of them" in result.out
    result = aectl("compare", "where=model=vae and psnr>17.5")
    assert "vae-1" in result.out and "vae-0" not in result.out
    assert "1 runs, 2 that where= leaves out" in result.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gone"], "gone: no such folder; expected a run, or a folder with runs in it"),
        (["where=model=x"], "where=model=x: true of none of the 3 runs in outputs"),
        (["by=x"], "by=x: no run has x; expected a metric, such as val/loss"),
        (["format=xml"], "format=xml: expected 'table', 'md', 'csv', 'json', 'latex' or 'html'"),
        (["top=0"], "top=0: expected a number greater than 0"),
        (["outputs=empty"], "empty: no runs in it with a finished epoch; train some first: aectl train -m"),
        (["output=empty"], "output=empty: "),
        (["modle=3"], "modle=3: no such key"),
    ],
    ids=str,
)
def test_bad_input_is_one_line(words: list[str], message: str, aectl: Aectl, outputs: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = aectl("compare", *words)
    assert result.status == 2
    assert message in result.err and len(result.err.splitlines()) == 1


def test_names_of_strangers_are_escaped(aectl: Aectl, tmp_path: Path) -> None:
    write_run(tmp_path / "outputs" / HOSTILE, {"optimizer.lr": HOSTILE})
    write_run(tmp_path / "outputs" / "good")
    table = aectl("compare").out
    assert "\x1b" not in table and "\u202e" not in table
    assert r"\[x\](http:" in table and r"\<img" in table and r"\|" in table and r"\`\_\*" in table
    rows = list(csv.DictReader(io.StringIO(aectl("compare", "format=csv").out)))
    assert {row["name"][:2] for row in rows} == {"'=", "go"}
    latex = aectl("compare", "format=latex").out
    assert r"\textbackslash{}input\{a\}\$\&\#\%" in latex
    content = json.loads(aectl("compare", "format=json").out)
    assert {run["config"]["optimizer.lr"] for row in content["rows"] for run in row["runs"]} == {0.004, HOSTILE}


def test_a_file_is_written_whole_and_json_has_no_nan(aectl: Aectl, outputs: Path, tmp_path: Path) -> None:
    write_run(outputs / "infinite", {"seed": 3}, {**VAE, "val/psnr": float("inf")})
    result = aectl("compare", "format=json", "output=new/runs.json")
    assert result.out == "wrote new/runs.json\n"
    content = json.loads((tmp_path / "new" / "runs.json").read_text(), parse_constant=pytest.fail)
    assert content["ranking"]["metric"] == "val/psnr"
    assert content["differs"] == ["model"]
    assert content["rows"][0]["columns"]["seeds"] == 3
