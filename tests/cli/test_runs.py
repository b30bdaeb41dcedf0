"""`aectl runs`: lists, shows, deletes and packs runs."""

import os
import shutil
import sys
import tarfile
import time
from pathlib import Path

import pytest
from filelock import FileLock

from aectl import runs as package
from tests.conftest import Aectl
from tests.support.synthetic_runs import VAE, write_run


def age(run: Path, seconds: float = 3600) -> Path:
    """Makes the files of a run as old as this."""
    for path in [*run.rglob("*"), run]:
        os.utime(path, (time.time() - seconds,) * 2)
    return run


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """A good run, and one of each kind that may go."""
    folder = tmp_path / "outputs"
    age(write_run(folder / "good"))
    age(write_run(folder / "older"), seconds=7200)
    age(write_run(folder / "failed", {"seed": 1}, status="failed", error="a loss was NaN"))
    age(write_run(folder / "sweep" / "half", {"seed": 2}, metrics={}))
    (folder / "notes.txt").write_text("mine")
    return folder


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_dir() and path.name != ".hydra"}


class TestClean:
    def test_it_says_what_would_go_and_why_and_deletes_nothing(self, aectl: Aectl, outputs: Path) -> None:
        before = sorted(outputs.rglob("*"))
        result = aectl("runs", "clean")
        assert (result.status, result.err) == (0, "")
        assert [line.strip().split("  ")[1:] for line in result.out.splitlines()[:3]] == [
            ["outputs/failed", "failed"],
            ["outputs/older", "superseded by outputs/good"],
            ["outputs/sweep/half", "half-written"],
        ]
        assert "nothing is deleted; to delete 3 runs, " in result.out and "add yes=true" in result.out
        assert sorted(outputs.rglob("*")) == before

    def test_with_yes_it_deletes_them_and_nothing_else(self, aectl: Aectl, outputs: Path) -> None:
        result = aectl("runs", "clean", "outputs", "yes=true")
        assert "deleted 3 runs, " in result.out
        assert names(outputs) == {"good"}
        assert (outputs / "notes.txt").read_text() == "mine"
        assert "no run is half-written, failed or superseded" in aectl("runs", "clean").out

    def test_what_is_not_aectls_is_kept(self, aectl: Aectl, outputs: Path) -> None:
        (outputs / "failed" / "thesis.tex").write_text("mine")
        (outputs / "older" / "nested").mkdir()
        stranger = outputs / "other"
        stranger.mkdir()
        (stranger / "config.yaml").write_text("lr: 1\n")
        (stranger / "summary.json").write_text('{"status": "failed"}')
        age(stranger)
        result = aectl("runs", "clean", "yes=true")
        assert "keeps outputs/failed: has files that are not aectl's: thesis.tex" in result.out
        assert "keeps outputs/older: has files that are not aectl's: nested" in result.out
        assert names(outputs) == {"good", "older", "nested", "failed", "other"}

    def test_a_run_that_is_trained_or_has_just_begun_is_kept(self, aectl: Aectl, outputs: Path) -> None:
        write_run(outputs / "begun", {"seed": 3}, metrics={})
        (outputs / "failed" / ".lock").touch()
        with FileLock(outputs / "failed" / ".lock"):
            result = aectl("runs", "clean", "yes=true")
        assert "keeps outputs/failed: is being trained" in result.out
        assert "keeps outputs/begun: was written to in the last ten minutes" in result.out
        assert names(outputs) == {"good", "failed", "begun"}

    def test_links_are_neither_followed_nor_taken_for_runs(self, aectl: Aectl, outputs: Path, tmp_path: Path) -> None:
        treasure = tmp_path / "treasure"
        shutil.copytree(outputs / "failed", treasure / "failed")
        (outputs / "link").symlink_to(treasure)
        (outputs / "failed" / "checkpoints").symlink_to(treasure)
        (outputs / "failed" / "eval").mkdir()
        (outputs / "failed" / "eval" / "x").symlink_to(treasure)
        assert aectl("runs", "clean", "yes=true").status == 0
        assert not (outputs / "failed").exists()
        assert (treasure / "failed" / "config.yaml").is_file()

    @pytest.mark.parametrize(
        ("answer", "left"), [("yes", {"good"}), ("y", {"good", "failed", "older", "half", "sweep"})]
    )
    def test_at_a_terminal_it_takes_a_typed_yes(
        self, answer: str, left: set[str], aectl: Aectl, outputs: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
        monkeypatch.setattr("builtins.input", lambda _: answer)
        aectl("runs", "clean")
        assert names(outputs) == left

    def test_a_half_deleted_run_is_found_again(
        self, outputs: Path, monkeypatch: pytest.MonkeyPatch, aectl: Aectl
    ) -> None:
        unlink = Path.unlink

        def stop_at_metrics(path: Path, missing_ok: bool = False) -> None:
            if path.name == "summary.json":
                raise OSError("the power is gone")
            unlink(path, missing_ok)

        with monkeypatch.context() as patched:
            patched.setattr(Path, "unlink", stop_at_metrics)
            assert aectl("runs", "clean", "outputs/failed", "yes=true").status == 2
        assert (outputs / "failed" / "config.yaml").is_file()
        assert "deleted 1 run" in aectl("runs", "clean", "outputs/failed", "yes=true").out
        assert not (outputs / "failed").exists()


class TestListAndShow:
    def test_list_has_a_line_for_every_run(self, aectl: Aectl, outputs: Path) -> None:
        lines = aectl("runs").out.splitlines()
        assert {line.split()[0] for line in lines} == {"unfinished", "done", "failed"}
        assert [line.split()[-1] for line in lines][1] == "outputs/older"
        (line,) = aectl("runs", "list", "outputs", "where=status=failed").out.splitlines()
        assert "2 epochs" in line and "vae · reconstruct · digits" in line
        assert aectl("runs", "outputs/good").out.count("\n") == 1

    def test_show_names_what_differs_from_the_defaults(self, aectl: Aectl, tmp_path: Path) -> None:
        write_run(tmp_path / "run", {"likelihood.scale": 0.5}, VAE, typed={"model.latent_dim": 4, "seed": 7})
        out = aectl("runs", "show", "run").out
        assert "typed: model.latent_dim=4 seed=7\n" in out
        assert "  seed=7 (default 0)\n" in out and "  model.latent_dim=4 (default 16)\n" in out
        assert "  likelihood.scale=0.5 (default 0.1)\n" in out
        assert "model.beta" not in out and "model.shape" not in out
        assert "  val/psnr 17.00\n" in out

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["clen"], "clen: expected one of list, show, clean, archive, or a folder to list; did you mean clean?"),
            (["list", "gone"], "gone: no such folder"),
            (["show", "outputs"], "outputs: has no config.yaml; expected the folder of a run"),
            (["show", "outputs/good", "outputs/older"], "outputs/older: expected one run"),
            (["list", "where=status=x"], "outputs: no runs in it for which where=status=x is true"),
            (["archive", "outputs/good", "output=x.zip"], "output=x.zip: expected a name that ends in .tar.gz"),
            (["yes=maybe"], "yes=maybe: expected true or false"),
        ],
        ids=str,
    )
    def test_bad_input_is_one_line(self, words: list[str], message: str, aectl: Aectl, outputs: Path) -> None:
        result = aectl("runs", *words)
        assert result.status == 2
        assert message in result.err and len(result.err.splitlines()) == 1

    def test_a_strangers_values_reach_no_terminal(self, aectl: Aectl, tmp_path: Path) -> None:
        write_run(tmp_path / "outputs" / "x\x1b[31m", {"task.evil": "\x1b]0;owned\x07"}, typed={"task.evil": "\x1b"})
        for action in ("list", "show", "clean"):
            assert "\x1b" not in aectl("runs", action, *(["outputs/x\x1b[31m"] if action == "show" else [])).out


def test_an_archived_run_opens_again_without_links_and_locks(
    aectl: Aectl, runs: dict[str, Path], tmp_path: Path
) -> None:
    (runs["vae"] / "secret").symlink_to("/etc/passwd")
    result = aectl("runs", "archive", runs["vae"])
    assert result.out.startswith("wrote vae.tar.gz: ")
    assert "1 links and other special files left out; to open it: tar xzf vae.tar.gz" in result.out
    with tarfile.open("vae.tar.gz") as tar:
        tar.extractall(tmp_path / "unpacked", filter="data")
    unpacked = tmp_path / "unpacked" / "vae"
    assert package.open(unpacked).title == package.open(runs["vae"]).title
    assert not [path for path in unpacked.rglob("*") if path.name.startswith(".lock") or path.is_symlink()]
    assert "exists; overwrite=true writes it again" in aectl("runs", "archive", runs["vae"]).err
