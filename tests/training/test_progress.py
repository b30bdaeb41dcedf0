import io
import re
from types import SimpleNamespace

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from rich.console import Console

from aectl.data.loader import Batch, Batches
from aectl.data.source import Split
from aectl.modalities import Modality, modality_for
from aectl.training.lightning_internals import set_progress
from aectl.training.progress import ProgressBar, format_clock, format_gain

pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # Lightning's use of torch

IMAGES_A_BATCH = 64
BATCHES_AN_EPOCH = 5


class Clock:
    """A clock that stands still until somebody works."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Learner(LightningModule):
    """Takes four seconds for a batch and twenty to validate one; its loss counts the batches."""

    modality: Modality

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.num_batches = 0
        self.model = SimpleNamespace(term_weights={}, term_units={}, discriminators=frozenset())
        self.current: SimpleNamespace | None = None

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        self.clock.now += 4.0
        self.num_batches += 1
        loss = 0 * self.weight + self.num_batches
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=len(batch["x"]))
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self.clock.now += 20.0
        self.log("val/loss", 7.5, batch_size=len(batch["x"]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Failing(Learner):
    """Fails in its third batch."""

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        if self.num_batches == 2:
            raise RuntimeError("out of memory")
        return super().training_step(batch, batch_idx)


class ResumedAt(Callback):
    """Begins the training at this epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        set_progress(trainer, self.epoch, self.epoch * BATCHES_AN_EPOCH, self.epoch * BATCHES_AN_EPOCH)


class Restoring(Learner):
    """Denoises, and says how well."""

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        super().validation_step(batch, batch_idx)
        self.log_dict({"val/psnr": 23.41, "val/psnr_gain": 7.46}, batch_size=len(batch["x"]))


