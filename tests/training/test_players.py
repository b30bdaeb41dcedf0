"""Models of several players: their losses on the bar, their own optimizer settings, gradients that are accumulated."""

import csv
import math
import re
from pathlib import Path

import pytest
import torch
from torch import Tensor

from aectl.data.loader import Batches
from aectl.data.source import Split
from aectl.example import Example
from aectl.trackers.tensorboard import beside_chance
from tests.conftest import QUICK, Aectl, run_folder
from tests.support.kill_and_resume import differences
from tests.support.short_runs import SMALL, on_step, position, press
from tests.support.toy_models import bare_trainer
from tests.training.test_system import Duel, Solo, system, weights

pytestmark = [
    pytest.mark.filterwarnings("ignore:GPU available but not used"),
    pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec"),
]

ADVERSARIAL = ("model=ae", "model._target_=tests.support.toy_adversary.Adversarial", "net=mlp", "net.hidden=[16]")


class Strangers(Duel):
    """Two players who do not depend on each other, so that it does not matter who steps first."""

    def loss(self, example: Example, player: str = "autoencoder") -> dict[str, Tensor]:
        part = self.net if player == "autoencoder" else self.critic
        return {"loss": 100 * part(example.input.flatten(1)).square().mean()}


def trained(model: Solo, batch_size: int, accumulate: int, clip: float | None = None) -> dict[str, Tensor]:
    """The weights after two epochs of eight examples."""
    torch.manual_seed(0)
    model.apply(lambda part: part.reset_parameters() if isinstance(part, torch.nn.Linear) else None)
    examples = Split(torch.rand(8, 1, 4, 4, generator=torch.Generator().manual_seed(0)))
    train = Batches(examples, batch_size, shuffle=False)
    automatic = len(model.players) == 1
    trainer = bare_trainer(2, accumulate_grad_batches=accumulate if automatic else 1)
    trainer.fit(system(model, lr=1e-3, clip=clip, accumulate=accumulate), train, train)
    return weights(model)


@pytest.mark.parametrize("clip", [None, 0.1])
@pytest.mark.parametrize("model", [Solo, Strangers])
def test_accumulated_batches_give_the_step_of_one_large_batch(model: type[Solo], clip: float | None) -> None:
    whole = trained(model(), 4, 1, clip)
    for batch_size, accumulate in ((2, 2), (1, 4)):
        parts = trained(model(), batch_size, accumulate, clip)
        for name, value in whole.items():
            torch.testing.assert_close(parts[name], value, rtol=1e-4, atol=1e-6)
    assert not torch.equal(trained(model(), 2, 1, clip)["net.weight"], whole["net.weight"])


def test_accumulated_gradients_of_two_players_survive_a_stop(aectl: Aectl, monkeypatch: pytest.MonkeyPatch) -> None:
    halves = (*ADVERSARIAL, *SMALL[2:], "trainer.max_epochs=2", "trainer.accumulate_grad_batches=4")
    with monkeypatch.context() as patch:
        on_step(patch, 6, press())
        assert aectl("train", *halves, "hydra.run.dir=run", "trust=true").status == 130
    assert position("run") == (0, 8)
    assert aectl("train", "resume=run", "trust=true").status == 0
    assert aectl("train", *halves, "hydra.run.dir=whole").status == 0
    assert torch.load("run/checkpoints/last.ckpt", weights_only=True)["global_step"] == 2 * 2 * 4
    assert differences(Path("whole"), Path("run")) == []


