"""The weights of InfoVAE, and its penalty on the aggregate posterior."""

import pytest
import torch

from aectl.errors import UserError
from aectl.evaluation.log_likelihood import bounds
from aectl.example import Example
from aectl.models.capabilities import HasBeta
from aectl.models.nets.mlp import MLP
from aectl.models.probability.likelihoods import Gaussian
from aectl.models.probability.mmd import imq, mmd
from aectl.models.vae import VAE
from aectl.models.variational.info_vae import InfoVAE

SHAPE = (1, 4, 4)


def info_vae(alpha: float = 0.3, lambda_mmd: float = 5.0, warmup: float = 0) -> InfoVAE:
    torch.manual_seed(0)
    return InfoVAE(SHAPE, SHAPE, 3, alpha, lambda_mmd, "imq", warmup, MLP([8]), Gaussian(0.1, learn_scale=False))


def batch(n: int = 8) -> Example:
    return Example(torch.rand(n, *SHAPE), torch.rand(n, *SHAPE))


@pytest.mark.parametrize("training", [True, False], ids=["train", "val"])
def test_terms_have_the_paper_s_weights(training: bool) -> None:
    terms = info_vae().train(training).loss(batch())
    torch.testing.assert_close(terms["loss"], terms["nll"] + 0.7 * terms["kl"] + (0.3 + 5 - 1) * terms["mmd"])


def test_the_penalty_is_not_warmed_up() -> None:
    model = info_vae(warmup=4)
    model.start_epoch(1)
    terms = model.loss(batch())
    torch.testing.assert_close(terms["loss"], terms["nll"] + 0.25 * 0.7 * terms["kl"] + 4.3 * terms["mmd"])


def test_mmd_is_that_of_the_latents_and_the_prior() -> None:
    model, x = info_vae(), batch().input
    torch.manual_seed(1)
    z, terms = model.latent(model.encode(x))
    torch.manual_seed(1)
    q = model.encode(x)
    torch.testing.assert_close(z, q.rsample())
    torch.testing.assert_close(terms["mmd"], mmd(z, torch.randn(8, 3), imq))


def test_without_preference_and_penalty_it_is_the_vae() -> None:
    model, x = info_vae(alpha=0.0, lambda_mmd=1.0), batch()
    vae = VAE(SHAPE, SHAPE, 3, 1.0, 0, MLP([8]), Gaussian(0.1, learn_scale=False))
    vae.load_state_dict(model.state_dict())
    torch.manual_seed(1)
    found = model.loss(x)["loss"]
    torch.manual_seed(1)
    torch.testing.assert_close(found, vae.loss(x)["loss"])


def test_penalty_is_no_part_of_the_bound() -> None:
    model, x = info_vae().eval(), batch()
    found = bounds(model, x, 5)
    torch.testing.assert_close(found["kl"].mean(), model.loss(x)["kl"])


def test_a_batch_of_one_has_a_finite_loss() -> None:
    assert info_vae().loss(batch(1))["loss"].isfinite()


def test_a_negative_weight_is_refused() -> None:
    with pytest.raises(UserError, match=r"^model.lambda_mmd=0.2: expected at least 1 - model.alpha = 0.7; a smaller"):
        info_vae(lambda_mmd=0.2)


def test_it_has_no_beta_to_lower() -> None:
    assert not isinstance(info_vae(), HasBeta)
