"""Evaluates a trained run."""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_type_hints

from aectl.config import check
from aectl.data.loader import Batches
from aectl.data.source import SplitName
from aectl.evaluation.advice import circumstances, suggest_improvement
from aectl.evaluation.baseline_comparison import BaselineComparison, BaselineRow, best_baseline
from aectl.evaluation.cache import Cache
from aectl.evaluation.example_figure import draw_examples
from aectl.evaluation.lesson_loss import find_lesson_loss
from aectl.evaluation.loss_terms import LossFormat
from aectl.evaluation.protocol import describe_protocol, library_versions
from aectl.evaluation.report import Report
from aectl.evaluation.sample_quality import check_samplers
from aectl.evaluation.scores import OwnMetrics, Scores, score_model
from aectl.evaluation.sections import Sections, embeddings_section, likelihood_section, music_section, samples_section
from aectl.evaluation.shared_figure import show_examples
from aectl.evaluation.verdict import Verdict, decide_outcome, describe_outcome
from aectl.inference.sampling import Sampler
from aectl.inference.trained_run import TrainedRun
from aectl.models.capabilities import code_length
from aectl.runs.run import Run, num_parameters
from aectl.types import NonNegativeInt, PositiveInt


@dataclass(frozen=True)
class EvalOptions:
    """What is measured, and on how many examples; a UserError for a value of the wrong type or out of range.

    Arguments:
        split: `test`, `val` or `train`.
        batch_size: examples a batch.
        pictures: examples of each kind, best, median and worst, in the figure.
        baselines: compare with the classical baselines of the task.
        slow_images: run slow baselines on this many examples.
        embeddings: score the latents as features.
        importance_samples: of log p(x), for each example; 0 leaves the likelihood out.
        likelihood_images: estimate the likelihood of this many examples.
        samples: draw this many to compare with held-out examples; 0 leaves them out.
        samplers: what they are drawn from, each compared; None: the prior of a model that has one, else a Gaussian.
        cache: the folder that keeps fits and scores of baselines.
    """

    split: SplitName = "test"
    batch_size: PositiveInt = 250
    pictures: PositiveInt = 4
    baselines: bool = True
    slow_images: PositiveInt = 1000
    embeddings: bool = True
    importance_samples: NonNegativeInt = 64
    likelihood_images: PositiveInt = 500
    samples: NonNegativeInt = 2000
    samplers: list[Sampler] | None = None
    cache: str = field(default_factory=lambda: f"{os.environ.get('AECTL_CACHE', '~/.cache/aectl')}/baselines")

    def __post_init__(self) -> None:
        check(vars(self), get_type_hints(EvalOptions, include_extras=True))


def evaluate(
    trained: TrainedRun,
    options: EvalOptions | None = None,
    train_run: Run | None = None,
    metrics: OwnMetrics | None = None,
) -> Report:
    """Measures a run: scores beside classical baselines, latents, likelihood and samples.

    Arguments:
        trained: the run on the data set that it is tested on.
        options: what is measured.
        train_run: the run on the data set that it was trained on, if that is another one. Baselines are fitted to it,
            and samples are then not compared.
        metrics: of the user's own, by name: outputs and targets (B, *shape) in [0, 1] to a number for each example.
    """
    options = options or EvalOptions()
    check_samplers(trained, options.samplers)
    trained_on = trained.run.original.names.dataset
    cache = Cache(Path(options.cache).expanduser())
    batches = Batches(trained.run.data.split(options.split), options.batch_size, shuffle=False)
    terms, scores = score_model(trained, batches, metrics)
    fitted_on = replace(trained, run=train_run) if train_run else trained
    comparison = BaselineComparison(fitted_on, trained, cache, options.slow_images)
    sections = Sections()
    rows = []
    if options.baselines:
        rows = sections.attempt("baselines", lambda: comparison.rows(batches, code_length(trained.model))) or []
    best = best_baseline(rows, scores)
    restored = (best.baseline, comparison.fitted(best.baseline)) if best else None
    figure = sections.attempt("pictures", lambda: draw_examples(trained, batches, scores, options.pictures, restored))
    shown = sections.attempt("pictures", lambda: show_examples(trained, batches))
    embeddings = likelihood = samples = None
    if options.embeddings:
        embeddings = sections.attempt("latents", lambda: embeddings_section(trained, options.split, cache))
    if k := options.importance_samples:
        n = options.likelihood_images
        likelihood = sections.attempt("likelihood", lambda: likelihood_section(trained, batches, k, n))
    if options.samples and not train_run:
        samples = sections.attempt(
            "samples", lambda: samples_section(trained, options.split, options.samples, options.samplers)
        )
    music = sections.attempt(
        "music", lambda: music_section(trained, comparison, batches, options.samples, options.samplers)
    )
    run = trained.run
    return Report(
        run=str(run.folder),
        checkpoint=run.checkpoint.name,
        model=run.cfg.names.model,
        parameters=num_parameters(trained.model),
        task=run.task.label,
        dataset=run.cfg.names.dataset,
        trained_on=trained_on,
        modality=trained.modality,
        protocol=describe_protocol(trained, trained_on, options.split, batches, options.slow_images),
        versions=library_versions(),
        terms=terms,
        loss_format=LossFormat.of(trained.model),
        lesson=find_lesson_loss(run, trained.model, terms["loss"]),
        example_scores=scores,
        baselines=rows,
        verdict=judge(trained, scores, best) if best else None,
        embeddings=embeddings,
        likelihood=likelihood,
        samples=samples,
        music=music,
        figures={"pictures": figure} if figure else {},
        shown=shown,
        failed=sections.failed,
    )


def judge(trained: TrainedRun, scores: Scores, best: BaselineRow) -> Verdict:
    gain, name = best.margin(scores), best.baseline.name
    assert gain is not None
    advice = suggest_improvement(trained.model, circumstances(trained.run, best.baseline))
    metric = trained.modality.metrics[best.metric]
    unit = metric.unit or f" of {metric.label}"
    sentence = describe_outcome(gain, f"{best.n:,} {trained.modality.name}", name, advice, metric.digits, unit)
    return Verdict(name, decide_outcome(gain), gain, sentence)
