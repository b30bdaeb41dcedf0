"""What a sweep was started with, and whether a command fits."""

import json
from pathlib import Path

import pytest

from aectl.errors import UserError
from aectl.search.command import check_same, read_words, trusted_words, words_of, write_words


def test_words_of_a_single_call_are_not_the_sweeps() -> None:
    of_call = ["-m", "sweep.dir='a b'", "sweep.workers=2", "sweep.retry=1", "trust=true", "hydra/launcher=joblib"]
    kept = ["--config-dir", "mine", "seed=1,2", "sweep=seeds", "trainer.max_epochs=3"]
    assert words_of([*of_call, *kept]) == kept


def test_order_of_the_words_does_not_matter() -> None:
    check_same(Path("s"), ["a=1", "b=2,3"], ["b=2,3", "a=1"])
    check_same(Path("s"), ["a={x: max, y: min}", "b=choice(1, 2)"], ["a={x:max,y:min}", "b=choice(1,2)"])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["seed=1,2"], "model.beta: the sweep in s was started with model.beta=1,2"),
        (["seed=1,2", "model.beta=1"], "model.beta=1: the sweep in s was started with model.beta=1,2"),
        (["seed=1,2", "model.beta=1,2", "net=mlp"], "net=mlp: the sweep in s was started without it; expected"),
    ],
)
def test_another_command_is_one_line_that_names_the_difference(given: list[str], message: str) -> None:
    with pytest.raises(UserError) as raised:
        check_same(Path("s"), ["seed=1,2", "model.beta=1,2"], given)
    assert str(raised.value).startswith(message)
    assert str(raised.value).endswith("to continue that sweep: aectl train resume=s")


@pytest.mark.parametrize(
    "word",
    [
        "hydra.callbacks.jobs._target_=os.system",
        "+hydra.searchpath=[pkg://evil]",
        "model._target_=os.system",
        "model={_target_:os.system}",
        "dataset.root=${oc.env:HOME}",
        "--config-dir",
        "trust=true",
        "resume=x",
    ],
)
def test_strangers_sweep_runs_no_code_without_trust(word: str, tmp_path: Path) -> None:
    write_words(tmp_path, ["seed=1,2", word])
    with pytest.raises(UserError, match="could run arbitrary code; if you trust whoever wrote it: trust=true"):
        trusted_words(tmp_path, trust=False)
    assert trusted_words(tmp_path, trust=True) == ["seed=1,2", word]


def test_usual_words_need_no_trust(tmp_path: Path) -> None:
    words = ["net.hidden=[16],[32]", "~callbacks.projector", "++optimizer.players.critic.lr=1e-3", "sweep=optuna"]
    words += ["optimizer.lr=tag(log,interval(1e-4,1e-2))", "sweep.objectives={val/psnr: max, parameters: min}"]
    write_words(tmp_path, words)
    assert trusted_words(tmp_path, trust=False) == words


@pytest.mark.parametrize("text", ["", "[1]", "{}", json.dumps({"arguments": [1]}), "\0"])
def test_damaged_file_is_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "sweep.json").write_text(text)
    with pytest.raises(UserError, match=r"sweep\.json: cannot be read"):
        read_words(tmp_path)
