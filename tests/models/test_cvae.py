"""The conditional VAE: where the label goes, and what it is worth."""

import math
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from torch.distributions import MultivariateNormal

from aectl.config import CONFIGS
from aectl.errors import UserError
from aectl.example import Example
from aectl.models.nets.base import Net
from aectl.models.nets.conv import Conv
from aectl.models.nets.labelled import append_label
from aectl.models.nets.mlp import MLP
from aectl.models.probability.likelihoods import Gaussian
from aectl.models.variational.cvae import CVAE
from aectl.runs.run import Run, num_parameters
from tests.support.toy_models import completed, first, last

SHAPE, CLASSES = (1, 8, 8), 4
NETS: dict[str, Net] = {
    "mlp": MLP([16]),
    "vector": Conv(channels=[4, 8], hidden=16, latent="vector"),
    "grid": Conv(channels=[4, 8], hidden=16, latent="grid"),
}


def cvae(net: Net, shape: tuple[int, ...] = SHAPE) -> CVAE:
    torch.manual_seed(0)
    likelihood = Gaussian(0.5, learn_scale=False, link="identity")
    return CVAE(shape, shape, 3, 1.0, 0, CLASSES, net, likelihood).eval()


def test_a_label_is_appended_one_hot_to_the_features_of_every_cell() -> None:
    x, c = torch.rand(2, 3, 5, 6), torch.tensor([2, 0])
    labelled = append_label(x, c, CLASSES)
    assert torch.equal(labelled[:, :3], x)
    assert torch.equal(labelled[:, 3:].argmax(1), c.view(2, 1, 1).expand(2, 5, 6))
    assert torch.equal(labelled[:, 3:].sum(1), torch.ones(2, 5, 6))
    assert append_label(x[:, :, 0, 0], c, CLASSES).tolist()[0][3:] == [0, 0, 1, 0]


@pytest.mark.parametrize("net", NETS)
def test_encoder_and_decoder_are_told_the_class(net: str) -> None:
    model, x = cvae(NETS[net]), torch.rand(2, *SHAPE)
    c = torch.tensor([1, 1]), torch.tensor([1, 2])
    codes = [model.embed(x, each) for each in c]
    outputs = [model.decode_mean(codes[0], each) for each in c]
    for one, other in (codes, outputs):
        assert torch.equal(one[0], other[0])
        assert not torch.equal(one[1], other[1])


def test_a_dense_net_has_one_more_weight_a_class_and_unit() -> None:
    assert first(cvae(NETS["mlp"])).in_features == math.prod(SHAPE) + CLASSES


def test_elbo_with_the_exact_posterior_is_the_log_likelihood_given_the_class() -> None:
    """x = W z + V c + b + s eps, whose posterior and marginal given c are Gaussians in closed form."""
    dim, s = 5, 0.5
    model = cvae(MLP([]), (dim,))
    w = torch.linalg.qr(torch.randn(dim, 3))[0] * torch.tensor([1.5, 0.4, 1.0])  # (D, K)
    v, b = torch.randn(dim, CLASSES), torch.randn(dim)
    covariance = 1 / (1 + w.square().sum(0) / s**2)
    gain = covariance[:, None] * w.T / s**2
    encoder, decoder = first(model), last(model)
    with torch.no_grad():
        encoder.weight.copy_(torch.cat([torch.cat([gain, -gain @ v], 1), torch.zeros(3, dim + CLASSES)]))
        encoder.bias.copy_(torch.cat([-gain @ b, covariance.log()]))
        decoder.weight.copy_(torch.cat([w, v], 1))
        decoder.bias.copy_(b)
        x, c = torch.randn(dim), 2
        log_p = MultivariateNormal(v[:, c] + b, w @ w.T + s**2 * torch.eye(dim)).log_prob(x).item()
        many = x.expand(50_000, -1)
        found = model.loss(Example(many, many, torch.full((50_000,), c)))["loss"].item()
    assert -found == pytest.approx(log_p, abs=0.03)


def test_a_missing_label_is_refused_in_one_line() -> None:
    with pytest.raises(UserError, match="cond=None: the model is conditional; expected the class of each example"):
        cvae(NETS["mlp"]).reconstruct(torch.rand(2, *SHAPE))


def test_the_preset_has_the_parameters_of_dense_layers_with_the_label() -> None:
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        cfg = compose("train", ["experiment=cvae_labels", "dataset=digits_28", "likelihood=bernoulli"])
    encoder, decoder = (784 + 10) * 512 + 512 + (512 + 1) * 16, (8 + 10) * 512 + 512 + (512 + 1) * 784
    assert num_parameters(Run(Path(), completed(cfg), Path()).build()) == encoder + decoder
