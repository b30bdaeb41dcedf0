"""The capabilities of each model."""

import inspect

import pytest
import torch

from aectl.models.ae import AE
from aectl.models.base import Autoencoder
from aectl.models.capabilities import HasBeta, HasKL, HasLatent, HasPrior, IsConditional, is_bound
from aectl.models.nets.mlp import MLP
from aectl.models.probability.likelihoods import Bernoulli
from aectl.models.restoring.rednet import RedNet
from aectl.models.vae import VAE
from aectl.models.variational.lesson import LessonVAE
from tests.support.toy_adversary import Adversarial
from tests.support.toy_conditional import ConditionalVAE

SHAPE = (1, 8, 8)
MODELS: dict[str, Autoencoder] = {
    "ae": AE(SHAPE, SHAPE, 3, MLP([8]), Bernoulli()),
    "vae": VAE(SHAPE, SHAPE, 3, 1.0, 0, MLP([8]), Bernoulli()),
    "lesson": LessonVAE(SHAPE, SHAPE, 3, 1.0, 0, MLP([8]), Bernoulli()),
    "conditional": ConditionalVAE(SHAPE, SHAPE, 3, 1.0, 0, MLP([8]), Bernoulli(), 10),
    "adversarial": Adversarial(SHAPE, SHAPE, 3, MLP([8]), Bernoulli()),
    "rednet": RedNet(SHAPE, SHAPE, 4, 2, 2, 2, Bernoulli()),
}
VARIATIONAL = {"vae", "lesson", "conditional"}
WHO_CAN = {
    HasLatent: {"ae", "adversarial", *VARIATIONAL},
    HasPrior: VARIATIONAL,
    HasKL: VARIATIONAL,
    HasBeta: VARIATIONAL,
    IsConditional: {"conditional"},
}


@pytest.mark.parametrize("capability", WHO_CAN, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", MODELS)
def test_isinstance_of_a_capability_tells_what_a_model_can_do(name: str, capability: type) -> None:
    assert isinstance(MODELS[name], capability) == (name in WHO_CAN[capability])


@pytest.mark.parametrize("capability", WHO_CAN, ids=lambda kind: kind.__name__)
def test_capability_has_no_submodule_among_its_members(capability: type) -> None:
    """From Python 3.12 on, isinstance does not see what `nn.Module.__getattr__` finds."""
    members = {name for kind in capability.__mro__ for name in (*inspect.get_annotations(kind), *vars(kind))}
    for member in members:
        if not member.startswith("_"):
            assert inspect.getattr_static(MODELS["conditional"], member) is not None


@pytest.mark.parametrize("name", MODELS)
def test_elbo_of_an_exact_variational_model_is_a_bound(name: str) -> None:
    assert is_bound(MODELS[name]) == (name in {"vae", "conditional"})


def test_discriminators_are_none_by_default() -> None:
    assert not MODELS["vae"].discriminators


def test_conditional_vae_uses_the_label_in_encoder_and_decoder() -> None:
    torch.manual_seed(0)
    model, x = MODELS["conditional"].eval(), torch.rand(2, *SHAPE)
    assert isinstance(model, ConditionalVAE)
    zeros, ones = torch.zeros(2, dtype=torch.long), torch.ones(2, dtype=torch.long)
    assert not torch.equal(model.embed(x, zeros), model.embed(x, ones))
    z = torch.zeros(2, 3)
    assert not torch.equal(model.decode_mean(z, zeros), model.decode_mean(z, ones))
    torch.testing.assert_close(model.reconstruct(x, ones), model.decode_mean(model.embed(x, ones), ones))
