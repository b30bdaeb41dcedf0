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
from aectl.evaluation.options import EvalOptions
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

    Arguments:
        trained: the run.
        batches: of the examples that it is tested on.
        options: what is measured.
        cache: keeps what does not depend on the run.

    Attributes:
        failed: why a section is missing, by its name.
    """

    def __init__(self, trained: TrainedRun, batches: Batches, options: EvalOptions, cache: Cache) -> None:
        self.trained, self.batches, self.options, self.cache = trained, batches, options, cache
        self.failed: dict[str, Failure] = {}

    def attempt(self, name: str, compute: Callable[[], T]) -> T | None:
        """What `compute` returns; None if it raises, which is kept in `failed`."""
        try:
            return compute()
        except Exception as error:  # a model, a task or a metric of the user's own may raise anything
            self.failed[name] = Failure(describe_error(error), traceback.format_exc())
            return None

    def embeddings(self) -> Embeddings | NotApplicable | None:
        if not self.options.embeddings:
            return None
        return self.attempt("latents", lambda: embeddings_section(self.trained, self.options.split, self.cache))

    def likelihood(self) -> LogLikelihood | NotApplicable | None:
        draws, n = self.options.importance_samples, self.options.likelihood_images
        if not draws:
            return None
        return self.attempt("likelihood", lambda: likelihood_section(self.trained, self.batches, draws, n))

    def samples(self) -> SampleQuality | NotApplicable | None:
        n, samplers = self.options.samples, self.options.samplers
        if not n:
            return None
        return self.attempt("samples", lambda: samples_section(self.trained, self.options.split, n, samplers))

    def music(self, comparison: BaselineComparison) -> MusicQuality | None:
        """Of tokens, what the model writes as music."""
        modality, n, samplers = self.trained.modality, self.options.samples, self.options.samplers
        if not isinstance(modality, Tokens):
            return None
        return self.attempt("music", lambda: score_music(self.trained, modality, comparison, self.batches, n, samplers))


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


def samples_section(
    trained: TrainedRun, split: SplitName, n: int, samplers: list[Sampler] | None = None
) -> SampleQuality | NotApplicable:
    if not (trained.model.generative or isinstance(trained.model, HasLatent)):
        return NotApplicable(f"not available: {type(trained.model).__name__} has no latent to sample")
    return score_samples(trained, split, n, samplers)
