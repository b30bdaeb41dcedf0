"""The ELBO, its terms and their weights, on models small enough for an exact answer."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Distribution, MultivariateNormal

from aectl.example import Example
from aectl.models.ae import AE
from aectl.models.base import NotGenerativeError
from aectl.models.nets.base import Net
from aectl.models.nets.conv import Conv
from aectl.models.nets.mlp import MLP
from aectl.models.probability.distributions import normal, standard_normal
from aectl.models.probability.divergences import kl
from aectl.models.probability.likelihoods import Gaussian
from aectl.models.vae import VAE
from aectl.models.variational.lesson import LessonVAE
from aectl.types import Shape

SHAPE = (2, 8, 8)
NETS: dict[str, Net] = {
    "mlp": MLP(hidden=[16, 8]),
    "vector": Conv(channels=[4, 8], hidden=16, latent="vector"),
    "grid": Conv(channels=[4, 8], hidden=16, latent="grid"),
}


class Linear(Net):
    def latent_shape(self, shape: Shape, features: int) -> Shape:
        return (features,)

    def encoder(self, shape: Shape, features: int, params: int = 1) -> nn.Module:
        return nn.Linear(shape[0], params * features)

    def decoder(self, features: int, input_shape: Shape, shape: Shape) -> nn.Module:
        return nn.Linear(features, shape[0])


class Unsquashed(Gaussian):
    """A Gaussian with an identity link, so that the mean of p(x|z) is linear in z."""

    def forward(self, h: Tensor) -> Distribution:
        return normal(h, self.log_scale.exp().expand_as(h))


class LinearGaussian:
    r"""x = W z + b + s eps with orthogonal columns in W; its marginal and posterior are Gaussians in closed form.

    p(x) = N(b, W W^T + s^2 I), p(z|x) = N(S W^T (x - b) / s^2, S) with diagonal S = (I + W^T W / s^2)^-1
    """

    def __init__(self) -> None:
        self.scale = 0.6
        self.w = torch.linalg.qr(torch.randn(5, 2))[0] * torch.tensor([1.5, 0.4])  # (D, K)
        self.b = torch.randn(5)
        self.x = torch.randn(5)
        self.covariance = 1 / (1 + self.w.square().sum(0) / self.scale**2)  # (K,)
        self.gain = self.covariance[:, None] * self.w.T / self.scale**2  # (K, D)

    @property
    def log_p(self) -> float:
        marginal = MultivariateNormal(self.b, self.w @ self.w.T + self.scale**2 * torch.eye(5))
        return marginal.log_prob(self.x).item()

    def vae(self) -> VAE:
        model = VAE((5,), (5,), 2, 1.0, 0, Linear(), Unsquashed(self.scale, learn_scale=False))
        with torch.no_grad():
            model.decoder.weight.copy_(self.w)
            model.decoder.bias.copy_(self.b)
            model.encoder.weight.copy_(torch.cat([self.gain, torch.zeros(2, 5)]))
            model.encoder.bias.copy_(torch.cat([-self.gain @ self.b, self.covariance.log()]))
        return model

    def negative_elbo(self, model: VAE) -> float:
        x = self.x.expand(100_000, -1)
        with torch.no_grad():
            return model.loss(Example(x, x))["loss"].item()


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def vae(net: str = "mlp", beta: float = 1.0, warmup_epochs: float = 0, kind: type[VAE] = VAE) -> VAE:
    return kind(SHAPE, SHAPE, 3, beta, warmup_epochs, NETS[net], Gaussian(scale=0.1, learn_scale=True))


def ae(net: str = "mlp") -> AE:
    return AE(SHAPE, SHAPE, 3, NETS[net], Gaussian(scale=0.1, learn_scale=True))


def example(n: int = 6) -> Example:
    return Example(torch.rand(n, *SHAPE), torch.rand(n, *SHAPE))


def test_elbo_equals_the_log_likelihood_with_the_exact_posterior() -> None:
    known = LinearGaussian()
    assert -known.negative_elbo(known.vae()) == pytest.approx(known.log_p, abs=0.02)


def test_elbo_gap_is_the_kl_between_the_approximate_and_the_exact_posterior() -> None:
    known = LinearGaussian()
    exact, other = known.vae(), known.vae()
    with torch.no_grad():
        other.encoder.bias.add_(torch.tensor([0.3, -0.5, 0.4, -0.7]))
    x = known.x.unsqueeze(0)
    gap = kl(other.encode(x), exact.encode(x)).item()
    assert gap > 0.1
    assert known.log_p + known.negative_elbo(other) == pytest.approx(gap, abs=0.02)


@pytest.mark.parametrize("beta", [0.0, 0.5, 4.0])
@pytest.mark.parametrize("training", [True, False], ids=["train", "val"])
def test_beta_weights_the_kl_in_training_and_validation(beta: float, training: bool) -> None:
    terms = vae(beta=beta).train(training).loss(example())
    assert set(terms) == {"loss", "nll", "kl"}
    torch.testing.assert_close(terms["loss"], terms["nll"] + beta * terms["kl"])


def test_terms_are_means_over_the_batch_of_sums_over_the_data() -> None:
    model, batch = vae(), example()
    q = model.encode(batch.input)
    expected = torch.stack([0.5 * (m**2 + s**2 - 1 - 2 * s.log()).sum() for m, s in zip(q.mean, q.stddev, strict=True)])
    torch.testing.assert_close(model.loss(batch)["kl"], expected.mean())


def test_kl_weight_rises_linearly_in_training_and_is_full_in_validation() -> None:
    model, batch = vae(beta=2.0, warmup_epochs=4), example()
    weights = []
    for epoch in range(7):
        model.start_epoch(epoch)
        terms = model.train().loss(batch)
        weights.append(((terms["loss"] - terms["nll"]) / terms["kl"]).item())
        terms = model.eval().loss(batch)
        torch.testing.assert_close(terms["loss"], terms["nll"] + 2 * terms["kl"])
    assert weights == pytest.approx([0, 0.5, 1, 1.5, 2, 2, 2], abs=1e-3)


def test_without_warmup_the_first_epoch_has_the_full_kl_weight() -> None:
    model = vae(beta=2.0)
    model.start_epoch(0)
    terms = model.train().loss(example())
    torch.testing.assert_close(terms["loss"], terms["nll"] + 2 * terms["kl"])


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("make", [ae, vae])
def test_every_parameter_of_every_player_gets_a_gradient(make: type[AE], net: str) -> None:
    model = make(net)
    assert sum(map(len, model.players.values())) == len(list(model.parameters()))
    for player, parameters in model.players.items():
        model.zero_grad()
        model.loss(example(), player)["loss"].backward()
        without = [p.shape for p in parameters if p.grad is None or not p.grad.any()]
        assert not without, player


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("make", [ae, vae])
def test_decode_mean_of_the_embedding_is_the_reconstruction(make: type[AE], net: str) -> None:
    model, x = make(net).eval(), example().input
    latents = model.embed(x)
    assert latents.shape == (6, math.prod(model.latent_shape))
    torch.testing.assert_close(model.decode_mean(latents), model.reconstruct(x))


def test_ae_loss_is_the_nll_of_the_target_given_the_latent_of_the_input() -> None:
    model, batch = ae(), example()
    terms = model.loss(batch)
    expected = -model.decode(model.encoder(batch.input)).log_prob(batch.target).sum((1, 2, 3)).mean()
    torch.testing.assert_close(terms["loss"], expected)
    torch.testing.assert_close(terms["nll"], expected)


def test_example_weight_reaches_the_nll() -> None:
    model, batch = ae(), example()
    masked = model.loss(batch._replace(weight=torch.zeros_like(batch.target)))
    assert masked["loss"].item() == 0


def test_sampling_an_ae_raises_and_names_the_fitted_samplers() -> None:
    assert not AE.generative
    with pytest.raises(NotGenerativeError, match=r"sampler=prior: AE has no prior .* use sampler=gaussian"):
        ae().sample(3)


@pytest.mark.parametrize("net", NETS)
def test_temperature_scales_the_spread_of_vae_samples(net: str) -> None:
    model = vae(net).eval()
    assert model.sample(5).shape == (5, *SHAPE)
    origin = model.decode(torch.zeros(1, *model.latent_shape)).mean
    torch.testing.assert_close(model.sample(5, temperature=0.0), origin.expand(5, *SHAPE))
    spread = [(model.sample(200, temperature=t) - origin).square().mean().item() for t in (0.1, 1.0)]
    assert spread[0] < 0.5 * spread[1]


def test_vae_encoder_outputs_mean_and_log_variance() -> None:
    model, x = vae(), example().input
    mu, logvar = model.encoder(x).chunk(2, dim=1)
    torch.testing.assert_close(model.encode(x).mean, mu)
    torch.testing.assert_close(model.encode(x).variance, logvar.exp())


def test_lesson_vae_reads_log_sigma_in_sampling_and_log_variance_in_the_kl() -> None:
    model, batch = vae(kind=LessonVAE), example()
    mu, s = model.encoder(batch.input).chunk(2, dim=1)

    torch.manual_seed(1)
    terms = model.loss(batch)
    torch.manual_seed(1)
    z = mu + s.exp() * standard_normal(mu).rsample()

    nll = model.likelihood.nll(model.decode(z), batch.target).mean()
    d = -0.5 * (1 + s - mu.square() - s.exp()).sum(1).mean()
    torch.testing.assert_close(terms["nll"], nll)
    torch.testing.assert_close(terms["kl"], d)
    torch.testing.assert_close(terms["loss"], nll + d)


def test_lesson_vae_samples_with_another_deviation_than_vae() -> None:
    exact, lesson, x = vae(), vae(kind=LessonVAE), example().input
    lesson.load_state_dict(exact.state_dict())
    torch.testing.assert_close(lesson.encode(x).stddev, exact.encode(x).variance)
    assert (lesson.encode(x).stddev - exact.encode(x).stddev).abs().max() > 0.01
    torch.testing.assert_close(lesson.reconstruct(x), exact.reconstruct(x))
