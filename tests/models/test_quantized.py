"""Autoencoders with discrete codes: what they choose, their gradients, and codebooks against means by hand."""

import copy
import itertools
import math

import pytest
import torch

from aectl.example import Example
from aectl.models.nets.conv import Conv
from aectl.models.nets.mlp import MLP
from aectl.models.probability.likelihoods import Gaussian
from aectl.models.quantized.base import Quantized
from aectl.models.quantized.codebook import DEAD, Codebook
from aectl.models.quantized.fsq import FSQ
from aectl.models.quantized.rvq import RVQ
from aectl.models.quantized.vqvae import VQVAE
from tests.support.exports import assert_exported_for_any_batch

SHAPE = (1, 8, 8)
NET = Conv([4], 8, "grid")  # 4 x 4 cells


def vqvae(net: Conv | MLP = NET) -> VQVAE:
    torch.manual_seed(0)
    return VQVAE(SHAPE, SHAPE, 3, 8, 0.25, 0.9, net, Gaussian(0.1, learn_scale=False))


def rvq(quantizers: int = 3) -> RVQ:
    torch.manual_seed(0)
    return RVQ(SHAPE, SHAPE, 3, 8, quantizers, 0.25, 0.9, NET, Gaussian(0.1, learn_scale=False))


def fsq(levels: list[int]) -> FSQ:
    torch.manual_seed(0)
    return FSQ(SHAPE, SHAPE, levels, NET, Gaussian(0.1, learn_scale=False))


def batch(n: int = 6) -> Example:
    x = torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(1))
    return Example(x, x)


MODELS = [vqvae(), vqvae(MLP([8])), rvq(), fsq([4, 3])]


@pytest.mark.parametrize("model", MODELS, ids=["vqvae", "vector", "rvq", "fsq"])
def test_codes_say_all_that_the_decoder_sees(model: Quantized) -> None:
    model, x = copy.deepcopy(model).eval(), batch().input
    codes = model.codes(x)
    assert codes.shape == (6, *model.code_shape)
    assert int(codes.min()) >= 0
    assert int(codes.max()) < model.num_codes
    assert torch.equal(model.embed_codes(codes).flatten(1), model.embed(x))
    assert torch.equal(model.decode_codes(codes), model.reconstruct(x))
    assert torch.equal(model.decode_mean(model.embed(x)), model.reconstruct(x))


@pytest.mark.parametrize("model", MODELS, ids=["vqvae", "vector", "rvq", "fsq"])
def test_model_is_exported_for_any_batch(model: Quantized) -> None:
    model = copy.deepcopy(model).eval()
    assert_exported_for_any_batch(model, "reconstruct", batch().input)
    assert_exported_for_any_batch(model, "decode_mean", model.embed(batch().input).detach())


def test_each_cell_takes_the_nearest_code() -> None:
    model = vqvae().eval()
    q = model.encode(batch().input)
    for i, row, column in itertools.product(range(6), range(4), range(4)):
        distances = (model.codebooks[0].codes - q.z_e[i, :, row, column]).square().sum(1)
        assert q.indices[i, 0, row, column] == distances.argmin()


@pytest.mark.parametrize("model", MODELS, ids=["vqvae", "vector", "rvq", "fsq"])
def test_gradient_passes_straight_through_the_quantization(model: Quantized) -> None:
    q = copy.deepcopy(model).encode(batch().input)
    assert torch.equal(q.mean, q.z_q)
    weights = torch.randn_like(q.z_q)
    (gradient,) = torch.autograd.grad((weights * q.rsample()).sum(), q.z_e)
    assert torch.equal(gradient, weights)


def test_loss_is_the_nll_and_the_weighted_distance_which_moves_the_encoder_alone() -> None:
    model, x = vqvae(), batch()
    model.eval()
    q = model.encode(x.input)
    distance = (q.z_e - q.z_q).square().sum((1, 2, 3))
    terms = model.loss(x)
    torch.testing.assert_close(terms["commitment"], distance.mean())
    torch.testing.assert_close(terms["loss"], terms["nll"] + 0.25 * terms["commitment"])
    (gradient,) = torch.autograd.grad(model.latent(q)[1]["commitment"].sum(), q.z_e)
    torch.testing.assert_close(gradient, 2 * (q.z_e - q.z_q))


def test_codes_are_the_running_means_of_what_chose_them() -> None:
    torch.manual_seed(0)
    book = Codebook(2, 3, decay=0.9)
    count, total = torch.zeros(2), torch.zeros(2, 3)
    for _ in range(5):
        z, indices = torch.randn(40, 3), torch.randint(2, (40,))
        book.update(z, indices)
        for code in range(2):
            chosen = z[indices == code]
            count[code] = 0.9 * count[code] + 0.1 * len(chosen)
            total[code] = 0.9 * total[code] + 0.1 * chosen.sum(0)
    torch.testing.assert_close(book.codes, total / count[:, None])


