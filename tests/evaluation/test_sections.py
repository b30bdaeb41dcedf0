"""The sections of a report with models of the user's own: they are asked what they can do, and may fail."""

import json
from dataclasses import replace

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor
from torch.distributions import Distribution

from aectl.config import to_plain
from aectl.evaluation import EvalOptions, Report, evaluate, tables
from aectl.evaluation.log_likelihood import LogLikelihood
from aectl.evaluation.report import NotApplicable
from aectl.evaluation.sample_quality import SampleQuality
from aectl.inference.trained_run import TrainedRun
from aectl.models.base import Autoencoder
from aectl.models.nets.mlp import MLP
from aectl.models.probability.likelihoods import Gaussian
from aectl.models.vae import VAE
from tests.support.toy_models import opened
from tests.support.toy_posteriors import FullCovarianceVAE, Ladder

SHAPE = (1, 8, 8)
FEW = EvalOptions(baselines=False, embeddings=False, importance_samples=5, likelihood_images=30, samples=40)


def gaussian() -> Gaussian:
    return Gaussian(0.2, learn_scale=False)


def trained(model: Autoencoder) -> TrainedRun:
    run = opened(model.eval()).run
    cfg = OmegaConf.create(
        {**to_plain(run.cfg), "names": {"model": "mine", "task": "reconstruct", "dataset": "digits"}}
    )
    return TrainedRun(replace(run, cfg=cfg), model, torch.device("cpu"))


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def report_on(model: Autoencoder, options: EvalOptions = FEW) -> Report:
    return evaluate(trained(model), options)


class BrokenPrior(VAE):
    def latent(self, q: Distribution, c: Tensor | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        return q.rsample(), {"kl": torch.zeros(len(q.mean))}

    def prior(self, n: int, c: Tensor | None = None) -> Distribution:
        raise RuntimeError("this prior is broken")


def test_a_section_that_fails_is_a_line_and_the_rest_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    found = report_on(BrokenPrior(SHAPE, SHAPE, 3, 1.0, 0, MLP([8]), gaussian()), replace(FEW, embeddings=True))
    assert {*found.failed} == {"likelihood", "samples"}
    assert (found.likelihood, found.samples) == (None, None)
    assert found.embeddings is not None
    assert {*found.figures} == {"pictures"}
    tables.print_report(found)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("likelihood: failed")]
    assert "RuntimeError: this prior is broken (test_sections.py:" in line
    stored = json.loads(json.dumps(found.to_dict()))["failed"]["likelihood"]
    assert "this prior is broken" in stored["error"]
    assert "in prior" in stored["traceback"]


def test_baselines_that_cannot_be_asked_for_are_a_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Ladder(SHAPE, SHAPE, 4, gaussian())
    del model.latent_size
    found = report_on(model, EvalOptions(embeddings=False, importance_samples=0, samples=0))
    assert {*found.failed} == {"baselines"}
    assert "latent_size" in found.failed["baselines"].error
    assert found.scores["psnr"].mean > 0


def test_a_posterior_with_a_full_covariance_has_a_likelihood() -> None:
    found = report_on(FullCovarianceVAE(SHAPE, SHAPE, 3, 1.0, 0, MLP([8]), gaussian()))
    assert isinstance(found.likelihood, LogLikelihood)
    assert found.likelihood.elbo.mean <= found.likelihood.log_likelihood.mean
    assert not found.failed


def test_a_model_with_levels_of_its_own_is_asked_for_samples_and_likelihood(capsys: pytest.CaptureFixture[str]) -> None:
    model = Ladder(SHAPE, SHAPE, 4, gaussian())
    assert model.generative
    found = report_on(model)
    assert isinstance(found.samples, SampleQuality)
    assert isinstance(found.likelihood, LogLikelihood)
    assert (found.likelihood.nll, found.likelihood.kl) == (None, None)
    assert found.likelihood.elbo.mean < found.likelihood.log_likelihood.mean
    assert found.likelihood.bits_per_dim is not None
    for full in (False, True):
        tables.print_report(found, full)
    assert "log p(x)" in capsys.readouterr().out


class Summed(Ladder):
    def log_likelihood(self, example: "object", k: int) -> Tensor:
        return torch.zeros(())


class NoLikelihood(Ladder):
    log_likelihood = None  # type: ignore[assignment]


def test_a_log_likelihood_of_the_wrong_shape_says_what_was_expected() -> None:
    error = report_on(Summed(SHAPE, SHAPE, 4, gaussian())).failed["likelihood"].error
    assert "Summed.log_likelihood: returned a tensor of shape ()" in error
    assert "one number of nats for each of the 30 examples" in error


def test_without_a_log_likelihood_the_report_says_which_method_is_missing() -> None:
    found = report_on(NoLikelihood(SHAPE, SHAPE, 4, gaussian())).likelihood
    assert isinstance(found, NotApplicable)
    assert "no log_likelihood(example, k)" in found.note


def test_as_many_samples_as_real_images_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    """The digits have 359 images to test on, and 144 to validate on."""
    found = report_on(VAE(SHAPE, SHAPE, 3, 1.0, 0, MLP([8]), gaussian()), replace(FEW, samples=2000))
    assert isinstance(found.samples, SampleQuality)
    assert (found.samples.n, found.samples.held_out) == (144, 359)
    tables.print_report(found)
    assert "in brackets real images, 144 of each" in capsys.readouterr().out
    tables.print_report(found, full=True)
    shown = capsys.readouterr().out
    assert "samples of the prior, n = 144" in shown
    assert "real images (val), n = 144" in shown
