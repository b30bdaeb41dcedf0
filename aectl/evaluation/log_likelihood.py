"""The log-likelihood of data under a variational model, in nats and in bits."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from aectl.data.loader import Batches
from aectl.evaluation.scores import MeanCI, mean_ci
from aectl.example import Example
from aectl.inference.trained_run import TrainedRun
from aectl.io.progress import track
from aectl.models.capabilities import HasKL
from aectl.rng import seeded_rng

DECODED_AT_ONCE = 1_000
GRAY_LEVELS = 256


@dataclass(frozen=True)
class LogLikelihood:
    """The likelihood of examples under a model, means in nats per example."""

    elbo: MeanCI  # the evidence lower bound, -nll - kl
    nll: MeanCI  # the reconstruction term
    kl: MeanCI  # the divergence from the prior
    log_likelihood: MeanCI  # log p(x) by importance sampling
    samples: int  # the importance samples of each example
    n: int  # the examples
    bits_per_dim: MeanCI  # -log2 p(x) per dimension, of one of 256 gray levels if the likelihood is a density
    note: str  # a warning if the numbers are no likelihood, else empty

    @property
    def kl_bits(self) -> float:
        return self.kl.mean / math.log(2)

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "kl_bits": self.kl_bits}


@torch.inference_mode()
def estimate(trained: TrainedRun, model: HasKL, batches: Batches, samples: int, n: int) -> LogLikelihood:
    """The likelihood of the first `n` examples of a split."""
    columns: dict[str, list[Tensor]] = {"nll": [], "kl": [], "log_likelihood": []}
    binary = True
    n = min(n, len(batches.split.x))
    for index, part in enumerate(track(torch.arange(n).split(batches.batch_size), "likelihood")):
        example = trained.make_example(batches.take(part), index)
        with seeded_rng(trained.seed + index, trained.device):
            q = model.encode(example.input, example.cond)
            z, latent_terms = model.latent(q, example.cond)
            p = model.decode(z, example.cond)
            columns["nll"].append(model.likelihood.nll(p, example.target, example.weight))
            columns["kl"].append(sum(latent_terms.values(), torch.zeros(len(z), device=z.device)))
            columns["log_likelihood"].append(log_likelihood(model, example, samples))
        binary &= bool(((example.target == 0) | (example.target == 1)).all())
    values = {name: torch.cat(parts).cpu().double().numpy() for name, parts in columns.items()}
    dims = math.prod(trained.model.shape)
    bits = -values["log_likelihood"] / (dims * math.log(2))
    return LogLikelihood(
        elbo=mean_ci(-values["nll"] - values["kl"]),
        **{name: mean_ci(column) for name, column in values.items()},
        samples=samples,
        n=n,
        bits_per_dim=mean_ci(bits + math.log2(GRAY_LEVELS) * model.likelihood.continuous),
        note="" if model.likelihood.continuous or binary else NOT_BINARY,
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
    prior = model.prior(len(example.target), example.cond)
    total = torch.full((len(example.target),), -math.inf, dtype=torch.float64)  # some devices have no double precision
    at_once = max(1, DECODED_AT_ONCE // len(example.target))
    for drawn in range(0, samples, at_once):
        k = min(at_once, samples - drawn)
        z = q.sample(torch.Size([k]))  # (k, B, *latent_shape)
        log_weights = prior.log_prob(z).flatten(2).sum(2) - q.log_prob(z).flatten(2).sum(2)  # (k, B)
        p = model.decode(z.flatten(0, 1), repeat_batch(example.cond, k))
        target = example.target.expand(k, *example.target.shape).flatten(0, 1)
        log_weights = log_weights - model.likelihood.nll(p, target, repeat_batch(example.weight, k)).view(k, -1)
        total = torch.logaddexp(total, log_weights.cpu().double().logsumexp(0))
    return total - math.log(samples)


def repeat_batch(part: Tensor | None, k: int) -> Tensor | None:
    """A part of an example (B, ...) as (k * B, ...)."""
    return None if part is None else part.repeat(k, *[1] * (part.ndim - 1))
