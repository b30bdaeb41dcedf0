"""Models of vectors (D,), and the errors of nets and models that take images only."""

import pytest
import torch

from aectl.errors import UserError
from aectl.example import Example
from aectl.models.ae import AE
from aectl.models.nets.base import Net
from aectl.models.nets.conv import Conv
from aectl.models.nets.lesson import LessonConv
from aectl.models.nets.mlp import MLP
from aectl.models.probability.likelihoods import Bernoulli, ContinuousBernoulli, Gaussian, Laplace, Likelihood
from aectl.models.restoring.rednet import RedNet
from aectl.models.vae import VAE
from aectl.models.variational.cvae import CVAE
from aectl.models.variational.lesson import LessonVAE

SHAPE = (13,)
N = 6
LIKELIHOODS: dict[str, Likelihood] = {
    "bernoulli": Bernoulli(),
    "continuous_bernoulli": ContinuousBernoulli(),
    "gaussian": Gaussian(0.1, learn_scale=True),
    "laplace": Laplace(0.1, learn_scale=True),
}


def built(model: str, likelihood: Likelihood) -> AE:
    torch.manual_seed(0)
    net = MLP([8])
    if model == "conditional":
        return CVAE(SHAPE, SHAPE, 3, 1.0, 0, 4, net, likelihood)
    if model == "ae":
        return AE(SHAPE, SHAPE, 3, net, likelihood)
    kind = {"vae": VAE, "lesson": LessonVAE}[model]
    return kind(SHAPE, SHAPE, 3, 1.0, 0, net, likelihood)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("model", ["ae", "vae", "lesson", "conditional"])
def test_model_keeps_its_contract_on_vectors(model: str, likelihood: str) -> None:
    vectors = built(model, LIKELIHOODS[likelihood])
    labels = torch.arange(N) % 4
    example = Example(torch.rand(N, *SHAPE), torch.rand(N, *SHAPE), labels, torch.ones(N, *SHAPE))
    terms = vectors.loss(example)
    assert all(term.ndim == 0 and torch.isfinite(term) for term in terms.values())
    terms["loss"].backward()
    for parameters in vectors.players.values():
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in parameters)

    vectors.eval()
    output = vectors.reconstruct(example.input, labels)
    assert output.shape == (N, *SHAPE)
    latents = vectors.embed(example.input, labels)
    assert latents.shape == (N, vectors.latent_size) == (N, 3)
    torch.testing.assert_close(vectors.decode_mean(latents, labels), output)
    torch.testing.assert_close(vectors.loss_and_reconstruction(example)[1], output)
    if vectors.generative:
        assert vectors.sample(N, labels).shape == (N, *SHAPE)


def test_scale_of_vectors_is_1() -> None:
    assert built("ae", Bernoulli()).scale == 1


@pytest.mark.parametrize(
    ("net", "choice"),
    [(Conv([4], 8, "vector"), "conv"), (Conv([4], 8, "grid"), "conv"), (LessonConv([4]), "lesson_conv")],
    ids=["vector", "grid", "lesson"],
)
def test_convolutional_nets_refuse_vectors(net: Net, choice: str) -> None:
    with pytest.raises(UserError) as error:
        VAE(SHAPE, SHAPE, 3, 1.0, 0, net, Bernoulli())
    assert str(error.value) == f"net={choice}: takes images (C, H, W), but the data has shape (13,); use net=mlp"


def test_rednet_refuses_vectors() -> None:
    with pytest.raises(UserError) as error:
        RedNet(SHAPE, SHAPE, 4, 2, 2, 2, Bernoulli())
    assert str(error.value) == (
        "model=rednet: takes images (C, H, W), but the data has shape (13,); use model=ae or model=vae with net=mlp"
    )
