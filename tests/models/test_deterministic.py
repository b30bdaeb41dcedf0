"""The autoencoders that are regularized: sparse, k-sparse, contractive and RAE, against sums and autograd."""

import math

import pytest
import torch
from torch import Tensor
from torch.autograd.functional import jacobian

from aectl.errors import UserError
from aectl.example import Example
from aectl.models.ae import AE
from aectl.models.deterministic.contractive_ae import ContractiveAE
from aectl.models.deterministic.k_sparse_ae import KSparseAE, keep_largest
from aectl.models.deterministic.rae import RAE
from aectl.models.deterministic.sparse_ae import SparseAE
from aectl.models.nets.base import Net
from aectl.models.nets.conv import Conv
from aectl.models.nets.mlp import MLP
from aectl.models.probability.jacobians import frobenius, frobenius_estimate
from aectl.models.probability.likelihoods import Bernoulli

SHAPE = (1, 6, 6)
NETS: dict[str, Net] = {
    "mlp": MLP([16]),
    "vector": Conv(channels=[4, 8], hidden=16, latent="vector"),
    "grid": Conv(channels=[4, 8], hidden=16, latent="grid"),
}


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def example(n: int = 4) -> Example:
    x = torch.rand(n, *SHAPE)
    return Example(x, x)


def squared_norms(function: object, x: Tensor) -> Tensor:
    """The squared Frobenius norm of the Jacobian at each example, (B,), by autograd, one at a time."""
    return torch.stack([jacobian(function, each[None]).square().sum() for each in x])


def contractive(net: Net, probes: int | None) -> ContractiveAE:
    return ContractiveAE(SHAPE, SHAPE, 3, 0.5, probes, net, Bernoulli())


def rae(net: Net, regularizer: str = "gradient") -> RAE:
    return RAE(SHAPE, SHAPE, 3, 0.5, 0.25, regularizer, net, Bernoulli())  # type: ignore[arg-type]


@pytest.mark.parametrize("net", NETS)
def test_sparse_loss_is_that_of_keras_times_the_pixels(net: str) -> None:
    model, batch = SparseAE(SHAPE, SHAPE, 5, 1e-2, NETS[net], Bernoulli()), example()
    code, output = model.embed(batch.input), model.reconstruct(batch.input)
    per_pixel = torch.nn.functional.binary_cross_entropy(output, batch.target) + 1e-2 * code.abs().sum(1).mean()
    terms = model.loss(batch)
    torch.testing.assert_close(terms["loss"], math.prod(SHAPE) * per_pixel)
    assert code.min() == 0 < code.max()
    assert terms["active"] == (code != 0).sum() / len(code)


def test_l1_makes_the_code_sparser() -> None:
    active = []
    for weight in (0.0, 0.1):
        torch.manual_seed(0)
        model, batch = SparseAE(SHAPE, SHAPE, 16, weight, MLP([16]), Bernoulli()), example(64)
        optimizer = torch.optim.Adam(model.parameters(), 1e-2)
        for _ in range(30):
            optimizer.zero_grad()
            terms = model.loss(batch)
            terms["loss"].backward()
            optimizer.step()
        active.append(terms["active"].item())
    assert active[1] < 0.5 * active[0]


@pytest.mark.parametrize("net", NETS)
def test_k_sparse_keeps_exactly_the_k_largest_of_each_cell(net: str) -> None:
    model, x = KSparseAE(SHAPE, SHAPE, 7, 3, NETS[net], Bernoulli()), example().input
    dense, code = model.encoder(x), model.encode(x).mean
    assert ((code != 0).sum(1) == 3).all()
    kept = dense.sort(1, descending=True).values[:, :3]
    assert torch.equal(code.sort(1, descending=True).values.abs().sum(1), kept.abs().sum(1))
    assert torch.equal(code[code != 0], dense[code != 0])


def test_only_the_latents_that_are_kept_get_a_gradient() -> None:
    z = torch.tensor([[3.0, -1.0, 2.0, -5.0]], requires_grad=True)
    keep_largest(z, 2).sum().backward()
    assert z.grad is not None
    assert z.grad.tolist() == [[1, 0, 1, 0]]


