"""`like=RUN` and `aectl reproduce` train a run again to the same bits; a run records its code."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from aectl.runs.code import describe_changes, repositories
from tests.conftest import Aectl, run_folder
from tests.support.kill_and_resume import differences
from tests.support.short_runs import SMALL

ONE = (*SMALL, "trainer.max_epochs=1", "model.latent_dim=3", "hydra.run.dir=run")


def test_a_run_is_repeated_from_its_folder_to_the_same_bits_or_with_other_keys(aectl: Aectl) -> None:
    assert aectl("train", *ONE).status == 0
    again = run_folder(aectl("train", "like=run"))
    assert again.parent == Path("outputs/reconstruct/vae-digits")
    assert differences(Path("run"), again) == []
    assert yaml.safe_load((again / "config.yaml").read_text()) == yaml.safe_load(Path("run/config.yaml").read_text())
    other = run_folder(aectl("train", "like=run", "seed=1", "net.hidden=[8]"))
    config = yaml.safe_load((other / "config.yaml").read_text())
    assert (config["seed"], config["model"]["net"]["hidden"], config["model"]["latent_dim"]) == (1, [8], 3)
    result = aectl("reproduce", "run")
    assert result.status == 0, result.err
    assert "weight tensors and all metrics are equal, bit for bit" in result.out
    for given, said in {
        ("like=run", "model=ae"): "model=ae: like= keeps the run's groups; change single keys, model.NAME=VALUE",
        ("like=run", "recipe.lr=1"): "recipe.lr=1: change the keys that take its value",
        ("like=run", "resume=run"): "like=run: a run is either repeated or resumed; leave out resume=run",
        ("like=nowhere",): "like=nowhere: no such folder; expected the folder of a run",
    }.items():
        refused = aectl("train", *given)
        assert (refused.status, refused.err.count("\n")) == (2, 1)
        assert said in refused.err


def test_what_is_not_reproduced_is_named_with_what_has_changed_in_the_code(aectl: Aectl) -> None:
    assert aectl("train", *ONE).status == 0
    best = torch.load("run/checkpoints/best.ckpt", weights_only=True)
    best["state_dict"]["model.encoder.1.bias"] += 1
    torch.save(best, "run/checkpoints/best.ckpt")
    code = json.loads(Path("run/code.json").read_text())
    Path("run/code.json").write_text(json.dumps({**code, "versions": {**code["versions"], "torch": "1.0"}}))
    result = aectl("reproduce", "run", "output=again")
    assert result.status == 1
    assert "not reproduced:\n  1 of " in result.out
    assert "weight tensors: encoder.1.bias\n" in result.out
    assert "the code differs: torch was '1.0' and is " in result.out
    assert Path("again/checkpoints/best.ckpt").is_file()


def test_a_repository_is_recorded_with_its_commit_and_whether_it_was_changed(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        subprocess.run(["git", *who, "-C", str(tmp_path), *arguments], check=True, capture_output=True)

    (tmp_path / "package").mkdir()
    assert repositories([tmp_path / "package"]) == []
    git("init")
    (tmp_path / "package" / "models.py").write_text("x = 1")
    git("add", ".")
    git("commit", "-m", "First")
    (clean,) = repositories([tmp_path / "package", tmp_path])
    assert (len(clean["commit"]), clean["dirty"], Path(clean["folder"]).name) == (40, False, tmp_path.name)
    (tmp_path / "package" / "models.py").write_text("x = 2")
    (changed,) = repositories([tmp_path])
    assert changed == {**clean, "dirty": True}
    assert describe_changes({"git": [clean]}, {"git": [clean]}) == []
    assert "not committed" in describe_changes({"git": [clean]}, {"git": [changed]})[0]


@pytest.mark.parametrize("former", [{}, {"git": 3, "versions": []}, {"git": [None, {"folder": []}], "versions": {}}])
def test_a_strangers_record_of_its_code_may_hold_anything(former: dict[str, Any]) -> None:
    found = describe_changes(former, {"versions": {}, "git": [{"folder": "f", "commit": "c", "dirty": False}]})
    assert found == ["f was at commit None and is at c"]
