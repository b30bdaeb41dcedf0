"""The log-likelihood of data under a variational model, in nats and in bits."""

import math
from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from aectl.data.loader import Batches
from aectl.errors import UserError
from aectl.evaluation.scores import MeanCI, mean_ci
from aectl.example import Example
from aectl.inference.trained_run import TrainedRun
from aectl.io.progress import track
from aectl.models.base import Autoencoder
from aectl.models.capabilities import HasKL, HasLogLikelihood
from aectl.models.probability.likelihoods import Likelihood
from aectl.models.variational.importance import log_weights, scored_by
from aectl.rng import seeded_rng

DECODED_AT_ONCE = 1_000
GRAY_LEVELS = 256


@dataclass(frozen=True)
class LogLikelihood:
    """The likelihood of examples under a model, means in nats per example."""

    elbo: MeanCI  # the evidence lower bound, -nll - kl
    nll: MeanCI | None  # the reconstruction term; None of a model that knows only the sum
    kl: MeanCI | None  # the divergence from the prior
    log_likelihood: MeanCI  # log p(x) by importance sampling
    samples: int  # the importance samples of each example
    n: int  # the examples
    bits_per_dim: MeanCI | None  # -log2 p(x) per dimension, of one of 256 gray levels if the likelihood is a density;
    # of tokens per step
    note: str  # a warning if the numbers are no likelihood, else empty

    @property
    def kl_bits(self) -> float | None:
        return self.kl.mean / math.log(2) if self.kl else None

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "kl_bits": self.kl_bits}


@torch.inference_mode()
def estimate(
    trained: TrainedRun, model: HasKL | HasLogLikelihood, batches: Batches, samples: int, n: int
) -> LogLikelihood:
    """The likelihood of the first `n` examples of a split; a model with a `log_likelihood` is asked for it."""
    columns: dict[str, list[Tensor]] = defaultdict(list)
    binary = True
    n = min(n, len(batches.split.x))
    for index, part in enumerate(track(torch.arange(n).split(batches.batch_size), "likelihood")):
        example = trained.run.task.for_loss(trained.make_example(batches.take(part), index))
        with seeded_rng(trained.seed + index, trained.device):
            for name, column in bounds(model, example, samples).items():
                columns[name].append(column)
        binary &= bool(((example.target == 0) | (example.target == 1)).all())
    values = {name: torch.cat(parts).cpu().double().numpy() for name, parts in columns.items()}
    elbo = values.pop("elbo") if "elbo" in values else -values["nll"] - values["kl"]
    bits = -values["log_likelihood"] / (trained.modality.num_values * math.log(2))
    likelihood = getattr(model, "likelihood", None)
    continuous = likelihood.continuous if isinstance(likelihood, Likelihood) else None
    return LogLikelihood(
        elbo=mean_ci(elbo),
        nll=mean_ci(values["nll"]) if "nll" in values else None,
        kl=mean_ci(values["kl"]) if "kl" in values else None,
        log_likelihood=mean_ci(values["log_likelihood"]),
        samples=samples,
        n=n,
        bits_per_dim=None if continuous is None else mean_ci(bits + math.log2(GRAY_LEVELS) * continuous),
        note=describe_bound(continuous, binary, batches.split.x.dtype == torch.uint8),
    )


def bounds(model: HasKL | HasLogLikelihood, example: Example, samples: int) -> dict[str, Tensor]:
    """log p(x) and the two terms of the ELBO or, of a model that knows only their sum, the ELBO: (B,) nats each."""
    if isinstance(model, HasLogLikelihood):
        return {
            "elbo": own_log_likelihood(model, example, 1),
            "log_likelihood": own_log_likelihood(model, example, samples),
        }
    q = model.encode(example.input, example.cond)
    z, latent_terms = model.latent(q, example.cond)
    nll = model.likelihood.nll(scored_by(model, z, example), example.target, example.weight)
    penalties = model.penalties if isinstance(model, Autoencoder) else ()
    of_kl = [term for name, term in latent_terms.items() if name not in penalties]
    kl = sum(of_kl, torch.zeros(len(z), device=z.device))
    return {"nll": nll, "kl": kl, "log_likelihood": log_likelihood(model, example, samples)}


def own_log_likelihood(model: HasLogLikelihood, example: Example, k: int) -> Tensor:
    """What the model says; a UserError if it is not a number for each example."""
    found = model.log_likelihood(example, k)
    if found.shape != (len(example.target),):
        raise UserError(
            f"{type(model).__name__}.log_likelihood: returned a tensor of shape {tuple(found.shape)}; expected one "
            f"number of nats for each of the {len(example.target)} examples: sum over the data, not over the batch"
        )
    return found


def describe_bound(continuous: bool | None, binary: bool, gray_levels: bool) -> str:
    """Why the numbers are no likelihood of the data, or bits per dimension no bound on its own; else empty."""
    if continuous is False and not binary:
        return NOT_BINARY
    return NOT_DEQUANTIZED if continuous and gray_levels else ""


NOT_DEQUANTIZED = (
    "Bits per dimension are of a density at 256 gray levels, to which no noise was added (no dequantization): they are "
    "no bound on the bits that the gray levels take, so compare them only with numbers made in the same way."
)
NOT_BINARY = (
    "Gray pixels under a Bernoulli are no likelihood of the image: for one, train with data.binarize=dynamic, or "
    "evaluate with binarize=fixed, or choose likelihood=continuous_bernoulli."
)


def log_likelihood(model: HasKL, example: Example, samples: int) -> Tensor:
    r"""log p(x) by importance sampling from the posterior, (B,) nats on the CPU, in bounded memory.

    .. math:: \log p(x) \approx \log \frac{1}{K} \sum_{k=1}^K \frac{p(x|z_k) \, p(z_k)}{q(z_k|x)},
        \quad z_k \sim q(z|x)

    In expectation this is a lower bound that tightens as K grows.

    References:
        | Importance Weighted Autoencoders (Burda, Grosse & Salakhutdinov, 2015), eq. 8
        | https://arxiv.org/abs/1509.00519
    """
    q = model.encode(example.input, example.cond)
    total = torch.full((len(example.target),), -math.inf, dtype=torch.float64)  # some devices have no double precision
    at_once = max(1, DECODED_AT_ONCE // len(example.target))
    for drawn in range(0, samples, at_once):
        k = min(at_once, samples - drawn)
        z = q.sample(torch.Size([k]))  # (k, B, *latent_shape)
        log_p, log_ratio = log_weights(model, example, q, z)
        total = torch.logaddexp(total, (log_p - log_ratio).cpu().double().logsumexp(0))
    return total - math.log(samples)
