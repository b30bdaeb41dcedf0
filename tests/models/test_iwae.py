"""The importance weighted bound, and the two estimates of its gradient."""

import math
from typing import Literal

import pytest
import torch
from torch import Tensor

from aectl.example import Example
from aectl.models.nets.mlp import MLP
from aectl.models.probability.distributions import normal, standard_normal
from aectl.models.vae import VAE
from aectl.models.variational.iwae import IWAE
from tests.support.toy_models import first, identity

SHAPE = (4,)


def iwae(k: int, estimator: Literal["iwae", "dreg"] = "iwae", beta: float = 1.0) -> IWAE:
    torch.manual_seed(0)
    return IWAE(SHAPE, SHAPE, 2, beta, k, estimator, 0, MLP([]), identity(0.5))


def example(n: int = 3) -> Example:
    x = torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(1))
    return Example(x, x)


@torch.no_grad()
def mean_loss(model: VAE, batch: Example, repeats: int = 2_000) -> float:
    """The loss over many draws."""
    return model.loss(Example(*(part.repeat(repeats, 1) for part in (batch.input, batch.target))))["loss"].item()


def mean_gradient(model: IWAE, repeats: int) -> tuple[Tensor, Tensor]:
    """The mean over draws of the gradient of the encoder's weights, and its standard error."""
    batch, draws = example(), []
    for _ in range(repeats):
        model.zero_grad()
        model.loss(Example(*(part.repeat(20, 1) for part in batch[:2])))["loss"].backward()
        gradient = first(model).weight.grad
        assert gradient is not None
        draws.append(gradient.clone())
    found = torch.stack(draws)
    return found.mean(0), found.std(0) / math.sqrt(repeats)


def test_loss_is_the_log_mean_of_the_weights() -> None:
    model, batch = iwae(7), example()
    torch.manual_seed(5)
    found = model.loss(batch)
    torch.manual_seed(5)
    q = model.encode(batch.input)
    z = q.rsample(torch.Size([7]))
    log_w = torch.stack(
        [
            model.decode(each).log_prob(batch.target).sum(1)
            + (standard_normal(each).log_prob(each) - normal(q.mean, q.stddev).log_prob(each)).sum(1)
            for each in z
        ]
    )
    torch.testing.assert_close(found["loss"], -(log_w.exp().mean(0).log()).mean())
    torch.testing.assert_close(found["nll"] + found["kl"], -log_w.mean())


def test_the_bound_rises_with_k_from_the_elbo() -> None:
    batch = example()
    plain = VAE(SHAPE, SHAPE, 2, 1.0, 0, MLP([]), identity(0.5))
    plain.load_state_dict(iwae(1).state_dict())
    losses = [mean_loss(iwae(k), batch) for k in (1, 5, 50)]
    assert losses[0] == pytest.approx(mean_loss(plain, batch), abs=0.1)
    assert losses[0] > losses[1] + 0.1 > losses[2] + 0.15


@pytest.mark.parametrize("beta", [1.0, 0.5])
def test_the_gradient_of_dreg_is_that_of_iwae_in_expectation_and_less_noisy(beta: float) -> None:
    (one, error), (other, other_error) = (mean_gradient(iwae(8, kind, beta), 200) for kind in ("iwae", "dreg"))
    assert ((one - other).abs() < 4.5 * (error.square() + other_error.square()).sqrt()).all()
    assert one.abs().max() > 20 * error.max()
    if beta == 1:
        assert other_error.mean() < error.mean()


def test_both_estimators_have_the_same_loss_and_decoder_gradient() -> None:
    gradients = []
    for kind in ("iwae", "dreg"):
        model = iwae(5, kind)  # type: ignore[arg-type]
        torch.manual_seed(3)
        loss = model.loss(example())["loss"]
        loss.backward()
        gradients.append((loss, *(p.grad for p in model.decoder.parameters())))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)
