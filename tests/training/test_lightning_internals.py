"""The insides of Lightning that aectl relies on are where they were; a message says what to change if they are not."""

import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.accelerators import CUDAAccelerator
from pytorch_lightning.profilers import PassThroughProfiler

from aectl.training import lightning_internals
from aectl.training.lightning_internals import LOGGERS, QuickModule
from aectl.training.system import System
from tests.support.toy_models import bare_trainer
from tests.training.test_system import BATCHES, Duel, Solo, batches, system

pytestmark = [
    pytest.mark.filterwarnings("ignore:GPU available but not used"),
    pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec"),
]
SEE = "; see aectl/training/lightning_internals.py"


@pytest.fixture
def loggers_as_they_were() -> Iterator[None]:
    """Lightning's loggers keep their handlers for the tests after this one."""
    former = {name: (logging.getLogger(name).handlers[:], logging.getLogger(name).propagate) for name in LOGGERS}
    yield
    for name, (handlers, propagate) in former.items():
        logging.getLogger(name).handlers[:] = handlers
        logging.getLogger(name).propagate = propagate
    logging.captureWarnings(False)


class Recorder(Callback):
    """Calls a function in a hook, and keeps what it returns."""

    def __init__(self, hook: str, act: Any) -> None:
        self.found: list[Any] = []
        setattr(self, hook, lambda trainer, *_: self.found.append(act(trainer)))


def record(hook: str, act: Any, wrapped: System | None = None, epochs: int = 1, **flags: Any) -> list[Any]:
    """What a function of the trainer returned each time that Lightning called a hook."""
    recorder = Recorder(hook, act)
    trainer = bare_trainer(epochs, callbacks=[recorder], num_sanity_val_steps=0, **flags)
    trainer.fit(wrapped or system(Solo()), batches(), batches())
    return recorder.found


@pytest.mark.usefixtures("loggers_as_they_were")
def test_silenced_messages_go_to_the_log_file_only(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    lightning_internals.silence()
    with caplog.at_level(logging.INFO):
        bare_trainer()
    assert capfd.readouterr().err == "", f"Lightning prints past its loggers {LOGGERS}{SEE}"
    names = {record.name.split(".")[0] for record in caplog.records if "GPU" in record.message}
    assert names
    assert names <= {name.split(".")[0] for name in LOGGERS}, f"Lightning logs as {names}{SEE}"


@pytest.mark.usefixtures("loggers_as_they_were")
def test_warning_of_an_unused_gpu_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CUDAAccelerator, "is_available", staticmethod(lambda: True))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        bare_trainer()
    words, *_ = lightning_internals.IRRELEVANT_WARNINGS
    assert any(words in str(each.message) for each in warned), f"Lightning words it otherwise now: {warned}{SEE}"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lightning_internals.silence()
        logging.captureWarnings(False)
        bare_trainer()


@pytest.mark.usefixtures("loggers_as_they_were")
def test_training_warns_of_nothing_else() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lightning_internals.silence()
        logging.captureWarnings(False)
        bare_trainer().fit(system(Solo()), batches(), batches())


def test_lightning_notes_the_running_hook_in_an_attribute_that_is_set_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    set_slowly: list[str] = []
    slow = LightningModule.__setattr__
    monkeypatch.setattr(
        LightningModule, "__setattr__", lambda self, name, value: set_slowly.append(name) or slow(self, name, value)
    )
    wrapped = system(Solo())
    assert isinstance(wrapped, QuickModule)
    bare_trainer(num_sanity_val_steps=0).fit(wrapped, batches(), batches())
    assert "_current_fx_name" in vars(wrapped), f"Lightning notes the running hook elsewhere now{SEE}"
    assert "_current_fx_name" not in set_slowly
    often = {name for name in set_slowly if set_slowly.count(name) > 4 * BATCHES}
    assert not often, f"Lightning sets {often} in every step{SEE}"


def test_no_action_of_a_step_is_profiled(monkeypatch: pytest.MonkeyPatch) -> None:
    profiled: list[str] = []
    monkeypatch.setattr(PassThroughProfiler, "start", lambda _, action: profiled.append(action))
    bare_trainer().fit(system(Solo()), batches(), batches())
    assert any("[Strategy]" in action for action in profiled), f"Lightning no longer profiles by `start`{SEE}"
    profiled.clear()
    bare_trainer(profiler=lightning_internals.NoProfiler()).fit(system(Solo()), batches(), batches())
    assert all(action.endswith("_next") for action in profiled), profiled  # which Lightning starts without `profile`


