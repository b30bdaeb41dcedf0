"""New images have the statistics of what they are drawn from, and the seed repeats them."""

import numpy as np
import pytest
import torch
from sklearn.mixture import GaussianMixture
from torch import Tensor

from aectl.data.digits import Digits
from aectl.data.source import Split, SplitName
from aectl.errors import UserError
from aectl.inference import sampling
from aectl.inference.latents import DECODED_AT_ONCE
from aectl.inference.sampling import Sampler, batch_sizes, default_sampler, generate
from aectl.models.ae import AE
from aectl.models.base import Autoencoder, NotGenerativeError
from aectl.models.restoring.rednet import RedNet
from aectl.models.vae import VAE
from aectl.types import Shape
from tests.support.toy_models import Coded, first, identity, last, linear_ae, linear_vae, opened

PAIRS = "tests.inference.test_sampling.Pairs"
FEW = "tests.inference.test_sampling.Few"
SHAPE = (1, 1, 2)
SAMPLERS: tuple[Sampler, ...] = ("prior", "gaussian", "mixture")


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


class Pairs:
    """Images of two pixels about (0.2, 0.2), and a third of them about (0.8, 0.6)."""

    shape: Shape = SHAPE

    def prepare(self) -> None:
        pass

    def split(self, name: SplitName) -> Split:
        noise = torch.randn(3_000, 2, generator=torch.Generator().manual_seed(0))
        center = torch.where(torch.arange(3_000)[:, None] % 3 == 0, torch.tensor([0.8, 0.6]), torch.tensor([0.2, 0.2]))
        return Split((center + 0.03 * noise).view(-1, *SHAPE))


class Few(Pairs):
    """The first eight of them."""

    def split(self, name: SplitName) -> Split:
        return Split(super().split(name).x[:8])


def mirror() -> AE:
    """An autoencoder whose code is three times the image with its two pixels swapped; the decoder undoes that."""
    return wired(linear_ae(SHAPE, 2))


def prior() -> VAE:
    """A VAE whose images are N(b, W W^T)."""
    return wired(linear_vae(SHAPE, 2, identity()))


def wired(model: Coded) -> Coded:
    first(model).weight[:2] = torch.tensor([[0.0, 3.0], [3.0, 0.0]])
    last(model).weight.copy_(torch.tensor([[0.0, 1 / 3], [1 / 3, 0.0]]))
    return model


def drawn(
    model: Autoencoder, sampler: Sampler, n: int = 4_000, components: int = 1, temperature: float = 1.0
) -> Tensor:
    """Images of pairs as rows, (n, 2)."""
    return generate(opened(model, PAIRS), n, sampler, components, temperature).flatten(1)


@pytest.mark.parametrize("n", [1, 499, 500, 501, 1_001])
def test_batches_add_up_and_none_is_too_large_or_empty(n: int) -> None:
    sizes = batch_sizes(n)
    assert sum(sizes) == n
    assert all(0 < size <= DECODED_AT_ONCE for size in sizes)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_images_depend_only_on_the_seed_and_leave_other_draws_unchanged(sampler: Sampler) -> None:
    model = prior()
    once = generate(opened(model, PAIRS, seed=3), 20, sampler, components=2)
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    assert torch.equal(generate(opened(model, PAIRS, seed=3), 20, sampler, components=2), once)
    assert torch.equal(torch.rand(3), expected)
    assert not torch.isclose(generate(opened(model, PAIRS, seed=4), 20, sampler, components=2), once).all(1).any()


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("n", [1, 500, 1_201])
def test_n_different_images_are_drawn(sampler: Sampler, n: int) -> None:
    images = generate(opened(prior(), PAIRS), n, sampler, components=2)
    assert images.shape == (n, *SHAPE)
    assert images.dtype == torch.float32
    assert images.device.type == "cpu"
    assert not images.requires_grad
    assert len(images.unique(dim=0)) == n


@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0])
def test_the_prior_decodes_to_its_mean_and_covariance(temperature: float) -> None:
    model = prior()
    last(model).weight.copy_(torch.tensor([[1.0, 0.0], [0.5, 0.2]]))
    last(model).bias.copy_(torch.tensor([0.3, 0.7]))
    images = drawn(model, "prior", 20_000, temperature=temperature)
    expected = temperature**2 * torch.tensor([[1.0, 0.5], [0.5, 0.29]])
    torch.testing.assert_close(images.mean(0), torch.tensor([0.3, 0.7]), atol=0.04, rtol=0)
    torch.testing.assert_close(images.T.cov(), expected, atol=0.04, rtol=0)


