"""Health checks report models with a known problem, and no others."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from pytorch_lightning import Trainer
from torch import Tensor, nn

from aectl.data.loader import Batches
from aectl.data.source import Split
from aectl.evaluation.active_units import unit_variances
from aectl.example import Example
from aectl.modalities import Images
from aectl.models.ae import AE
from aectl.models.base import Autoencoder
from aectl.models.nets.mlp import MLP
from aectl.tasks.base import Task
from aectl.tasks.denoise import Denoise
from aectl.tasks.reconstruct import Reconstruct
from aectl.training.dead_weights import mark, still_marked
from aectl.training.health import HealthCheck
from aectl.training.health_checks import (
    constant_output,
    dead_codes,
    dead_weights,
    no_gain,
    posterior_collapse,
    saturated_discriminator,
    saturated_outputs,
)
from aectl.training.optimizers import AdamW
from aectl.training.schedules import Constant
from aectl.training.system import System
from tests.conftest import Aectl, run_folder
from tests.support.toy_models import bare_trainer, first, identity, last, linear_ae, linear_vae

pytestmark = [
    pytest.mark.filterwarnings("ignore:GPU available but not used"),
    pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec"),
]

SHAPE = (1, 4, 4)
SMALL = ("net=mlp", "net.hidden=[32]")


def codes(scales: list[float], n: int = 1000) -> Tensor:
    """Independent normal numbers with these standard deviations, (n, units)."""
    return torch.randn(n, len(scales), generator=torch.Generator().manual_seed(0)) * torch.tensor(scales)


@pytest.mark.parametrize(
    ("scales", "collapsed"),
    [
        ([0.0] * 16, True),
        ([0.05] * 16, True),
        ([1.0] + [0.01] * 15, False),
        ([1.0] * 3 + [0.01] * 61, True),
        ([1.0] * 4 + [0.01] * 60, False),
        ([0.2] * 16, False),
        ([0.05], True),
        ([1.0], False),
    ],
)
def test_posterior_has_collapsed_if_almost_no_mean_varies(scales: list[float], collapsed: bool) -> None:
    said = posterior_collapse(codes(scales) + 3)
    assert (said is not None) == collapsed
    if said:
        active = sum(scale > 0.1 for scale in scales)
        assert f"{len(scales) - active} of {len(scales)} latent dimensions" in said
        assert "lower model.beta" in said


@pytest.mark.parametrize(
    ("scales", "words"),
    [
        ([1e-3] * 8, None),
        ([1e4, 1e3] * 4, None),
        ([1.0] * 4 + [0.0] * 4, None),
        ([1.0] * 3 + [0.0] * 5, "5 of 8 latent dimensions (62%) are the same for every input"),
        ([1.0] * 3 + [1e-3] * 5, "5 of 8 latent dimensions (62%) are the same for every input"),
        ([0.0] * 8, "dead code: 8 of 8 latent dimensions (100%) are the same for every input; lower optimizer.lr"),
    ],
)
def test_codes_are_dead_if_most_dimensions_never_vary(scales: list[float], words: str | None) -> None:
    said = dead_codes(unit_variances(codes(scales)))
    assert said is None if words is None else words in cast(str, said)


def test_codebook_entries_that_are_never_chosen_are_dead() -> None:
    shares = torch.bincount(torch.tensor([0, 0, 3, 5]), minlength=8) / 4
    assert "5 of 8" in cast(str, dead_codes(shares))
    assert dead_codes(torch.full((8,), 1 / 8)) is None


class TestOutputs:
    """Pictures whose ailment is known."""

    GRAY = torch.rand(32, *SHAPE, generator=torch.Generator().manual_seed(0))

    def test_gray_pixels_that_come_out_black_and_white_are_saturated(self) -> None:
        assert "100% of the gray pixels" in cast(str, saturated_outputs(self.GRAY.round(), self.GRAY))
        assert saturated_outputs(torch.zeros_like(self.GRAY), self.GRAY)
        assert saturated_outputs((40 * (self.GRAY - 0.4)).sigmoid().round(decimals=4), self.GRAY) is None

    def test_outputs_of_black_and_white_targets_are_not_saturated(self) -> None:
        binary = self.GRAY.round()
        assert saturated_outputs(binary, binary) is None
        mostly = binary.flatten()
        mostly[:2] = 0.5  # of 512
        assert saturated_outputs(binary, mostly.view_as(binary)) is None

    def test_good_and_blurred_outputs_are_not_saturated(self) -> None:
        for output in (self.GRAY, 0.5 + 0.3 * (self.GRAY - 0.5), self.GRAY.mean(0).expand_as(self.GRAY)):
            assert saturated_outputs(output, self.GRAY) is None

    def test_mean_image_for_every_input_is_constant(self) -> None:
        mean = self.GRAY.mean(0).expand_as(self.GRAY)
        assert "the same for every input (its variance is 0.0%" in cast(str, constant_output(mean, self.GRAY))
        assert constant_output(mean + 0.05 * (self.GRAY - mean), self.GRAY)
        assert constant_output(mean + 0.15 * (self.GRAY - mean), self.GRAY) is None

    def test_constant_targets_are_not_reported(self) -> None:
        alike = self.GRAY[:1].expand_as(self.GRAY)
        assert constant_output(alike, alike) is None


@pytest.mark.parametrize(("loss", "wins"), [(0.0, True), (0.03, True), (0.06, False), (0.69, False), (3.0, False)])
def test_discriminator_is_saturated_if_it_is_almost_never_wrong(loss: float, wins: bool) -> None:
    said = saturated_discriminator("discriminator", loss)
    assert (said is not None) == wins
    line = f"discriminator is saturated (loss {loss:.2g}, chance 0.69): no useful gradient; give it a smaller net"
    assert not said or said.startswith(line)


def nothing(*of_hook: Any) -> None:
    """A hook that does nothing."""


class Adversarial(Autoencoder):
    """An autoencoder beside a player with a loss that is always the same."""

    def __init__(self, name: str, loss: float) -> None:
        super().__init__()
        self.name, self.score = name, loss
        self.discriminators = frozenset({name} - {"critic"})
        self.net, self.other = nn.Linear(16, 16), nn.Linear(1, 1)

    @property
    def latent_size(self) -> int:
        return 16

    @property
    def players(self) -> Mapping[str, list[nn.Parameter]]:
        return {"autoencoder": list(self.net.parameters()), self.name: list(self.other.parameters())}

    def loss(self, example: Example, player: str = "autoencoder") -> dict[str, Tensor]:
        if player == self.name:
            return {"loss": self.score + 0 * self.other.weight.sum()}
        return {"loss": (self.embed(example.input) - example.target.flatten(1)).square().sum(1).mean()}

    def reconstruct(self, input: Tensor, cond: Tensor | None = None) -> Tensor:
        return self.embed(input).view_as(input)

    def embed(self, input: Tensor, cond: Tensor | None = None) -> Tensor:
        return self.net(input.flatten(1))


def trained(
    model: Autoencoder,
    epochs: int,
    folder: Path,
    lr: float = 0.0,
    decay: float = 0.0,
    task: Task | None = None,
    check: HealthCheck | None = None,
) -> HealthCheck:
    """The callback after so many epochs; with a learning rate of next to 0 the model stays as it is."""
    check = check or HealthCheck(patience=3, n=64)
    split = Split(torch.rand(64, *SHAPE, generator=torch.Generator().manual_seed(0)))
    batches = Batches(split, 32, shuffle=False)
    adam = AdamW(lr or 1e-12, [0.9, 0.999], decay, players={})
    bare_trainer(
        epochs,
        callbacks=[check],
        default_root_dir=folder,
    ).fit(
        System(model, task or Reconstruct(), Images(SHAPE), dict.fromkeys(model.players, adam), Constant(), None, 0),
        batches,
        batches,
    )
    return check


def thawed(model: AE) -> AE:
    """The model ready to be trained, which blank ones are not."""
    last(model).bias.data.fill_(0.5)  # neither black nor white
    return model.requires_grad_(True).train()


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (lambda: linear_vae(SHAPE, 5, identity()), "posterior collapse: 5 of 5 latent dimensions"),
        (lambda: linear_ae(SHAPE, 5), "dead code: 5 of 5 latent dimensions"),
    ],
)
def test_each_problem_is_reported_once_after_three_validations(
    model: Any, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained(thawed(model()), 2, tmp_path)
    assert capsys.readouterr().err == ""
    trained(thawed(model()), 6, tmp_path)
    (line,) = (line for line in capsys.readouterr().err.splitlines() if words in line)
    assert line.startswith("aectl train: epoch 3: ")


def test_decoder_that_ignores_an_active_code_is_reported_as_constant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = linear_ae(SHAPE, 5)
    first(model).weight.copy_(torch.eye(5, 16))
    trained(thawed(model), 3, tmp_path)
    assert "constant output: the same for every input" in capsys.readouterr().err
    last(model).weight.data.copy_(torch.eye(16, 5))
    trained(thawed(model), 3, tmp_path, lr=1e-5)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("name", "loss", "said"),
    [
        ("discriminator", 0.01, True),
        ("latent_discriminator", 0.01, True),
        ("discriminator", 1.3, False),
        ("critic", 0.01, False),  # of Wasserstein's distance: near 0 is what it should be
    ],
)
def test_saturated_discriminator_is_reported_once(
    name: str, loss: float, said: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained(Adversarial(name, loss), 5, tmp_path, lr=1e-3)
    assert capsys.readouterr().err.count(f"{name} is saturated (loss 0.01, chance 0.69): no useful gradient") == said


@pytest.mark.parametrize(("gain", "reported"), [(-3.0, True), (0.0, True), (0.04, True), (0.06, False), (9.0, False)])
def test_gain_of_less_than_a_twentieth_of_a_decibel_is_none(gain: float, reported: bool) -> None:
    line = f"no gain over the input yet: val/psnr_gain is {gain:.2f} dB, expected more than 0.05. Train on."
    assert no_gain(gain, "Train on.") == (line if reported else None)
    assert no_gain(float("nan"), "") is None


def test_denoiser_that_does_not_beat_its_input_is_reported_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, denoise = "no gain over the input yet: val/psnr_gain is -", Denoise(0.01, 0.0, clip=True)
    trained(thawed(linear_ae(SHAPE, 5)), 2, tmp_path, task=denoise)
    assert words not in capsys.readouterr().err
    trained(thawed(linear_ae(SHAPE, 5)), 5, tmp_path, task=denoise)
    (line,) = (line for line in capsys.readouterr().err.splitlines() if words in line)
    assert line.startswith("aectl train: epoch 3: ")
    assert "net=residual" in line
    trained(thawed(linear_ae(SHAPE, 5)), 3, tmp_path)  # reconstructs
    assert words not in capsys.readouterr().err


def test_first_negative_loss_is_explained_once(capsys: pytest.CaptureFixture[str]) -> None:
    check, system = HealthCheck(patience=3, n=64), SimpleNamespace(model=thawed(linear_ae(SHAPE, 5)))
    for epoch, nll in enumerate((2.0, -1.0, -2.0)):
        trainer = SimpleNamespace(callback_metrics={"train/nll": torch.tensor(nll)}, current_epoch=epoch)
        check.on_train_epoch_end(cast(Trainer, trainer), cast(Any, system))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("aectl train: epoch 2: the loss may fall below 0: nll is minus a log density")


class TestDeadWeights:
    """Weights that no gradient reaches."""

    def mlp(self, bias: float = 0.0) -> AE:
        """An autoencoder whose first rectifiers are all off under a large negative bias."""
        torch.manual_seed(0)
        model = AE(SHAPE, SHAPE, 3, MLP([8]), identity())
        if bias:
            first(model).bias.data.fill_(bias)
        return model

    def test_weights_before_dead_rectifiers_are_reported_once(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        trained(self.mlp(-1e6), 2, tmp_path, lr=1e-3)
        assert "dead layers" not in capsys.readouterr().err
        trained(self.mlp(-1e6), 5, tmp_path, lr=1e-3)
        (line,) = (line for line in capsys.readouterr().err.splitlines() if "dead layers" in line)
        assert line == (
            "aectl train: epoch 3: dead layers: 2 of 4 weight tensors have not moved since the start "
            "(encoder.1.weight, encoder.3.weight); lower optimizer.lr or use another seed, and train again"
        )

    def test_weights_that_only_decay_have_a_gradient_of_0(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        trained(self.mlp(-1e6), 3, tmp_path, lr=1e-3, decay=0.1)
        assert "2 of 4 weight tensors get a gradient of exactly 0 (encoder.1.weight, " in capsys.readouterr().err

    def test_living_and_frozen_weights_are_not_reported(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        frozen = self.mlp()
        first(frozen).requires_grad_(False)
        for model in (self.mlp(), frozen):
            assert trained(model, 4, tmp_path, lr=1e-3).unmoved == {}
        assert "dead layers" not in capsys.readouterr().err

    def test_resumed_run_still_knows_the_weights_at_the_start(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        model = self.mlp(-1e6)
        before = trained(model, 2, tmp_path, lr=1e-3)
        assert before.unmoved is not None
        assert before.unmoved.keys() == {"encoder.1.weight", "encoder.3.weight"}
        after = HealthCheck(patience=3, n=64)
        after.load_state_dict(before.state_dict())
        first(model).weight.data.mul_(2)
        trained(model, 1, tmp_path, lr=1e-3, check=after)
        assert after.unmoved is not None
        assert after.unmoved.keys() == {"encoder.3.weight"}
        assert "dead layers: 2 of 4 weight tensors get a gradient of exactly 0" in capsys.readouterr().err

    def test_state_of_a_version_without_this_check_is_taken(self) -> None:
        check = HealthCheck(patience=3, n=64)
        check.load_state_dict({"in_a_row": {}, "said": []})
        assert check.unmoved is None

    def test_change_of_one_number_is_noticed(self) -> None:
        weights = dict(nn.Sequential(nn.Linear(500, 500), nn.Linear(5, 5)).named_parameters())
        marks = mark(weights)
        assert still_marked(weights, marks) == marks
        weights["0.weight"].data[7, 7] += 0.01
        assert still_marked(weights, marks).keys() == weights.keys() - {"0.weight"}
        assert mark({}) == {}

    def test_only_the_first_names_are_given(self) -> None:
        assert "5 of 9 weight tensors have not moved since the start (a, b, c, ...);" in cast(
            str, dead_weights(list("abcde"), 9, have_moved=False)
        )
        assert dead_weights([], 9, have_moved=False) is None


def test_resumed_run_does_not_repeat_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = trained(thawed(linear_ae(SHAPE, 5)), 3, tmp_path)
    capsys.readouterr()
    after = HealthCheck(patience=3, n=64)
    after.load_state_dict(before.state_dict())
    trainer = SimpleNamespace(current_epoch=4)
    after._report(cast(Trainer, trainer), "code", "dead")
    assert capsys.readouterr().err == ""
    after._report(cast(Trainer, trainer), "saturated", None)
    for _ in range(3):
        after._report(cast(Trainer, trainer), "saturated", "black and white")
    assert capsys.readouterr().err == "aectl train: epoch 5: black and white\n"


def test_problem_that_comes_and_goes_is_not_reported(capsys: pytest.CaptureFixture[str]) -> None:
    check = HealthCheck(patience=2, n=64)
    for line in ("ill", None, "ill", None, "ill"):
        check._report(cast(Trainer, SimpleNamespace(current_epoch=0)), "code", line)
    assert capsys.readouterr().err == ""


def test_health_check_does_not_change_the_training(tmp_path: Path) -> None:
    def weights(patience: int) -> list[Tensor]:
        torch.manual_seed(0)
        model = AE(SHAPE, SHAPE, 3, MLP([8]), identity())
        with pytest.MonkeyPatch.context() as patch:
            if not patience:
                patch.setattr(HealthCheck, "on_validation_epoch_end", nothing)
            trained(model, 3, tmp_path, lr=1e-2)
        return [p.detach() for p in model.parameters()]

    assert all(torch.equal(a, b) for a, b in zip(weights(3), weights(0), strict=True))


class TestTrain:
    """`aectl train`."""

    def test_collapse_is_logged_too_and_can_be_silenced(self, aectl: Aectl) -> None:
        collapse = (*SMALL, "model.beta=1000", "trainer.max_epochs=5")
        result = aectl("train", *collapse)
        words = "16 of 16 latent dimensions (100%) equal the prior"
        assert result.err.count(words) == 1
        assert words in (run_folder(result) / "train.log").read_text()
        assert words not in aectl("train", *collapse, "callbacks.diagnosis=null").err

    def test_healthy_training_gets_no_report(self, aectl: Aectl) -> None:
        for model in ("ae", "vae", "beta_vae"):
            result = aectl("train", f"model={model}", *SMALL, "trainer.max_epochs=5")
            assert "aectl train:" not in result.err
