"""The sections of a report besides the scores; one that fails, in a user's own code say, leaves the others alone."""

import math
import traceback
from collections.abc import Callable
from typing import TypeVar

from aectl.data.loader import Batches
from aectl.data.source import SplitName
from aectl.errors import describe_error
from aectl.evaluation.baseline_comparison import BaselineComparison
from aectl.evaluation.cache import Cache
from aectl.evaluation.embeddings import Embeddings, has_bottleneck, score_embeddings
from aectl.evaluation.log_likelihood import LogLikelihood, estimate
from aectl.evaluation.music import MusicQuality, score_music
from aectl.evaluation.report import Failure, NotApplicable
from aectl.evaluation.sample_quality import SampleQuality, score_samples
from aectl.inference.sampling import Sampler
from aectl.inference.trained_run import TrainedRun
from aectl.modalities import Tokens
from aectl.models.capabilities import HasKL, HasLatent, HasLogLikelihood, code_length
from aectl.models.probability.likelihoods import Likelihood

T = TypeVar("T")


class Sections:
    """Computes the sections of a report.

    Attributes:
        failed: why a section is missing, by its name.
    """

    def __init__(self) -> None:
        self.failed: dict[str, Failure] = {}

    def attempt(self, name: str, compute: Callable[[], T]) -> T | None:
        """What `compute` returns; None if it raises, which is kept in `failed`."""
        try:
            return compute()
        except Exception as error:  # a model, a task or a metric of the user's own may raise anything
            self.failed[name] = Failure(describe_error(error), traceback.format_exc())
            return None


def embeddings_section(trained: TrainedRun, split: SplitName, cache: Cache) -> Embeddings | NotApplicable:
    model = trained.model
    if has_bottleneck(model):
        return score_embeddings(trained, split, cache)
    return NotApplicable(f"no bottleneck: {code_length(model):,} numbers for {math.prod(model.input_shape):,} values")


def likelihood_section(trained: TrainedRun, batches: Batches, samples: int, n: int) -> LogLikelihood | NotApplicable:
    model, name = trained.model, type(trained.model).__name__
    likelihood = getattr(model, "likelihood", None)
    if isinstance(likelihood, Likelihood) and not likelihood.is_density:
        distance = type(likelihood).__name__
        return NotApplicable(f"not available: {distance} is a distance between images and no density, so no log p(x)")
    if isinstance(model, HasLogLikelihood):
        return estimate(trained, model, batches, samples, n)
    if not isinstance(model, HasKL):
        return NotApplicable(
            f"not available: {name} has no KL and no log_likelihood(example, k), so no bound on log p(x)"
        )
    if not model.is_bound:
        return NotApplicable(f"not available: the loss of {name} is no bound on log p(x)")
    return estimate(trained, model, batches, samples, n)


def music_section(
    trained: TrainedRun,
    comparison: BaselineComparison,
    batches: Batches,
    samples: int,
    samplers: list[Sampler] | None = None,
) -> MusicQuality | None:
    """Of tokens, what the model writes as music."""
    modality = trained.modality
    if not isinstance(modality, Tokens):
        return None
    return score_music(trained, modality, comparison, batches, samples, samplers)


def samples_section(
    trained: TrainedRun, split: SplitName, n: int, samplers: list[Sampler] | None = None
) -> SampleQuality | NotApplicable:
    if not (trained.model.generative or isinstance(trained.model, HasLatent)):
        return NotApplicable(f"not available: {type(trained.model).__name__} has no latent to sample")
    return score_samples(trained, split, n, samplers)
