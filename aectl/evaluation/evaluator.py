"""Evaluates a trained run."""

from dataclasses import replace
from pathlib import Path

from aectl.data.loader import Batches
from aectl.evaluation.advice import circumstances, suggest_improvement
from aectl.evaluation.baseline_comparison import BaselineComparison, BaselineRow, best_baseline
from aectl.evaluation.cache import Cache
from aectl.evaluation.example_figure import draw_examples
from aectl.evaluation.lesson_loss import find_lesson_loss
from aectl.evaluation.loss_terms import LossFormat
from aectl.evaluation.options import EvalOptions
from aectl.evaluation.protocol import describe_protocol, library_versions
from aectl.evaluation.report import Report
from aectl.evaluation.sample_quality import check_samplers
from aectl.evaluation.scores import OwnMetrics, Scores, score_model
from aectl.evaluation.sections import Sections
from aectl.evaluation.shared_figure import show_examples
from aectl.evaluation.verdict import Verdict, decide_outcome, describe_outcome
from aectl.inference.trained_run import TrainedRun
from aectl.models.capabilities import code_length
from aectl.runs.run import Run, num_parameters


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
    sections = Sections(trained, batches, options, cache)
    rows = []
    if options.baselines:
        rows = sections.attempt("baselines", lambda: comparison.rows(batches, code_length(trained.model))) or []
    best = best_baseline(rows, scores)
    restored = (best.baseline, comparison.fitted(best.baseline)) if best else None
    figure = sections.attempt("pictures", lambda: draw_examples(trained, batches, scores, options.pictures, restored))
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
        embeddings=sections.embeddings(),
        likelihood=sections.likelihood(),
        samples=None if train_run else sections.samples(),
        music=sections.music(comparison),
        figures={"pictures": figure} if figure else {},
        shown=sections.attempt("pictures", lambda: show_examples(trained, batches)),
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
