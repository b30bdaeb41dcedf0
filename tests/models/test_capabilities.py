"""The capabilities of each model."""

import inspect

import pytest

from aectl.models.ae import AE
from aectl.models.base import Autoencoder
from aectl.models.capabilities import HasBeta, HasKL, HasLatent, HasPrior, IsConditional, is_bound
from aectl.models.nets.mlp import MLP
from aectl.models.probability.likelihoods import Bernoulli
from aectl.models.restoring.rednet import RedNet
from aectl.models.vae import VAE
from aectl.models.variational.cvae import CVAE
from aectl.models.variational.lesson import LessonVAE
from tests.support.toy_adversary import Adversarial

SHAPE = (1, 8, 8)
MODELS: dict[str, Autoencoder] = {
    "ae": AE(SHAPE, SHAPE, 3, MLP([8]), Bernoulli()),
    "vae": VAE(SHAPE, SHAPE, 3, 1.0, 0, MLP([8]), Bernoulli()),
    "lesson": LessonVAE(SHAPE, SHAPE, 3, 1.0, 0, MLP([8]), Bernoulli()),
    "conditional": CVAE(SHAPE, SHAPE, 3, 1.0, 0, 10, MLP([8]), Bernoulli()),
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
