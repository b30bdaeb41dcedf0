"""Models whose codes are matched to a prior: their losses, who moves whom, and what the codes come to."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from aectl.data.digits import Digits
from aectl.evaluation.sample_quality import frechet
from aectl.example import Example
from aectl.models.adversarial.aae import AAE
from aectl.models.adversarial.discriminator import discrimination_loss, generator_loss
from aectl.models.adversarial.swae import SWAE
from aectl.models.adversarial.wae_gan import WAEGAN
from aectl.models.adversarial.wae_mmd import WAEMMD
from aectl.models.ae import AE
from aectl.models.nets.mlp import MLP
from aectl.models.prior_ae import PriorAE
from aectl.models.probability.likelihoods import Bernoulli
from aectl.models.probability.mmd import imq, mmd
from aectl.models.probability.sliced_wasserstein import sliced_wasserstein
from tests.models.test_contract import composed

SHAPE = (1, 8, 8)
CHANCE = math.log(2)
STEPS = 100


def aae(latent_dim: int = 2) -> AAE:
    torch.manual_seed(0)
    return AAE(SHAPE, SHAPE, latent_dim, discriminator=[32], net=MLP([32]), likelihood=Bernoulli())


@pytest.fixture(scope="module")
def digits() -> Tensor:
    return Digits().split("train").x[:512] / 255


def batch(x: Tensor, step: int, n: int = 64) -> Example:
    chosen = x[torch.randint(len(x), (n,), generator=torch.Generator().manual_seed(step))]
    return Example(chosen, chosen)


def train(model: AE, x: Tensor, steps: int, players: tuple[str, ...], lr: float = 2e-3) -> dict[str, float]:
    """Lets the players learn in turn; the losses of the last step."""
    optimizers = {player: torch.optim.Adam(model.players[player], lr, (0.5, 0.999)) for player in players}
    losses = {}
    for step in range(steps):
        for player, optimizer in optimizers.items():
            model.zero_grad()
            loss = model.loss(batch(x, step), player)["loss"]
            loss.backward()
            optimizer.step()
            losses[player] = loss.item()
    return losses


def test_losses_of_both_sides_are_the_cross_entropy_of_their_decisions() -> None:
    real, fake = torch.randn(2, 50, generator=torch.Generator().manual_seed(0))
    both, kinds = torch.cat([real, fake]), torch.cat([torch.ones(50), torch.zeros(50)])
    expected = F.binary_cross_entropy_with_logits(both, kinds)
    torch.testing.assert_close(discrimination_loss(real, fake), expected)
    torch.testing.assert_close(generator_loss(fake), -fake.sigmoid().log().mean())


@pytest.mark.parametrize("loss", [lambda h: discrimination_loss(h, h), generator_loss])
def test_chance_is_log_2_for_both_sides(loss: Callable[[Tensor], Tensor]) -> None:
    assert loss(torch.zeros(3)).item() == pytest.approx(CHANCE)


def test_a_player_moves_its_own_weights_alone(digits: Tensor) -> None:
    model = aae()
    parts = {"encoder": model.encoder, "decoder": model.decoder, "discriminator": model.discriminator}
    reached = {}
    for player, weights in model.players.items():
        model.zero_grad(set_to_none=True)
        model.loss(batch(digits, 0), player)["loss"].backward()
        own = {id(weight) for weight in weights}
        reached[player] = {
            name for name, part in parts.items() if any(p.grad is not None and id(p) in own for p in part.parameters())
        }
    assert reached == {
        "autoencoder": {"encoder", "decoder"},
        "discriminator": {"discriminator"},
        "encoder": {"encoder"},
    }


def test_the_discriminator_does_not_move_the_encoder(digits: Tensor) -> None:
    model = aae()
    model.loss(batch(digits, 0), "discriminator")["loss"].backward()
    assert all(weight.grad is None for weight in model.encoder.parameters())


def test_discriminator_of_a_frozen_encoder_is_better_than_chance(digits: Tensor) -> None:
    model = aae()
    before = {name: weight.clone() for name, weight in model.encoder.state_dict().items()}
    losses = train(model, digits, 100, ("discriminator",), lr=1e-2)
    assert losses["discriminator"] < 0.5 * CHANCE
    assert all(torch.equal(before[name], weight) for name, weight in model.encoder.state_dict().items())


def with_net(model: type[PriorAE], **own: Any) -> PriorAE:
    torch.manual_seed(0)
    return model(SHAPE, SHAPE, latent_dim=2, net=MLP([32]), likelihood=Bernoulli(), **own)


MATCHED: dict[str, Callable[[], PriorAE]] = {
    "aae": aae,
    "wae_gan": lambda: with_net(WAEGAN, discriminator=[32], adversarial_weight=30.0),
    "wae_mmd": lambda: with_net(WAEMMD, mmd_weight=1000.0),
    "swae": lambda: with_net(SWAE, sw_weight=100.0, projections=50),
}


@pytest.fixture(scope="module")
def distance_of_unmatched_codes(digits: Tensor) -> float:
    model = with_net(PriorAE)
    train(model, digits, STEPS, ("autoencoder",))
    return distance_from_prior(model, digits)


def distance_from_prior(model: PriorAE, x: Tensor) -> float:
    """The Frechet distance of all codes from N(0, I)."""
    return frechet(model.embed(x).detach().numpy(), model.prior(2000).sample().numpy())


@pytest.mark.parametrize("name", MATCHED)
def test_codes_come_to_follow_the_prior(name: str, digits: Tensor, distance_of_unmatched_codes: float) -> None:
    model = MATCHED[name]()
    before = model.loss(batch(digits, 0))["nll"]
    steps = 4 * STEPS if name == "aae" else STEPS  # it begins by moving away
    losses = train(model, digits, steps, tuple(model.players))
    assert distance_from_prior(model, digits) < 0.5 * distance_of_unmatched_codes
    assert model.loss(batch(digits, 0))["nll"] < before - 5
    assert name != "aae" or losses["discriminator"] == pytest.approx(CHANCE, abs=0.1)


def test_loss_of_wae_mmd_is_the_nll_and_the_weighted_discrepancy(digits: Tensor) -> None:
    model, example = with_net(WAEMMD, mmd_weight=70.0), batch(digits, 0)
    torch.manual_seed(1)
    terms = model.loss(example)
    torch.manual_seed(1)
    drawn = model.prior(len(example.input)).sample()
    expected = mmd(model.embed(example.input), drawn, imq)
    torch.testing.assert_close(terms["mmd"], expected)
    torch.testing.assert_close(terms["loss"], AE.loss(with_net(PriorAE), example)["nll"] + 70 * expected)


def test_loss_of_wae_gan_is_the_nll_and_the_weighted_loss_of_the_generator(digits: Tensor) -> None:
    model = MATCHED["wae_gan"]()
    assert isinstance(model, WAEGAN)
    example = batch(digits, 0)
    terms = model.loss(example)
    expected = generator_loss(model.discriminator(model.embed(example.input)))
    torch.testing.assert_close(terms["adversarial"], expected)
    torch.testing.assert_close(terms["loss"], terms["nll"] + 30 * expected)
    assert {*model.players} == {"autoencoder", "discriminator"}


def test_sliced_distance_of_shifted_gaussians_is_the_square_of_the_shift_on_each_line() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(2, 4_000, 3, dtype=torch.float64)
    shift = torch.tensor([2.0, 0.0, -1.0], dtype=torch.float64)
    moved = sliced_wasserstein(x, x + shift, projections=200)
    assert moved == pytest.approx(float(shift.square().sum()) / 3, rel=0.15)  # E[(theta . m)^2] = |m|^2 / D
    line = sliced_wasserstein(x[:, :1], y[:, :1] + 2, projections=1)
    assert line == pytest.approx(4.0, rel=0.05)  # W2 of N(0, 1) and N(m, 1) is m
    assert sliced_wasserstein(x[:, :1], 3 * y[:, :1], projections=1) == pytest.approx((3 - 1) ** 2, rel=0.1)
    assert sliced_wasserstein(x, y, projections=50) < 5e-3


def test_sliced_distance_does_not_depend_on_the_order_of_the_points() -> None:
    x = torch.randn(64, 4)
    assert sliced_wasserstein(x, x[torch.randperm(64)], projections=10) == pytest.approx(0.0, abs=1e-10)


def test_a_single_example_has_a_finite_loss() -> None:
    x = torch.rand(1, *SHAPE)
    for build in MATCHED.values():
        assert build().loss(Example(x, x))["loss"].isfinite()


@pytest.mark.parametrize("dataset", ["digits", "fashion_mnist", "photos"])
def test_the_encoder_of_an_aae_takes_smaller_steps_against_the_discriminator_than_to_reconstruct(dataset: str) -> None:
    optimizer = composed(f"dataset={dataset}", model="aae").optimizer
    assert optimizer.players.encoder.lr < optimizer.lr
