"""The prior over codes: it is causal, its probabilities sum to one, and what it draws is what it says."""

import itertools
import math

import pytest
import torch

from aectl.errors import UserError
from aectl.example import Example
from aectl.models.nets.conv import Conv
from aectl.models.probability.likelihoods import Gaussian
from aectl.models.quantized.code_prior import CodePrior
from aectl.models.quantized.rvq import RVQ

SHAPE = (1, 4, 8)


def prior(num_codes: int = 3, quantizers: int = 2, num_labels: int | None = 2) -> CodePrior:
    """Over a grid of 1 x 2 cells."""
    torch.manual_seed(0)
    net = Conv([4, 4], 8, "grid")
    source = RVQ(SHAPE, SHAPE, 3, num_codes, quantizers, 0.25, 0.9, net, Gaussian(0.1, learn_scale=False))
    model = CodePrior(SHAPE, SHAPE, num_labels, source, features=8, layers=2, heads=2, dropout=0.0)
    with torch.no_grad():
        for parameter in model.players["autoencoder"]:
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model.eval()


def all_codes(model: CodePrior) -> torch.Tensor:
    """Every sequence of codes, as (N, *code_shape)."""
    sequences = list(itertools.product(range(model.num_codes), repeat=model.length))
    return model.from_sequence(torch.tensor(sequences))


@pytest.mark.parametrize("label", [0, 1])
@torch.no_grad()
def test_probabilities_of_all_codes_sum_to_one(label: int) -> None:
    model = prior()
    codes = all_codes(model)
    assert len(codes) == 81
    assert float((-model.nll(codes, torch.full((81,), label))).exp().sum()) == pytest.approx(1)


@torch.no_grad()
def test_a_code_depends_on_those_before_it_alone_and_on_the_class() -> None:
    model = prior()
    sequence = torch.tensor([[0, 1, 2]])
    logits = model.logits(sequence, torch.tensor([0]))
    for changed in range(3):
        other = sequence.clone()
        other[0, changed] = (other[0, changed] + 1) % 3
        same = (model.logits(other, torch.tensor([0])) == logits).all(2)[0].tolist()
        assert same == [True] * (changed + 1) + [False] * (3 - changed)
    assert not (model.logits(sequence, torch.tensor([1])) == logits).all(2).any()


@torch.no_grad()
def test_cells_are_read_one_after_the_other_with_all_codes_of_each() -> None:
    model = prior()
    codes = torch.tensor([[[[10, 20]], [[11, 21]]]])  # (1, quantizers, 1, 2)
    assert model.sequence(codes).tolist() == [[10, 11, 20, 21]]
    assert torch.equal(model.from_sequence(model.sequence(codes)), codes)


@torch.no_grad()
def test_cache_gives_the_logits_of_the_whole_sequence() -> None:
    model = prior()
    sequence, cond = torch.randint(3, (5, 3)), torch.randint(2, (5,))
    cache: list[torch.Tensor] = []
    steps = [model.logits(sequence[:, :length], cond, cache) for length in range(4)]
    torch.testing.assert_close(torch.cat(steps, 1), model.logits(sequence, cond))


def test_draws_are_as_frequent_as_their_probabilities() -> None:
    model = prior(quantizers=1)
    label = torch.ones(20_000, dtype=torch.long)
    drawn = model.sequence(model.draw_codes(20_000, label))
    found = torch.bincount(drawn @ torch.tensor([3, 1]), minlength=9) / 20_000
    with torch.no_grad():
        expected = (-model.nll(all_codes(model), label[:9])).exp()
    torch.testing.assert_close(found, expected, atol=0.015, rtol=0)


def test_temperature_of_zero_takes_the_likeliest_code_each_time() -> None:
    model = prior()
    codes = model.draw_codes(3, torch.zeros(3, dtype=torch.long), temperature=0)
    sequence = model.sequence(codes)
    likeliest = model.logits(sequence[:, :-1], torch.zeros(3, dtype=torch.long)).argmax(2)
    assert torch.equal(sequence, likeliest)
    sample = model.sample(3, torch.zeros(3, dtype=torch.long), temperature=0)
    torch.testing.assert_close(sample, model.autoencoder.decode_codes(codes))


def test_training_leaves_the_autoencoder_as_it_is() -> None:
    model = prior().train()
    before = {name: value.clone() for name, value in model.autoencoder.state_dict().items()}
    x = torch.rand(8, *SHAPE)
    optimizer = torch.optim.SGD(model.players["autoencoder"], 0.1)
    model.loss(Example(x, x, torch.randint(2, (8,))))["loss"].backward()
    optimizer.step()
    assert not model.autoencoder.training
    assert all(torch.equal(before[name], value) for name, value in model.autoencoder.state_dict().items())


@torch.no_grad()
def test_log_likelihood_is_the_elbo_of_a_posterior_that_is_certain_of_the_code() -> None:
    model, x = prior(), torch.rand(4, *SHAPE)
    example = Example(x, x, torch.randint(2, (4,)))
    p = model.autoencoder.decode(model.autoencoder.embed_codes(model.codes(x)))
    expected = p.log_prob(x).sum((1, 2, 3)) - model.nll(model.codes(x), example.cond)
    torch.testing.assert_close(model.log_likelihood(example, 3), expected)


@torch.no_grad()
def test_bits_are_those_of_a_code() -> None:
    model, x = prior(num_labels=None), torch.rand(4, *SHAPE)
    terms = model.loss(Example(x, x))
    assert float(terms["bits"]) == pytest.approx(float(terms["nll"]) / (4 * math.log(2)))


def test_heads_that_do_not_divide_the_features_and_other_data_are_refused() -> None:
    source = prior().autoencoder
    with pytest.raises(UserError, match=r"model\.heads=3: does not divide model\.features=8"):
        CodePrior(SHAPE, SHAPE, None, source, 8, 1, 3, 0.0)
    with pytest.raises(UserError, match=r"leave out dataset= and task="):
        CodePrior((1, 8, 8), (1, 8, 8), None, source, 8, 1, 2, 0.0)