def test_more_latents_than_there_are_cannot_be_kept() -> None:
    with pytest.raises(UserError) as error:
        KSparseAE(SHAPE, SHAPE, 4, 5, MLP([8]), Bernoulli())
    assert str(error.value) == "model.k=5: more than model.latent_dim=4; expected at most as many"


@pytest.mark.parametrize("net", NETS)
def test_contractive_penalty_is_the_norm_of_the_jacobian_by_autograd(net: str) -> None:
    model, batch = contractive(NETS[net], None), example()
    terms = model.loss(batch)
    expected = squared_norms(model.encoder, batch.input).mean()
    torch.testing.assert_close(terms["jacobian"], expected)
    torch.testing.assert_close(terms["loss"], terms["nll"] + 0.5 * expected)


def test_contractive_penalty_has_the_gradient_of_the_norm() -> None:
    model, x = contractive(MLP([16]), None), example().input
    weights = [p for p in model.encoder.parameters() if p.ndim == 2]
    found = torch.autograd.grad(frobenius(model.encoder, x).sum(), weights)
    z = jacobian(lambda x: model.encoder(x).sum(0), x, create_graph=True)  # (D, B, ...)
    expected = torch.autograd.grad(z.square().sum(), weights)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("net", NETS)
def test_probes_estimate_the_norm_without_bias(net: str) -> None:
    model, x = contractive(NETS[net], 1), example(2).input
    with torch.no_grad():
        estimates = torch.stack([frobenius_estimate(model.encoder, x, probes=20) for _ in range(20)])  # (20, B)
    error = estimates.std(0) / math.sqrt(len(estimates))
    assert ((estimates.mean(0) - squared_norms(model.encoder, x)).abs() < 4 * error).all()


def test_contractive_penalty_is_there_without_gradients() -> None:
    model, batch = contractive(NETS["vector"], 1).eval(), example()
    with torch.inference_mode():
        assert model.loss(batch)["jacobian"] > 0


@pytest.mark.parametrize("net", NETS)
def test_rae_loss_has_half_the_squared_code_and_the_jacobian_of_the_decoder(net: str) -> None:
    model, batch = rae(NETS[net]), example(2)
    z = model.encode(batch.input).mean
    with torch.no_grad():
        found = torch.stack([model.loss(batch)["gradient"] for _ in range(100)])
    expected = squared_norms(lambda z: model.decode(z).mean, z).mean()
    assert abs(found.mean() - expected) < 4 * found.std() / math.sqrt(len(found))
    terms = model.loss(batch)
    torch.testing.assert_close(terms["l2"], 0.5 * z.square().flatten(1).sum(1).mean())
    torch.testing.assert_close(terms["loss"], terms["nll"] + 0.5 * terms["l2"] + 0.25 * terms["gradient"])


def test_rae_weighs_the_squared_weights_of_the_decoder_alone() -> None:
    model, batch = rae(MLP([16]), "weights"), example()
    terms = model.loss(batch)
    expected = torch.cat([p.flatten() for p in model.decoder.parameters()]).square().sum()
    torch.testing.assert_close(terms["weights"], expected)
    torch.testing.assert_close(terms["loss"], terms["nll"] + 0.5 * terms["l2"] + 0.25 * expected)


@pytest.mark.parametrize("kind", [SparseAE, ContractiveAE, RAE], ids=lambda kind: kind.__name__)
def test_without_weights_the_loss_is_that_of_a_plain_autoencoder(kind: type[AE]) -> None:
    keys = {SparseAE: (0.0,), ContractiveAE: (0.0, 1), RAE: (0.0, 0.0, "gradient")}[kind]
    model, batch = kind(SHAPE, SHAPE, 3, *keys, MLP([16]), Bernoulli()), example()  # type: ignore[call-arg, arg-type]
    terms = model.loss(batch)
    assert terms["loss"] == terms["nll"]
