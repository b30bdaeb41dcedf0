"""`runs.open`: the one door through which a run's files come in."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from aectl.errors import UserError
from aectl.runs import checkpoint, index
from aectl.runs import open as open_run

CPU = torch.device("cpu")


@pytest.mark.parametrize("file", ["", "checkpoints/best.ckpt"])
def test_opening_a_run_and_loading_its_model_reads_and_verifies_the_checkpoint_once(
    runs: dict[str, Path], file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def count(module: object, name: str) -> None:
        original = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args, **kwargs: [calls.append(name), original(*args, **kwargs)][1])

    for module, name in ((torch, "load"), (checkpoint, "check_archive"), (checkpoint, "check_tensors")):
        count(module, name)
    run = open_run(runs["vae"] / file)
    model = run.load(CPU)
    run.load(CPU)
    assert calls == ["check_archive", "load", "check_tensors"]
    stored = run.contents["state_dict"]
    assert all(torch.equal(value, stored[f"model.{name}"]) for name, value in model.state_dict().items())


def test_a_run_with_another_data_set_keeps_the_contents_of_the_checkpoint(runs: dict[str, Path]) -> None:
    run = open_run(runs["vae"])
    assert run.replaced(dataset=run.cfg.dataset).contents is run.contents


def test_latest_is_the_newest_run_with_a_checkpoint_unless_it_is_to_be_resumed(runs: dict[str, Path]) -> None:
    outputs = runs["ae"].parent
    (runs["ae"] / "config.yaml").touch()
    assert open_run("latest", str(outputs)).folder == runs["ae"]
    (runs["ae"] / "checkpoints" / "best.ckpt").unlink()
    assert open_run("latest", str(outputs)).folder != runs["ae"]
    assert index.latest_run(outputs, trained=False) == runs["ae"]


@pytest.mark.parametrize(("trained", "key"), [(True, "run"), (False, "resume")])
def test_without_a_run_latest_says_how_to_train_one(trained: bool, key: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"{key}=latest: no run in .*; train one first: aectl train"):
        index.latest_run(tmp_path, trained)


def test_a_run_deleted_during_the_search_is_not_the_latest(runs: dict[str, Path]) -> None:
    config = runs["ae"] / "config.yaml"
    assert index.newest_file([config.with_name("gone"), config]) == config
    assert index.newest_file([config.with_name("gone")]) is None


def test_the_package_and_the_search_for_the_latest_run_need_no_torch() -> None:
    code = "import sys, aectl.runs, aectl.runs.index\nsys.exit('torch' in sys.modules or 'omegaconf' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("note.txt", b"hello", "not a checkpoint; expected the folder of a run, a checkpoint file, or latest"),
        ("photo.PNG", b"\x89PNG", "or latest; pictures are given as input={path}"),
        ("cut.ckpt", b"PK\3\4" + bytes(90), "truncated, or not a checkpoint; copy it again, or take"),
    ],
)
def test_another_file_says_what_to_give_instead(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError, match=re.escape(said.format(path=path))):
        open_run(str(path))


def test_a_folder_of_runs_names_one_of_them(tmp_path: Path, barely_trained: dict[str, Path]) -> None:
    with pytest.raises(UserError, match=r"has no config\.yaml; expected the folder of a run, such as outputs/denoise"):
        open_run(str(tmp_path))
    folder = barely_trained["vector"].parent
    with pytest.raises(
        UserError, match=rf"expected the folder of a run, such as .*/({'|'.join(barely_trained)}) in it"
    ):
        open_run(str(folder))
