"""Several processes train one run, with the numbers of one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aectl.devices import num_processes
from aectl.errors import UserError
from aectl.training import processes
from aectl.training.records import read_rows
from tests.conftest import QUICK, Aectl
from tests.support.short_runs import SMALL, on_step, position, press, summary

NOISY = ("task=denoise", "model=vae", *SMALL, "data.batch_size=199", "tracker=none", "trainer.accelerator=cpu")
"""A run with noise, latents, and shares that differ in size: 7 batches an epoch, the last of 100."""
TWO = ("trainer.devices=2", "trainer.strategy=ddp")
EPOCHS = "trainer.max_epochs=2"
BATCHES = 7


@pytest.fixture
def stopped(aectl: Aectl, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Trains a run that a signal to the main process stops in the fourth batch of its second epoch."""

    def train(*arguments: str) -> None:
        with monkeypatch.context() as patch:
            on_step(patch, BATCHES + 4, press("SIGTERM"))
            result = aectl("train", *NOISY, EPOCHS, "hydra.run.dir=run", *arguments)
        assert result.status == 143, result
        assert "saved at epoch 2, batch 4 of 7; to resume: aectl train resume=run\n" in result.out
        assert position("run") == (1, 4)

    yield train


def assert_same_metrics(run: str, other: str, rel: float = 1e-5) -> None:
    rows, others = (read_rows(Path(each, "metrics.csv")) for each in (run, other))
    assert [row["epoch"] for row in rows] == [row["epoch"] for row in others] == ["0", "1"]
    for row, same in zip(rows, others, strict=True):
        wanted = {name: pytest.approx(float(value), rel=rel, abs=rel) for name, value in row.items()}
        assert {name: float(value) for name, value in same.items()} == wanted


@pytest.mark.parametrize(("before", "after"), [(TWO, ("trainer.devices=1", "trainer.strategy=auto")), ((), TWO)])
def test_two_processes_train_as_one_and_resume_from_its_checkpoint(
    before: tuple[str, ...], after: tuple[str, ...], aectl: Aectl, stopped: Any
) -> None:
    aectl("train", *NOISY, EPOCHS, "hydra.run.dir=whole")
    stopped(*before)
    result = aectl("train", "resume=run", *after)
    assert result.status == 0, result
    assert result.out.count("resuming at epoch 2, batch 4 of 7") == result.out.count("best val/loss") == 1
    assert summary("run")["status"] == "done"
    assert_same_metrics("whole", "run")
    written = {str(path.relative_to("run")) for path in Path("run").rglob("*") if path.is_file()}
    assert {each for each in written if each.endswith((".log", ".csv", ".ckpt"))} == {
        *("train.log", "metrics.csv"),
        *(f"checkpoints/{name}.ckpt" for name in ("best", "last", "previous")),
    }
    assert {path.name for path in Path().iterdir()} == {"run", "whole"}


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        (("trainer.strategy=fsdp",), "trainer.strategy=fsdp: the parts of the model lie on GPUs; on the CPU use"),
        (("trainer=ddp", "trainer.compile=true"), "trainer.compile=true: the noise of a compiled step cannot be that"),
        (("trainer.num_nodes=2",), "trainer.num_nodes=2: MASTER_ADDR, MASTER_PORT, NODE_RANK not set; expected in the"),
        (("trainer=ddp", "-m", "seed=0,1"), "trainer.devices=2: a job of a sweep is one process; expected 1; to train"),
    ],
)
def test_what_several_processes_cannot_do_is_refused_before_anything_is_written(
    given: tuple[str, ...], refusal: str, aectl: Aectl, tmp_path: Path
) -> None:
    result = aectl("train", *given, "trainer.accelerator=cpu", "net=mlp", *QUICK)
    assert result.status == 2
    assert result.err.startswith(f"aectl train: {refusal}")
    assert len(result.err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_one_process_agrees_with_itself() -> None:
    assert (num_processes(), processes.rank(), processes.is_main()) == (1, 0, True)
    assert processes.any_of(True)
    assert processes.largest(3) == 3
    assert processes.gather("x") == ["x"]
    with pytest.raises(UserError, match="no"):
        processes.from_main(refuse)


def refuse() -> None:
    raise UserError("no")
