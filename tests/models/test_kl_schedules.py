"""Free bits and the cyclical weight of the KL: what they change of a VAE, and that they leave the rest to the bit."""

import pytest
import torch

from aectl.errors import UserError
from aectl.example import Example
from aectl.models.nets.base import Net
from aectl.models.nets.conv import Conv
from aectl.models.nets.mlp import MLP
from aectl.models.probability.divergences import kl_normals
from aectl.models.probability.likelihoods import Bernoulli
from aectl.models.vae import VAE
from aectl.models.variational.cyclical_vae import CyclicalVAE
from aectl.models.variational.free_bits_vae import FreeBitsVAE

SHAPE = (1, 6, 6)
GRID = Conv([4], 8, latent="grid")


def free_bits(total: float, per_dim: float, net: Net | None = None, beta: float = 1.0) -> FreeBitsVAE:
    torch.manual_seed(0)
    return FreeBitsVAE(SHAPE, SHAPE, 3, beta, total, per_dim, 0, net or MLP([8]), Bernoulli())


def cyclical(warmup_epochs: float, cycles: int) -> CyclicalVAE:
    torch.manual_seed(0)
    return CyclicalVAE(SHAPE, SHAPE, 3, 1.0, warmup_epochs, cycles, MLP([8]), Bernoulli())


def example(n: int = 5) -> Example:
    x = torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(0))
    return Example(x, x)


def weights(model: VAE, epochs: int) -> list[float]:
    """The weight of the KL in each epoch of training."""
    found = []
    for epoch in range(epochs):
        model.start_epoch(epoch)
        found.append(float(model.kl_weight_fraction))
    return found


@pytest.mark.parametrize("model", [free_bits(0, 0), cyclical(1, 1)], ids=lambda model: type(model).__name__)
def test_without_free_bits_or_cycles_loss_and_gradients_are_those_of_vae_to_the_bit(model: VAE) -> None:
    plain = VAE(SHAPE, SHAPE, 3, 1.0, 0, MLP([8]), Bernoulli())
    plain.load_state_dict(model.state_dict())
    found = []
    for each in (plain, model):
        torch.manual_seed(1)
        loss = each.loss(example())["loss"]
        loss.backward()
        found.append([loss, *(p.grad for p in each.parameters())])
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


@pytest.mark.parametrize("net", [MLP([8]), GRID], ids=["vector", "grid"])
@pytest.mark.parametrize("nats", [0.01, 0.3, 50.0])
def test_free_nats_are_of_the_sum_of_each_example_or_of_each_dimension_on_average(nats: float, net: Net) -> None:
    batch = example()
    for total, per_dim in ((nats, 0), (0, nats)):
        model = free_bits(total, per_dim, net, beta=2.0)
        q = model.encode(batch.input)
        kl = kl_normals(q, model.prior(5)).flatten(1)  # type: ignore[arg-type]
        expected = kl.sum(1).clamp_min(nats).mean() if total else kl.mean(0).clamp_min(nats).sum()
        terms = model.loss(batch)
        torch.testing.assert_close(terms["loss"] - terms["nll"], 2 * expected, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(terms["kl"], kl.sum(1).mean())


@pytest.mark.parametrize("keys", [(1e4, 0), (0, 1e4)])
def test_a_kl_that_is_free_pulls_no_weight(keys: tuple[float, float]) -> None:
    model, batch = free_bits(*keys), example()
    torch.manual_seed(1)
    terms = model.loss(batch)
    of_loss, of_nll = (
        torch.autograd.grad(terms[name], list(model.encoder.parameters()), retain_graph=True)
        for name in ("loss", "nll")
    )
    for one, other in zip(of_loss, of_nll, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


def test_both_kinds_of_free_bits_at_once_are_refused() -> None:
    with pytest.raises(UserError, match=r"model\.free_nats=2: given with model\.free_nats_per_dim=0\.5; expected one"):
        free_bits(2, 0.5)


def test_the_weight_rises_and_holds_in_each_cycle_and_holds_after_the_last() -> None:
    assert weights(cyclical(2, 3), 15) == [0, 0.5, 1, 1] * 3 + [1, 1, 1]
    assert weights(cyclical(1, 2), 6) == [0, 1, 0, 1, 1, 1]


def test_one_cycle_is_the_warm_up_of_vae() -> None:
    plain = VAE(SHAPE, SHAPE, 3, 1.0, 4, MLP([8]), Bernoulli())
    assert weights(cyclical(4, 1), 12) == weights(plain, 12)