class Screen(io.StringIO):
    """What the progress bar writes to: a terminal, or a file that only takes lines."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, terminal: bool, shape: tuple[int, ...] = (1, 1, 1), width: int = 100
    ) -> None:
        super().__init__()
        self.shape = shape
        self.clock = Clock()
        monkeypatch.setenv("TERM", "xterm")
        console = Console(file=self, force_terminal=terminal, width=width, get_time=self.clock.monotonic)
        monkeypatch.setattr("aectl.training.progress.Console", lambda **_: console)
        for module in ("aectl.training.progress", "pytorch_lightning.callbacks.timer"):
            monkeypatch.setattr(f"{module}.time", SimpleNamespace(monotonic=self.clock.monotonic))

    def watch(
        self, learner: type[Learner] = Learner, epochs: int = 2, limit: str | None = None, start: int = 0
    ) -> ProgressBar:
        """The bar after epochs of five batches, from `start` on."""
        bar = ProgressBar()
        trainer = Trainer(
            accelerator="cpu",
            max_epochs=epochs,
            max_time=limit,
            callbacks=[ResumedAt(start), bar],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        batches = Batches(
            Split(torch.zeros(BATCHES_AN_EPOCH * IMAGES_A_BATCH, *self.shape)), IMAGES_A_BATCH, shuffle=False
        )
        learning = learner(self.clock)
        learning.modality = modality_for(self.shape)
        trainer.fit(learning, batches, batches)
        return bar


def test_plain_line_is_printed_every_ten_seconds_and_at_the_end_outside_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = Screen(monkeypatch, terminal=False)
    screen.watch()
    lines = screen.getvalue().splitlines()
    found = [re.match(r"epoch (\d/\d)  loss (\S+) .* (\S+) images/s", line).groups() for line in lines]
    of_a_batch = [("1/2", "3", "16"), ("2/2", "6", "16"), ("2/2", "9", "16")]
    mean_of_the_epoch = ("2/2", "8", "16")
    assert found == [*of_a_batch, mean_of_the_epoch]


def test_speed_is_given_in_examples_of_the_modality(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(monkeypatch, terminal=False, shape=(2,))
    screen.watch()
    assert all(" 16 vectors/s" in line for line in screen.getvalue().splitlines())


def test_plain_line_has_the_validation_loss_once_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(monkeypatch, terminal=False)
    screen.watch()
    assert ["val 7.5" in line for line in screen.getvalue().splitlines()] == [False, True, True, True]


def test_last_plain_line_has_no_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(monkeypatch, terminal=False)
    screen.watch()
    assert screen.getvalue().endswith("  0 s left\n")


def test_quick_run_outside_a_terminal_prints_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aectl.training.progress.PLAIN_SECONDS", 1000.0)
    screen = Screen(monkeypatch, terminal=False)
    screen.watch()
    assert screen.getvalue().count("\n") == 1


def test_no_control_characters_are_printed_outside_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(monkeypatch, terminal=False)
    screen.watch()
    assert not re.search(r"[\x1b\r]", screen.getvalue())


def test_one_bar_covers_the_whole_run_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(monkeypatch, terminal=True)
    (task,) = screen.watch().bar.tasks
    assert (task.completed, task.total) == (10, 10)
    written = screen.getvalue()
    assert written.count("\n") == 1  # the bar is drawn over itself, and nothing else is written
    last = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", written).splitlines()[-1].split("\r")[-1]
    assert re.fullmatch(r"epoch 2/2 ━+ 100%  loss 8  val 7\.5 16 images/s 00:00", last.strip())


class TestTimeLimit:
    """A run of a hundred epochs of two minutes, 20 s of them training, which 130 s end in its second epoch."""

    @pytest.fixture
    def screen(self, monkeypatch: pytest.MonkeyPatch) -> Screen:
        """Takes a line after every batch."""
        monkeypatch.setattr("aectl.training.progress.PLAIN_SECONDS", 1.0)
        return Screen(monkeypatch, terminal=False)

    @pytest.fixture
    def shares(self, screen: Screen, monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, float]]:
        """The seconds since the start and the percentage whenever the bar is drawn."""
        found: list[tuple[float, float]] = []
        draw = ProgressBar._draw

        def recorded(self: ProgressBar, trainer: Trainer) -> None:
            draw(self, trainer)
            found.append((screen.clock.now - Clock.now, self.bar.tasks[0].percentage))

        monkeypatch.setattr(ProgressBar, "_draw", recorded)
        return found

    def test_time_left_is_what_the_limit_leaves(self, screen: Screen) -> None:
        screen.watch(epochs=100, limit="00:00:02:10")
        left = [re.search(r"  (\d+) s left$", line) for line in screen.getvalue().splitlines()]
        assert [int(found[1]) for found in left if found] == [126, 122, 118, 114, 110, 6, 2, 0, 0]

    def test_percentage_is_that_of_the_time(self, screen: Screen, shares: list[tuple[float, float]]) -> None:
        screen.watch(epochs=100, limit="00:00:02:10")
        assert [percentage for _, percentage in shares] == pytest.approx([min(100, time / 1.3) for time, _ in shares])
        assert [time for time, _ in shares] == [4, 8, 12, 16, 20, 124, 128, 132, 232]

    def test_last_epoch_is_the_one_that_the_limit_allows(self, screen: Screen) -> None:
        screen.watch(epochs=100, limit="00:00:02:10")
        first, *_, last = screen.getvalue().splitlines()
        assert first.startswith("epoch 1/~7 ")  # 4 seconds a batch; nothing is known of the validation yet
        assert last.startswith("epoch 2/~2 ")

    def test_limit_that_is_never_reached_changes_nothing(
        self, screen: Screen, shares: list[tuple[float, float]]
    ) -> None:
        screen.watch(epochs=2, limit="00:01:00:00")
        assert [percentage for _, percentage in shares] == [*range(10, 101, 10), 100]
        assert "~" not in screen.getvalue()

    def test_resumed_run_has_the_whole_limit_for_the_rest(
        self, screen: Screen, shares: list[tuple[float, float]]
    ) -> None:
        """Lightning counts the time from when the program starts, so the second half of the bar fills in them."""
        screen.watch(epochs=100, limit="00:00:02:10", start=50)
        assert [percentage for _, percentage in shares] == pytest.approx(
            [min(100, 50 + time / 2.6) for time, _ in shares]
        )
        first, *_, last = screen.getvalue().splitlines()
        assert first.startswith("epoch 51/~57 ")
        assert first.endswith(" 126 s left")
        assert last.startswith("epoch 52/~52 ")
        assert last.endswith(" 0 s left")


def test_restoring_task_shows_its_gain_after_a_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(monkeypatch, terminal=False)
    screen.watch(Restoring)
    shown = ["  val 7.5  psnr 23.4 dB (+7.5)  16 images/s" in line for line in screen.getvalue().splitlines()]
    assert shown == [False, True, True, True]


@pytest.mark.parametrize("width", [72, 80, 100])
def test_narrow_terminal_shows_psnr_and_time_left_whole(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(monkeypatch, terminal=True, width=width)
    screen.watch(Restoring)
    last = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", screen.getvalue()).splitlines()[-1].split("\r")[-1].rstrip()
    assert "100%  loss 8  val 7.5  psnr 23.4 dB (+7.5) " in last
    assert last.endswith(" 00:00")
    assert ("images/s" in last) == (width >= 100)


class TwoParts(Learner):
    """A VAE whose KL has the weight 10."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.model = SimpleNamespace(term_weights={"kl": 10.0}, term_units={}, discriminators=frozenset())

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        loss = super().training_step(batch, batch_idx)
        terms = {"nll": loss.detach() - 0.5, "kl": torch.tensor(0.05)}
        self.log_dict({f"train/{name}": term for name, term in terms.items()}, on_step=False, on_epoch=True)
        self.current = SimpleNamespace(terms={"loss": loss, **terms})
        return loss