def test_bar_shows_the_loss_of_every_player(aectl: Aectl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aectl.training.progress.PLAIN_SECONDS", 0.0)
    result = aectl("train", *ADVERSARIAL, *QUICK)
    lines = [line for line in result.err.splitlines() if line.startswith("epoch")]
    assert len(lines) == 3  # two batches and the end
    assert all("  autoencoder " in line and "  critic 0." in line for line in lines)
    assert "nan" not in result.err


def test_chance_stands_beside_the_loss_of_a_discriminator(aectl: Aectl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aectl.training.progress.PLAIN_SECONDS", 0.0)
    result = aectl("train", "model=aae", "net=mlp", "net.hidden=[16]", "tracker=[csv,tensorboard]", *QUICK)
    lines = [line for line in result.err.splitlines() if line.startswith("epoch")]
    assert all(re.search(r"  discriminator 0\.\d+ \(chance 0\.693\)  encoder ", line) for line in lines)
    assert re.search(r"best val/loss [\d.]+ nats, discriminator 0\.\d+ \(chance 0\.693\) · ", result.out)
    run = run_folder(result)
    with (run / "metrics.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert float(row["train/discriminator/chance"]) == pytest.approx(math.log(2))
    assert "val/discriminator/chance" not in row


def test_a_chart_shows_a_discriminator_with_its_chance_level() -> None:
    (chart,) = beside_chance({"discriminator"})["discriminators"].values()
    curves = ("discriminator/loss/train", "discriminator/chance/train", "autoencoder/loss/train")
    assert [bool(re.match(chart[1][0], tag)) for tag in curves] == [True, True, False]
    assert beside_chance(set()) == {}


def test_gradients_of_players_who_share_weights_are_not_accumulated(aectl: Aectl, tmp_path: Path) -> None:
    result = aectl("train", "model=aae", *QUICK, "trainer.accumulate_grad_batches=4")
    assert result.status == 2
    assert result.err == (
        "aectl train: trainer.accumulate_grad_batches=4: the players autoencoder and encoder of AAE share weights, so "
        "that their gradients would mix; expected 1; for larger steps set data.batch_size\n"
    )
    assert not list(tmp_path.iterdir())


def rates(run: Path) -> list[float]:
    """The initial learning rate of each optimizer."""
    states = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["optimizer_states"]
    return [group["initial_lr"] for state in states for group in state["param_groups"]]


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_player_can_have_its_own_settings(optimizer: str, aectl: Aectl) -> None:
    shared = (*ADVERSARIAL, *QUICK, f"optimizer={optimizer}", "optimizer.lr=0.01")
    assert rates(run_folder(aectl("train", *shared))) == [0.01, 0.01]
    run = run_folder(aectl("train", *shared, "optimizer.players.critic.lr=0.002"))
    assert rates(run) == [0.01, 0.002]
    assert "    critic:\n      lr: 0.002\n" in (run / "config.yaml").read_text()


def test_settings_of_players_can_be_swept(aectl: Aectl) -> None:
    result = aectl("train", "-m", *ADVERSARIAL, *QUICK, "optimizer.players.critic.lr=0.01,0.02", "hydra.sweep.dir=s")
    assert result.status == 0
    runs = [path.parent for path in Path("s").glob("*/summary.json")]
    assert sorted(rates(run)[1] for run in runs) == [0.01, 0.02]


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        (
            "optimizer.players.critik.lr=1",
            "optimizer.players.critik: Adversarial has no such player; expected one of autoencoder, critic; "
            "did you mean critic?",
        ),
        ("optimizer.players.critic.lr=-1", "optimizer.players.critic.lr=-1: expected "),
        ("optimizer.players.critic.rate=1", "optimizer.players.critic.rate=1: unknown parameter of AdamW"),
        ("optimizer.players.critic=1", "optimizer.players={'critic': 1}: expected a dictionary"),
    ],
)
def test_settings_of_players_are_checked_before_anything_is_written(
    given: str, refusal: str, aectl: Aectl, tmp_path: Path
) -> None:
    result = aectl("train", *ADVERSARIAL, *QUICK, given)
    assert result.status == 2
    assert result.err.startswith(f"aectl train: {refusal}")
    assert result.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_nonfinite_gradient_is_reported_with_the_rate_of_its_player(aectl: Aectl) -> None:
    result = aectl("train", *ADVERSARIAL, "optimizer.players.autoencoder.lr=1e18", "trainer.max_epochs=1")
    assert result.status == 1
    assert "the gradient of critic.weight (its norm is inf) at epoch 1, step 1 of 41, player critic" in result.err
    assert "try optimizer.players.critic.lr=0.0004, trainer.gradient_clip_val=1" in result.err
