"""Data and model of a training are read and built once."""

import csv
import functools
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aectl.data import arrays
from aectl.data.digits import Digits
from aectl.models.vae import VAE
from aectl.models.variational.cvae import CVAE
from aectl.training.experiment import Experiment
from aectl.training.system import System
from tests.conftest import QUICK, Aectl
from tests.support.kill_and_resume import differences
from tests.support.short_runs import on_step, press

SMALL = ("net=mlp", "net.hidden=[8]", *QUICK)
CONDITIONAL = ("model=cvae",)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the digits and a model were made, and each split was read; as it was at the first step too."""
    counts: Counter[str] = Counter()

    def count(owner: Any, name: str, label: Callable[..., str]) -> None:
        original = getattr(owner, name)

        @functools.wraps(original)
        def counted(*args: Any, **kwargs: Any) -> Any:
            counts[label(*args)] += 1
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, counted)

    count(Digits, "__init__", lambda *_: "source")
    count(Digits, "split", lambda _, name: name)
    count(VAE, "__init__", lambda *_: "model")
    count(arrays, "load_npz", lambda *_: "npz")
    count(arrays, "is_duplicate", lambda *_: "hashed")
    return counts


def write_npz(path: Path, labels: bool = True) -> Path:
    """Eighty images to train and twenty to test, a few of them twice."""
    x = np.random.default_rng(0).integers(0, 256, (100, 8, 8), dtype=np.uint8)
    y = {"y_train": np.arange(80) % 5, "y_test": np.arange(20) % 5} if labels else {}
    np.savez(path, x_train=x[:80], x_test=x[78:98], **y)
    return path


@pytest.mark.parametrize("model", [(), CONDITIONAL])
def test_source_is_read_and_model_built_once(aectl: Aectl, calls: Counter[str], model: tuple[str, ...]) -> None:
    assert aectl("train", *SMALL, *model).status == 0
    assert calls == {"source": 1, "model": 1, "train": 1, "val": 1}


def test_resumed_run_reads_and_builds_once(aectl: Aectl, calls: Counter[str]) -> None:
    aectl("train", *SMALL, "hydra.run.dir=run")
    calls.clear()
    assert aectl("train", "resume=run", "trainer.max_epochs=2").status == 0
    assert calls == {"source": 1, "model": 1, "train": 1, "val": 1}


def test_each_job_of_a_sweep_reads_and_builds_once(aectl: Aectl, calls: Counter[str]) -> None:
    """And the best run's model is built once more, for the commands that the sweep ends with."""
    assert aectl("train", "-m", "seed=0,1", *SMALL).status == 0
    assert calls == {"source": 2, "model": 2 + 1, "train": 2, "val": 2}


def test_npz_is_read_and_hashed_once(aectl: Aectl, calls: Counter[str], tmp_path: Path) -> None:
    data = ("dataset=npz", f"dataset.path={write_npz(tmp_path / 'data.npz')}")
    assert aectl("train", *SMALL, *data).status == 0
    assert calls == {"model": 1, "npz": 1, "hashed": 2}  # test and validation examples are looked for in training


def test_model_that_is_checked_is_the_one_that_is_trained(aectl: Aectl, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[Experiment] = []
    trained: list[Any] = []
    make, step = Experiment.__init__, System.training_step
    monkeypatch.setattr(Experiment, "__init__", lambda self, *args: make(self, *args) or built.append(self))
    monkeypatch.setattr(System, "training_step", lambda self, *args: trained.append(self.model) or step(self, *args))
    assert aectl("train", *SMALL).status == 0
    assert len(built) == 1
    assert all(model is built[0].model for model in trained)


def test_number_of_classes_comes_from_the_data_set(
    aectl: Aectl, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[int] = []
    make = CVAE.__init__

    @functools.wraps(make)
    def watched(self: CVAE, **arguments: Any) -> None:
        seen.append(arguments["num_classes"])
        make(self, **arguments)

    monkeypatch.setattr(CVAE, "__init__", watched)
    data = ("dataset=npz", f"dataset.path={write_npz(tmp_path / 'data.npz')}")
    assert aectl("train", *SMALL, *CONDITIONAL, *data, "hydra.run.dir=run").status == 0
    assert seen == [5]
    assert "num_classes: 5" in Path("run/config.yaml").read_text()


def test_data_set_without_labels_is_refused_for_a_model_that_needs_them(aectl: Aectl, tmp_path: Path) -> None:
    data = ("dataset=npz", f"dataset.path={write_npz(tmp_path / 'data.npz', labels=False)}")
    result = aectl("train", *SMALL, *CONDITIONAL, *data, "outputs=out")
    assert result.status == 2
    assert result.err.endswith(
        "aectl train: model.num_classes: the data set has no labels; expected one with labels for this model\n"
    )
    assert not Path("out").exists()


@pytest.mark.parametrize("kind", ["vectors", "labels"])
def test_vectors_and_labels_train_and_resume_to_the_same_bits(
    kind: str, aectl: Aectl, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data = np.random.default_rng(0).random((100, 5), dtype=np.float32)
    np.savez(tmp_path / "vectors.npz", x_train=data[:80], x_test=data[80:])
    given = {"vectors": ("dataset=npz", f"dataset.path={tmp_path / 'vectors.npz'}"), "labels": CONDITIONAL}[kind]
    call = ("train", *given, "net=mlp", "net.hidden=[8]", "data.batch_size=16", "trainer.max_epochs=4")
    assert aectl(*call, "hydra.run.dir=whole").status == 0
    with monkeypatch.context() as patch:
        on_step(patch, 7, press())
        assert aectl(*call, "hydra.run.dir=run").status == 130
    result = aectl("train", "resume=run", "trust=true")
    assert result.status == 0, result.err
    assert differences(Path("whole"), Path("run")) == []
    with Path("run/metrics.csv").open(newline="") as file:
        losses = [float(row["val/loss"]) for row in csv.DictReader(file)]
    assert losses[-1] < losses[0]
