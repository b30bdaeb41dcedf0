"""`aectl eval` of one run: what it prints and writes, and that both agree."""

import math
import os
import platform
import pty
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from sklearn.linear_model import LogisticRegression

import aectl as package
from aectl.tasks.baselines.filters import Filter
from aectl.tasks.baselines.learned import LinearMap
from tests.conftest import BARE, Aectl, printed_in, report_of

Table = dict[str, dict[str, str]]
Mean = dict[str, float]

NO_BOUND = "and no log_likelihood(example, k), so no bound on log p(x)"


class Evaluated(NamedTuple):
    """A run evaluated with all sections, in a process of its own."""

    run: Path
    out: str
    err: str
    report: dict[str, Any]


@pytest.fixture(scope="module")
def evaluated(trained: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    run = Path(shutil.copytree(trained["vae"], tmp_path_factory.mktemp("evaluated") / "vae"))
    command = [sys.executable, "-m", "aectl", "eval", str(run), "report=full"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Evaluated(run, done.stdout, done.stderr, report_of(run))


def tables(text: str) -> list[Table]:
    """The Markdown tables in a text: for each row its cells by the heads of the columns."""
    return [table(block.splitlines()) for block in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)]


def table(lines: list[str]) -> Table:
    heads, rule, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert all(set(cell) <= set("-:") for cell in rule)
    return {row[0]: dict(zip(heads[1:], row[1:], strict=True)) for row in rows}


def around(value: Mean, digits: int, sign: str = "") -> str:
    return f"{value['mean']:{sign}.{digits}f} ±{(value['high'] - value['low']) / 2:.{digits}f}"


def scores(found: dict[str, Mean]) -> dict[str, str]:
    heads = {"PSNR, dB": ("psnr", 2), "SSIM": ("ssim", 3), "MSE": ("mse", 4)}
    return {head: around(found[name], digits) for head, (name, digits) in heads.items()}


class TestFullReport:
    """The tables hold the numbers of metrics.json."""

    def test_scores_match_metrics_json(self, evaluated: Evaluated) -> None:
        report, (printed, *_) = evaluated.report, tables(evaluated.out)
        best = report["verdict"]["best_baseline"]
        alone = {"gain over baseline, dB": "", "images": "359", "setting": ""}
        assert printed.pop("vae (this run)") == scores(report["scores"]) | alone
        assert list(printed) == [f"{name} (best baseline)" if name == best else name for name in report["baselines"]]
        assert len(printed) == 6
        for row, found in zip(printed.values(), report["baselines"].values(), strict=True):
            lead = around(found["model_leads_by_db"], 2, "+")
            beside = {"gain over baseline, dB": lead, "images": str(found["n"]), "setting": found["setting"]}
            assert row == scores(found) | beside

    def test_verdict_and_terms_match_metrics_json(self, evaluated: Evaluated) -> None:
        verdict, terms = evaluated.report["verdict"], evaluated.report["terms"]
        assert f"\n{verdict['sentence']}\n" in evaluated.out
        assert f"\nloss {terms['loss']:.3f} = nll {terms['nll']:.3f} + kl {terms['kl']:.3f} nats\n" in evaluated.out
        leads = {name: found["model_leads_by_db"] for name, found in evaluated.report["baselines"].items()}
        assert verdict["best_baseline"] == min(leads, key=lambda name: leads[name]["mean"])
        assert verdict["lead_db"] == leads[verdict["best_baseline"]]
        assert verdict["outcome"] == "loses"
        assert f"{-verdict['lead_db']['mean']:.2f} dB" in verdict["sentence"]

    def test_accuracies_match_metrics_json(self, evaluated: Evaluated) -> None:
        found, (_, printed, *_) = evaluated.report["embeddings"], tables(evaluated.out)
        heads = {"k nearest neighbours": "knn", "linear probe": "probe"}
        assert list(printed) == ["latents", "PCA-16", "pixels"]
        for name, row in printed.items():
            assert row == {head: around(found["accuracy"][name][kind], 3) for head, kind in heads.items()}
        assert (found["note"] or "all 16 latent dimensions are active") in evaluated.out
        assert found["dead_share"] == (16 - found["active"]) / 16

    def test_likelihood_matches_metrics_json(self, evaluated: Evaluated) -> None:
        found, (*_, printed, _) = evaluated.report["likelihood"], tables(evaluated.out)
        nll = {"mean": -found["nll"]["mean"], "low": -found["nll"]["high"], "high": -found["nll"]["low"]}
        assert printed == {
            "ELBO": {"nats": around(found["elbo"], 2), "bits": ""},
            "reconstruction, -nll": {"nats": around(nll, 2), "bits": ""},
            "KL from the prior": {"nats": around(found["kl"], 2), "bits": f"{found['kl']['mean'] / math.log(2):.2f}"},
            "log p(x), 64 importance samples": {"nats": around(found["log_likelihood"], 2), "bits": ""},
            "bits per dimension": {"nats": "", "bits": around(found["bits_per_dim"], 4)},
        }
        assert found["elbo"]["mean"] == pytest.approx(-found["nll"]["mean"] - found["kl"]["mean"])
        assert found["log_likelihood"]["mean"] > found["elbo"]["mean"]

    def test_samples_match_metrics_json(self, evaluated: Evaluated) -> None:
        found, (*_, printed) = evaluated.report["samples"], tables(evaluated.out)
        names = ["samples of the prior", "real images (val)"]
        values = [[f"{value:.3f}" for value in found[name].values()] for name in names]
        assert next(iter(found["samples of the prior"])) == "frechet"
        assert next(iter(printed)) == "Frechet distance"
        heads = [f"{name}, n = {found['n']}" for name in names]
        assert [list(row) for row in printed.values()] == [heads] * 7
        assert [[row[head] for row in printed.values()] for head in heads] == values
        assert found["samples of the prior"]["frechet"] > found["real images (val)"]["frechet"]

    def test_a_pipe_gets_no_escape_codes(self, evaluated: Evaluated) -> None:
        assert not re.search(r"[\x1b\r]", evaluated.out)
        assert evaluated.err == ""

    def test_a_terminal_gets_colours_and_progress_bars(self, runs: dict[str, Path]) -> None:
        keys = ("embeddings=false", "samples=0", "importance_samples=0")
        shown = in_terminal([sys.executable, "-m", "aectl", "eval", str(runs["vae"]), *keys])
        assert re.search(r"\x1b\[31mThe model loses to the best baseline", shown)
        assert re.search(r"baselines .*━", shown)
        assert "\x1b[?25h" in shown[shown.rfind("━") :]  # the cursor is shown again
        assert not tables(shown.replace("\r\n", "\n"))


def in_terminal(command: list[str]) -> str:
    """The output of a command in a terminal."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "140"}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        written = b""
        try:
            while part := os.read(ours, 4096):
                written += part
        except OSError:  # Linux raises it when the other end is closed
            pass
    os.close(ours)
    assert process.returncode == 0, written
    return written.decode()


def test_the_protocol_holds_what_it_takes_to_repeat_the_evaluation(evaluated: Evaluated) -> None:
    protocol, config = evaluated.report["protocol"], yaml.safe_load((evaluated.run / "config.yaml").read_text())
    assert (protocol["split"], protocol["n"], protocol["seed"], protocol["batch_size"]) == ("test", 359, 0, 250)
    assert protocol["corruption"] == config["task"]
    assert protocol["corruption"]["sigma"] == 0.2
    assert protocol["binarize"] == "none"
    assert protocol["baselines_fitted_on"] == evaluated.report["trained_on"] == "digits"
    assert "10 log10(1 / MSE)" in protocol["psnr"]
    assert "11x11, sigma 1.5" in protocol["ssim"]
    assert protocol["settings"].endswith("on 200 validation images, never on the test split")
    libraries = {name: version(name) for name in ("numpy", "pillow", "scikit-image", "scikit-learn", "torch")}
    ours = {"aectl": package.__version__, "python": platform.python_version()}
    assert evaluated.report["versions"] == ours | libraries


class TestSecondEvaluation:
    def test_it_fits_nothing_and_gives_the_same_numbers(
        self, evaluated: Evaluated, aectl: Aectl, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        metrics = evaluated.run / "eval" / "digits-denoise-0.2-test" / "metrics.json"
        before = metrics.read_bytes()
        for fitted in (Filter, LinearMap, LogisticRegression):
            monkeypatch.setattr(fitted, "fit", broken)
        assert aectl("eval", evaluated.run).status == 0
        assert metrics.read_bytes() == before

    def test_fits_are_shared_between_seeds_but_noise_is_not(
        self, runs: dict[str, Path], aectl: Aectl, monkeypatch: pytest.MonkeyPatch, evaluated: Evaluated
    ) -> None:
        monkeypatch.setattr(Filter, "fit", broken)
        monkeypatch.setattr(LinearMap, "fit", broken)
        aectl("eval", runs["vae"], "seed=1", "embeddings=false", "samples=0", "importance_samples=0")
        first, other = evaluated.report["baselines"], report_of(runs["vae"])["baselines"]
        for name, found in other.items():
            assert found["psnr"] != first[name]["psnr"]
            assert found["psnr"]["mean"] == pytest.approx(first[name]["psnr"]["mean"], abs=0.3)


def broken(*_: object) -> None:
    raise AssertionError("fitted again")


def without_advice(section: Any) -> Any:
    """A section of a report without the sentence that names the folder of the run."""
    if not isinstance(section, dict):
        return section
    return {key: value for key, value in section.items() if key != "sentence"}


class TestSections:
    @pytest.mark.parametrize(
        ("key", "left_out", "num_tables"),
        [
            ("baselines=false", {"baselines", "verdict"}, 4),
            ("embeddings=false", {"embeddings"}, 3),
            ("importance_samples=0", {"likelihood"}, 3),
            ("samples=0", {"samples"}, 3),
        ],
    )
    def test_leaving_one_out_changes_no_other(
        self, key: str, left_out: set[str], num_tables: int, aectl: Aectl, runs: dict[str, Path], evaluated: Evaluated
    ) -> None:
        result = aectl("eval", runs["vae"], key, "report=full")
        report = report_of(runs["vae"])
        assert not any(report.get(section) for section in left_out)
        assert len(tables(result.out)) == num_tables
        for section in evaluated.report.keys() - left_out - {"run"}:
            assert without_advice(report[section]) == without_advice(evaluated.report[section]), section

    def test_without_any_only_the_scores_of_the_model_remain(
        self, aectl: Aectl, runs: dict[str, Path], evaluated: Evaluated
    ) -> None:
        result = aectl("eval", runs["vae"], *BARE)
        assert report_of(runs["vae"])["scores"] == evaluated.report["scores"]
        (printed,) = tables(result.out)
        assert list(printed) == ["vae (this run)"]

    def test_a_section_that_does_not_apply_has_a_reason(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        printed = {name: aectl("eval", runs[name], "baselines=false").out for name in ("ae", "rednet")}
        plain, skipping = report_of(runs["ae"]), report_of(runs["rednet"])
        assert plain["likelihood"] == {"note": f"not available: AE has no KL {NO_BOUND}"}
        assert skipping["likelihood"] == {"note": f"not available: RedNet has no KL {NO_BOUND}"}
        assert plain["samples"].keys() == {
            "n",
            "held_out",
            "note",
            "samples of a Gaussian fitted to the training latents",
        } | {"real images (val)"}
        assert skipping["samples"] == {"note": "not available: RedNet has no latent to sample"}
        assert skipping["embeddings"] == {"note": "no bottleneck: 128 numbers for 64 values"}
        assert f"\nlikelihood: {plain['likelihood']['note']}\n" in printed["ae"]
        for head, section in {"latents": "embeddings", "likelihood": "likelihood", "samples": "samples"}.items():
            assert f"\n{head}: {skipping[section]['note']}\n" in printed["rednet"]


@pytest.fixture(scope="module")
def printed(evaluated: Evaluated) -> dict[str, str]:
    """What a pipe gets, by the value of `report`."""
    return {"short": printed_in(evaluated.run, "eval", evaluated.run), "full": evaluated.out}


class TestPipedReport:
    @pytest.mark.parametrize("report", ["short", "full"])
    def test_no_line_ends_in_a_blank_and_no_empty_lines_follow_each_other(
        self, report: str, printed: dict[str, str]
    ) -> None:
        assert not re.search(r"[ \t]$", printed[report], re.MULTILINE)
        assert "\n\n\n" not in printed[report]

    def test_without_options_it_fits_a_screen_of_40_lines(self, printed: dict[str, str]) -> None:
        assert len(printed["short"].splitlines()) <= 40 < len(printed["full"].splitlines())

    def test_without_options_it_has_one_table_the_verdict_and_a_line_for_each_section(
        self, evaluated: Evaluated, printed: dict[str, str]
    ) -> None:
        report, (compared,) = evaluated.report, tables(printed["short"])
        assert compared == tables(evaluated.out)[0]
        assert f"\n{report['verdict']['sentence']}\n" in printed["short"]
        latents, likelihood, samples = (
            next(line for line in printed["short"].splitlines() if line.startswith(f"{head}: "))
            for head in ("latents", "likelihood", "samples")
        )
        for name, accuracy in report["embeddings"]["accuracy"].items():
            assert f"{name} {accuracy['probe']['mean']:.3f}" in latents
        assert latents.endswith(report["embeddings"]["note"] or "all 16 latent dimensions are active")
        for name, digits in {"elbo": 2, "log_likelihood": 2, "bits_per_dim": 4}.items():
            assert around(report["likelihood"][name], digits) in likelihood
        drawn, real = report["samples"]["samples of the prior"], report["samples"]["real images (val)"]
        for name in ("frechet", "precision", "recall"):
            assert f"{drawn[name]:.3f} ({real[name]:.3f})" in samples

    def test_metrics_json_does_not_depend_on_it(self, evaluated: Evaluated, printed: dict[str, str]) -> None:
        assert report_of(evaluated.run) == evaluated.report