@pytest.mark.parametrize("accumulated", [1, 2, 3])
def test_steps_are_counted_once_for_the_batches_that_are_accumulated(accumulated: int) -> None:
    wrapped = system(Duel(), accumulate=accumulated)
    steps = record("on_train_batch_end", lightning_internals.ends_step, wrapped, epochs=2)
    expected = [(batch + 1) % accumulated == 0 or batch == BATCHES - 1 for batch in range(BATCHES)] * 2
    assert steps == expected, f"Lightning no longer counts by `accumulate_grad_batches` set in setup(){SEE}"
    wrapped = system(Duel(), accumulate=accumulated)
    (step,) = record("on_train_end", lightning_internals.logging_step, wrapped, epochs=2)
    assert step == sum(expected), f"Lightning counts the steps of loggers otherwise now{SEE}"


@pytest.mark.parametrize("model", [Solo, Duel])
def test_progress_can_be_set_to_a_later_epoch(model: type[Solo]) -> None:
    def jump(trainer: Trainer) -> None:
        lightning_internals.set_progress(trainer, epochs=3, optimizer_steps=50, logging_step=40)

    class Jump(Callback):
        """Sets the counters before the training starts."""

        def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
            jump(trainer)

    seen = Recorder("on_train_epoch_start", lambda t: (t.current_epoch, t.global_step))
    at_end = Recorder("on_train_end", lambda t: (t.current_epoch, t.global_step, lightning_internals.logging_step(t)))
    trainer = bare_trainer(5, callbacks=[Jump(), seen, at_end], num_sanity_val_steps=0)
    wrapped = system(model())
    trainer.fit(wrapped, batches(), batches())
    steps = BATCHES * len(wrapped.model.players)
    assert seen.found == [(3, 50), (4, 50 + steps)], f"Lightning counts epochs or steps elsewhere now{SEE}"
    assert at_end.found == [(5, 50 + 2 * steps, 40 + 2 * BATCHES)], f"Lightning counts steps elsewhere now{SEE}"


def test_progress_can_be_set_within_an_epoch() -> None:
    class Skipping:
        """Batches whose first epoch begins at the last but one."""

        first = True

        def __len__(self) -> int:
            return BATCHES

        def __iter__(self) -> Iterator[Any]:
            epoch = list(batches())
            if self.first:
                lightning_internals.set_batch_progress(trainer, BATCHES - 2)
                epoch = epoch[-2:]
            self.first = False
            yield from epoch

    seen = Recorder("on_train_batch_start", lambda t: (t.current_epoch, t.fit_loop.batch_idx, t.is_last_batch))
    trainer = bare_trainer(2, callbacks=[seen], num_sanity_val_steps=0)
    trainer.fit(system(Solo()), Skipping(), batches())
    expected = [(0, BATCHES - 2, False), (0, BATCHES - 1, True), *((1, n, n == BATCHES - 1) for n in range(BATCHES))]
    assert seen.found == expected, f"Lightning counts batches elsewhere now{SEE}"


def test_metrics_can_be_restored() -> None:
    def restore(trainer: Trainer) -> float:
        lightning_internals.restore_metrics(trainer, {"val/psnr": 20.5})
        return float(trainer.callback_metrics["val/psnr"])

    assert record("on_train_start", restore) == [20.5], f"callback_metrics are kept elsewhere now{SEE}"


def test_progress_and_time_are_where_they_are_taken_from(tmp_path: Path) -> None:
    def save(trainer: Trainer) -> dict[str, Any]:
        trainer.save_checkpoint(tmp_path / "a.ckpt")
        return torch.load(tmp_path / "a.ckpt", weights_only=True)

    (checkpoint,) = record("on_train_end", save, max_time="00:01:00:00")
    assert {"loops", "callbacks"} <= checkpoint.keys()
    assert "Timer" in checkpoint["callbacks"], f"Lightning keeps the time of a run elsewhere now{SEE}"
    lightning_internals.forget_progress(checkpoint)
    lightning_internals.forget_time(checkpoint)
    assert "loops" not in checkpoint
    assert checkpoint["callbacks"] == {}