def test_terms_of_the_loss_are_shown_with_their_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(monkeypatch, terminal=False)
    screen.watch(TwoParts)
    first, *_, last = screen.getvalue().splitlines()
    assert "  loss 3 = nll 2.5 + 10 x kl 0.05  " in first
    assert "  loss 8 = nll 7.5 + 10 x kl 0.05  val 7.5  " in last  # the means of the epoch


@pytest.mark.parametrize(("width", "terms", "speed"), [(120, True, True), (72, True, False), (56, False, False)])
def test_narrow_terminal_goes_without_speed_and_then_without_terms(
    width: int, terms: bool, speed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Screen(monkeypatch, terminal=True, width=width)
    screen.watch(TwoParts)
    last = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", screen.getvalue()).splitlines()[-1].split("\r")[-1].rstrip()
    assert ("loss 8 = nll 7.5 + 10 x kl 0.05  val 7.5 " in last, "images/s" in last) == (terms, speed)
    assert "loss 8" in last
    assert last.endswith(" 00:00")


def test_long_plain_line_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(monkeypatch, terminal=False, width=40)
    screen.watch(Restoring)
    assert all(line.startswith("epoch ") for line in screen.getvalue().splitlines())


def test_loss_of_psnr_has_its_sign() -> None:
    assert format_gain({"val/psnr": 12.0, "val/psnr_gain": -0.26}) == ["psnr 12.0 dB (-0.3)"]
    assert format_gain({"val/psnr": 12.0}) == []


@pytest.mark.parametrize(
    ("seconds", "shown"), [(None, "--:--"), (0.0, "00:00"), (125.0, "02:05"), (3_600.2, "1:00:01")]
)
def test_time_left_is_a_clock(seconds: float | None, shown: str) -> None:
    assert format_clock(seconds) == shown


def test_failed_run_shows_the_cursor_again(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(monkeypatch, terminal=True)
    with pytest.raises(RuntimeError, match="out of memory"):
        screen.watch(Failing)
    hidden, shown = screen.getvalue().rfind("\x1b[?25l"), screen.getvalue().rfind("\x1b[?25h")
    assert shown > hidden >= 0
