"""VAE-GAN: the loss in the features of a discriminator, and who learns from which loss."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal
from torch.nn import functional as F

from aectl.data.digits import Digits
from aectl.errors import UserError
from aectl.example import Example
from aectl.models.adversarial.discriminator import FeatureDiscriminator
from aectl.models.adversarial.vae_gan import VAEGAN
from aectl.models.nets.mlp import MLP
from aectl.models.probability.likelihoods import Gaussian
from aectl.rng import seeded_rng

SHAPE = (1, 8, 8)
CHANCE = math.log(2)


def vae_gan(beta: float = 1.0, gamma: float = 1.0, layer: int = 2, learn_scale: bool = True) -> VAEGAN:
    torch.manual_seed(0)
    likelihood = Gaussian(0.1, learn_scale)
    return VAEGAN(SHAPE, SHAPE, 2, beta, gamma, [4, 6, 8], layer, 0, MLP([32]), likelihood)


@pytest.fixture(scope="module")
def digits() -> Tensor:
    return Digits().split("train").x[:512] / 255


@pytest.fixture
def example(digits: Tensor) -> Example:
    return Example(digits[:16], digits[:16])


def with_seed(model: VAEGAN, example: Example, player: str = "autoencoder") -> dict[str, Tensor]:
    with seeded_rng(1, torch.device("cpu")):
        return model.loss(example, player)


def layer_by_layer(discriminator: FeatureDiscriminator, x: Tensor, layers: int) -> Tensor:
    for block in discriminator.layers[:layers]:
        conv = block.get_submodule("0")
        assert isinstance(conv, nn.Conv2d)
        h = F.conv2d(x, conv.weight, conv.bias, stride=2, padding=1)
        centered = h - h.mean((1, 2, 3), keepdim=True)
        h = centered / (centered.square().mean((1, 2, 3), keepdim=True) + 1e-5).sqrt()
        x = torch.where(h > 0, h, 0.2 * h)
    return x.flatten(1)


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_features_are_the_output_of_the_chosen_layer(layer: int, example: Example) -> None:
    discriminator = vae_gan(layer=layer).discriminator
    found = discriminator.features(example.input)
    torch.testing.assert_close(found, layer_by_layer(discriminator, example.input, layer), atol=1e-4, rtol=1e-4)
    assert found.shape == (16, [4 * 16, 6 * 4, 8][layer - 1])


def test_feature_loss_is_the_nll_of_a_unit_normal_without_its_constant(example: Example) -> None:
    model, output = vae_gan(), torch.rand_like(example.target)
    real, own = model.discriminator.features(example.target), model.discriminator.features(output)
    nll = -Normal(own, 1.0).log_prob(real).sum(1)
    constant = 0.5 * real.shape[1] * math.log(2 * math.pi)
    torch.testing.assert_close(model.feature_loss(example, output), nll - constant, atol=1e-4, rtol=1e-4)


def test_loss_of_the_encoder_is_that_of_the_features_and_the_kl_but_not_of_the_pixels(example: Example) -> None:
    terms = with_seed(vae_gan(beta=3.0), example)
    assert set(terms) == {"loss", "features", "kl", "nll"}
    torch.testing.assert_close(terms["loss"], terms["features"] + 3 * terms["kl"])
    assert terms["features"] > 1


def test_loss_of_the_decoder_weighs_the_features_against_the_discriminator(example: Example) -> None:
    terms = with_seed(vae_gan(gamma=0.3), example, "decoder")
    torch.testing.assert_close(terms["loss"], 0.3 * terms["features"] + terms["adversarial"])


def test_pixels_without_weight_change_no_features(example: Example) -> None:
    model, weight = vae_gan(), torch.zeros(16, *SHAPE)
    weight[..., :4] = 1
    weighted = Example(example.input, example.target, None, weight)
    output = torch.rand_like(example.target)
    elsewhere = torch.where(weight > 0, output, torch.rand_like(output))
    torch.testing.assert_close(model.feature_loss(weighted, output), model.feature_loss(weighted, elsewhere))
    assert not torch.allclose(model.feature_loss(weighted, output), model.feature_loss(example, output))


def test_no_loss_reaches_a_part_that_it_is_not_meant_for(example: Example) -> None:
    reached = {}
    for player in ("encoder", "decoder", "discriminator", "likelihood"):
        model = vae_gan()
        model.loss(example, player)["loss"].backward()
        reached[player] = {name for name, part in model.named_children() if touched(part)}
        assert touched(model.get_submodule(player))
    assert "encoder" not in reached["decoder"] | reached["discriminator"]
    assert reached["discriminator"] == {"discriminator"}
    assert "likelihood" not in reached["encoder"] | reached["decoder"]


def touched(part: nn.Module) -> bool:
    return any(weight.grad is not None and weight.grad.any() for weight in part.parameters())


def test_every_weight_has_one_player() -> None:
    model = vae_gan()
    weights = [id(weight) for its in model.players.values() for weight in its]
    assert sorted(weights) == sorted(map(id, model.parameters()))
    assert list(model.players) == ["encoder", "decoder", "discriminator", "likelihood"]
    assert list(vae_gan(learn_scale=False).players) == ["encoder", "decoder", "discriminator"]


def test_discriminator_that_cannot_tell_is_at_chance(example: Example) -> None:
    model = vae_gan()
    for weight in model.discriminator.last.requires_grad_(False).parameters():
        weight.zero_()
    assert model.loss(example, "discriminator")["loss"].item() == pytest.approx(CHANCE)
    assert model.loss(example, "decoder")["adversarial"].item() == pytest.approx(CHANCE)


def test_discriminator_of_a_frozen_decoder_is_better_than_chance(digits: Tensor) -> None:
    model = vae_gan()
    before = {name: weight.clone() for name, weight in model.decoder.state_dict().items()}
    optimizer = torch.optim.Adam(model.players["discriminator"], 2e-3, (0.5, 0.999))
    for step in range(60):
        x = digits[torch.randint(512, (32,), generator=torch.Generator().manual_seed(step))]
        loss = model.loss(Example(x, x), "discriminator")["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.5 * CHANCE
    assert all(torch.equal(before[name], weight) for name, weight in model.decoder.state_dict().items())


def test_vectors_have_features_too() -> None:
    x = torch.rand(3, 7)
    model = VAEGAN((7,), (7,), 2, 1.0, 1.0, [5, 4], 1, 0, MLP([8]), Gaussian(0.1, learn_scale=False))
    assert model.discriminator.features(x).shape == (3, 5)
    assert all(torch.isfinite(model.loss(Example(x, x), player)["loss"]) for player in model.players)


def test_layer_that_the_discriminator_lacks_is_refused() -> None:
    with pytest.raises(UserError, match=r"model.layer=4: the discriminator has 3 layers; expected at most that"):
        vae_gan(layer=4)
