"""MIWAE: the bound of what is visible, and what is filled in, against closed forms."""

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from aectl.errors import UserError
from aectl.example import Example
from aectl.models.nets.conv import Conv
from aectl.models.nets.mlp import MLP
from aectl.models.variational.miwae import MIWAE
from tests.support.toy_models import blank, identity, last

SHAPE, SCALE = (1, 1, 5), 0.5


def linear(draws: int = 20_000) -> tuple[MIWAE, Tensor, Tensor]:
    """x = W z + b + s eps with the prior as its q, W (D, K) and b (D,)."""
    model = blank(MIWAE(SHAPE, (2, 1, 5), 2, 1.0, 2_000, "iwae", draws, 0, MLP([]), identity(SCALE)))
    torch.manual_seed(0)
    w, b = 0.4 * torch.randn(5, 2), torch.randn(5)
    last(model).weight.copy_(w)
    last(model).bias.copy_(b)
    return model, w, b


def example() -> Example:
    x, hidden = torch.rand(2, *SHAPE), torch.tensor([[[[0.0, 1, 0, 0, 1]]], [[[1.0, 0, 0, 1, 0]]]])
    return Example(torch.cat([x * (1 - hidden), hidden], 1), x, None, None, hidden)


@torch.no_grad()
def test_the_bound_comes_to_the_log_likelihood_of_the_visible_part() -> None:
    model, w, b = linear()
    batch = example()
    expected = []
    for x, hidden in zip(batch.target, batch.hidden, strict=True):  # type: ignore[arg-type]
        seen = hidden.flatten() == 0
        covariance = w[seen] @ w[seen].T + SCALE**2 * torch.eye(int(seen.sum()))
        expected.append(MultivariateNormal(b[seen], covariance).log_prob(x.flatten()[seen]))
    assert -model.loss(batch)["loss"].item() == pytest.approx(torch.stack(expected).mean().item(), abs=0.05)


@torch.no_grad()
def test_what_is_missing_is_filled_with_its_conditional_mean() -> None:
    model, w, b = linear()
    batch = example()
    found = model.reconstruct(batch.input).flatten(1)
    for x, hidden, filled in zip(batch.target, batch.hidden, found, strict=True):  # type: ignore[arg-type]
        seen = hidden.flatten() == 0
        ws = w[seen]
        mean = torch.linalg.solve(torch.eye(2) + ws.T @ ws / SCALE**2, ws.T @ (x.flatten()[seen] - b[seen]) / SCALE**2)
        torch.testing.assert_close(filled, w @ mean + b, atol=0.03, rtol=0)


def test_hidden_pixels_of_the_target_change_nothing() -> None:
    model, _, _ = linear()
    batch = example()
    other = torch.where(batch.hidden > 0, torch.rand_like(batch.target), batch.target)  # type: ignore[operator]
    losses = []
    for target in (batch.target, other):
        torch.manual_seed(1)
        losses.append(model.loss(batch._replace(target=target))["loss"])
    assert torch.equal(*losses)


def test_a_grid_of_latents_is_refused() -> None:
    with pytest.raises(UserError, match=r"model=miwae: takes one latent .* expected net\.latent=vector, or net=mlp"):
        MIWAE((1, 8, 8), (2, 8, 8), 2, 1.0, 5, "iwae", 20, 0, Conv([4], 8, "grid"), identity())