def test_dead_code_starts_anew_from_an_output_and_follows_the_next_batch() -> None:
    torch.manual_seed(0)
    book = Codebook(4, 2, decay=0.99)
    z = torch.randn(60, 2)
    book.update(z, torch.randint(3, (60,)))  # none chooses the last code
    assert (z - book.codes[3]).abs().sum(1).min() < 1e-5
    near = torch.full((20, 2), 5.0)
    book.update(torch.cat([z, near]), torch.cat([torch.randint(3, (60,)), torch.full((20,), 3)]))
    assert (book.codes[3] - 5.0).abs().max() < 5 * DEAD  # its own count is small


@pytest.mark.parametrize("bad", [math.nan, math.inf, 1e38])
def test_codebook_stays_finite_whatever_the_batch_holds(bad: float) -> None:
    model = rvq()
    model.loss(batch())
    before = copy.deepcopy(model.codebooks.state_dict())
    x = batch().input
    x[0] = bad
    model.loss(Example(x, x))
    assert all(value.isfinite().all() for value in model.codebooks.state_dict().values())
    after = model.codebooks.state_dict()
    assert torch.equal(before["0.averages"], after["0.averages"]) or bad == 1e38


def test_codebook_changes_in_training_alone() -> None:
    model = vqvae().eval()
    before = model.codebooks[0].codes.clone()
    model.loss(batch())
    assert torch.equal(model.codebooks[0].codes, before)
    model.train().loss(batch())
    assert not torch.equal(model.codebooks[0].codes, before)


def test_perplexity_and_use_are_of_all_batches_since_the_last_call() -> None:
    model = vqvae().eval()
    assert model.epoch_terms() == {}
    codes = torch.cat([model.codes(batch(n).input) for n in (2, 5)]).flatten()
    for n in (2, 5):
        model.loss(batch(n))
    shares = torch.bincount(codes).double() / len(codes)
    terms = model.epoch_terms()
    entropy = -sum(share * math.log(share) for share in shares.tolist() if share)
    assert float(terms["perplexity"]) == pytest.approx(math.exp(entropy))
    assert float(terms["used"]) == len(codes.unique())
    assert terms.keys() == model.term_units.keys()
    assert model.epoch_terms() == {}


def test_each_quantizer_describes_what_the_former_ones_left() -> None:
    model = rvq().eval()
    q = model.encode(batch().input)
    rest = q.z_e.movedim(1, -1)
    for book, indices in zip(model.codebooks, q.indices.unbind(1), strict=True):
        assert torch.equal(indices, torch.cdist(rest.flatten(0, 2), book.codes).argmin(1).view_as(indices))
        rest = rest - book.codes[indices]
    torch.testing.assert_close(q.z_e - q.z_q, rest.movedim(-1, 1))
    distances = [(q.z_e - each).square().sum((1, 2, 3)) for each in model.partial_sums(q.indices)]
    torch.testing.assert_close(model.latent(q)[1]["commitment"], torch.stack(distances).sum(0))


def test_rvq_with_one_quantizer_is_vqvae() -> None:
    one, plain = rvq(1), vqvae()
    for model in (one, plain):
        torch.manual_seed(0)
        terms = model.loss(batch())
    torch.manual_seed(0)
    assert rvq(1).loss(batch()) == terms
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), plain.state_dict().values(), strict=True))


@pytest.mark.parametrize("levels", [[2], [3, 2], [5, 4, 3]])
def test_fsq_has_as_many_codes_as_the_product_of_its_levels(levels: list[int]) -> None:
    model = fsq(levels)
    z = 2 * torch.randn(20_000, len(levels), generator=torch.Generator().manual_seed(0))
    values, indices = model.quantize(z.tanh())
    assert model.num_codes == math.prod(levels)
    assert torch.equal(indices.unique(), torch.arange(model.num_codes))
    assert len(values.unique(dim=0)) == model.num_codes
    for dimension, count in enumerate(levels):
        torch.testing.assert_close(values[:, dimension].unique(), torch.linspace(-1, 1, count))
        assert (values - z.tanh())[:, dimension].abs().max() <= 1 / (count - 1) + 1e-6  # the nearest


def test_fsq_has_no_term_but_the_nll() -> None:
    terms = fsq([4, 3]).loss(batch())
    assert terms.keys() == {"loss", "nll"}
    assert terms["loss"] == terms["nll"]