@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0])
def test_a_gaussian_has_the_mean_and_covariance_of_the_training_images(temperature: float) -> None:
    images = drawn(mirror(), "gaussian", 20_000, components=7, temperature=temperature)
    train = Pairs().split("train").x.flatten(1)
    torch.testing.assert_close(images.mean(0), train.mean(0), atol=0.01, rtol=0)
    torch.testing.assert_close(images.T.cov(), temperature**2 * train.T.cov(), atol=0.003, rtol=0)


def between(images: Tensor) -> float:
    """The share of images that lie about neither of the two centres."""
    near = [(images - torch.tensor(center)).norm(dim=1) < 0.15 for center in ((0.2, 0.2), (0.8, 0.6))]
    return 1 - (near[0] | near[1]).double().mean().item()


def test_a_mixture_separates_clusters_that_a_gaussian_blends() -> None:
    mixture, gaussian = drawn(mirror(), "mixture", components=2), drawn(mirror(), "gaussian")
    assert between(mixture) < 0.001
    assert between(gaussian) > 0.4
    right = mixture[mixture[:, 0] > 0.5]
    assert len(right) / 4_000 == pytest.approx(1 / 3, abs=0.03)
    torch.testing.assert_close(right.mean(0), torch.tensor([0.8, 0.6]), atol=0.01, rtol=0)
    torch.testing.assert_close(right.std(0), torch.tensor([0.03, 0.03]), atol=0.003, rtol=0)


def test_temperature_shrinks_each_component_and_not_the_mixture() -> None:
    images = drawn(mirror(), "mixture", components=2, temperature=0.1)
    right = images[images[:, 0] > 0.5]
    assert len(right) / 4_000 == pytest.approx(1 / 3, abs=0.03)
    assert right.std(0).tolist() == pytest.approx([0.003, 0.003], rel=0.1)


def test_the_sampler_is_fitted_to_the_training_split(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted: list[np.ndarray] = []
    fit = GaussianMixture.fit

    def watched(self: GaussianMixture, x: np.ndarray) -> GaussianMixture:
        fitted.append(x)
        return fit(self, x)

    monkeypatch.setattr(GaussianMixture, "fit", watched)
    generate(opened(linear_ae((1, 8, 8), 3)), 5, "gaussian")
    assert [x.shape for x in fitted] == [(1294, 3)]
    assert len(Digits().split("train").x) == 1294


def test_at_most_as_many_components_as_codes_are_accepted() -> None:
    few = opened(mirror(), FEW)
    assert generate(few, 5, "mixture", components=8).shape == (5, *SHAPE)
    assert generate(few, 5, "gaussian", components=9).shape == (5, *SHAPE)
    with pytest.raises(UserError, match=r"components=9: more than the 8 training latents; try components=8"):
        generate(few, 5, "mixture", components=9)


def test_the_default_sampler_is_the_prior_of_a_model_that_has_one() -> None:
    assert default_sampler(prior()) == "prior"
    assert default_sampler(mirror()) == "gaussian"
    with pytest.raises(NotGenerativeError, match="sampler=prior: AE has no prior"):
        drawn(mirror(), "prior")


@pytest.mark.parametrize("sampler", ["gaussian", "mixture"])
def test_a_model_without_a_single_latent_is_refused_before_anything_is_encoded(
    sampler: Sampler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "encode_split", None)
    rednet = RedNet(SHAPE, SHAPE, features=2, depth=1, skip_every=1, stride=1, likelihood=identity())
    with pytest.raises(UserError, match="model=RedNet: has no single latent to decode"):
        drawn(rednet, sampler, 3)


def test_codes_of_n_0_i_are_decoded_by_any_model() -> None:
    outputs = generate(opened(mirror(), PAIRS), 20_000, "standard", temperature=0.5).flatten(1)
    assert float(outputs.mean()) == pytest.approx(0, abs=0.01)
    assert float(outputs.std()) == pytest.approx(0.5 / 3, rel=0.02)
