"""The parts of an evaluation: each prints what it found and returns what goes into metrics.json."""

import math
from dataclasses import asdict
from typing import Any

import numpy as np

from aectl.data.loader import Batches, to_float
from aectl.data.source import SplitName
from aectl.evaluation import embeddings, log_likelihood, tables, verdict
from aectl.evaluation.baseline_comparison import FIT_VALUES, BaselineRow
from aectl.evaluation.cache import Cache
from aectl.evaluation.measure import Measured
from aectl.evaluation.sample_quality import Features
from aectl.evaluation.scores import mean_scores
from aectl.inference.sampling import default_sampler, generate
from aectl.inference.trained_run import TrainedRun
from aectl.models.ae import AE
from aectl.models.vae import VAE

Report = dict[str, Any]


def report_baselines(
    opened: TrainedRun, trained_on: str, measured: Measured, rows: list[BaselineRow], best: BaselineRow | None
) -> Report:
    """The model beside the baselines, and what that means."""
    names, task = opened.run.cfg.names, opened.run.task
    title = f"{task.label} · {names.dataset}, n = {measured.n:,}, seed {opened.seed}"
    tables.console().print(tables.comparison(title, f"{names.model} (this run)", measured, rows, best))
    print(" · ".join(f"{name} {value:.3f}" for name, value in measured.terms.items()) + " nats")
    report: Report = {
        "terms": measured.terms,
        "scores": mean_scores(measured.scores),
        "baselines": {row.baseline.name: summary(row, measured) for row in rows},
    }
    if best is None or (lead := best.margin(measured.scores)) is None:
        return report
    outcome, name = verdict.outcome(lead), best.baseline.name
    way_on = verdict.suggest_improvement(opened.model, task.restores, trained_on, names.dataset)
    said = verdict.sentence(lead, best.n, name, way_on)
    tables.console().print(said, style=tables.COLOURS[outcome], soft_wrap=True)
    return {**report, "verdict": {"best_baseline": name, "outcome": outcome, "lead_db": lead, "sentence": said}}


def summary(row: BaselineRow, measured: Measured) -> Report:
    """A baseline: its means, the model's lead over it on the same images, or why it has none."""
    if row.scores is None:
        return {"error": row.error}
    return {
        **mean_scores(row.scores),
        "n": row.n,
        "setting": row.setting,
        "model_leads_by_db": row.margin(measured.scores),
    }


def report_embeddings(opened: TrainedRun, split: SplitName, cache: Cache) -> Report:
    """What the latents are worth as features."""
    if not embeddings.has_bottleneck(opened):
        note = f"{opened.model.latent_size:,} numbers for {math.prod(opened.model.input_shape):,} values"
        print(f"the model squeezes nothing ({note}), so its latents are not compared as embeddings")
        return {"note": f"no bottleneck: {note}"}
    found = embeddings.score_embeddings(opened, split, cache)
    if found.accuracy:
        tables.console().print(tables.embeddings(found))
    print(found.note or f"all {found.units} latent units are active")
    dead = (found.units - found.active) / found.units
    return {**asdict(found), "dead_share": dead, "protocol": embeddings.embedding_protocol(opened)}


def report_likelihood(opened: TrainedRun, batches: Batches, samples: int, images: int) -> Report:
    """The likelihood of a model that has one."""
    if not isinstance(opened.model, VAE):
        return {"note": "the model is no VAE"}
    if not opened.model.is_bound:
        print("convention=lesson: its loss is no bound on the likelihood, so none is given")
        return {"note": "no bound on the likelihood"}
    found = log_likelihood.estimate(opened, opened.model, batches, samples, images)
    tables.console().print(tables.likelihood(found))
    if found.note:
        print(found.note)
    return {**vars(found), "kl_bits": found.kl_bits}


def report_samples(opened: TrainedRun, split: SplitName, n: int) -> Report:
    """How samples compare with held-out images, beside how other real images do."""
    if not isinstance(opened.model, AE):
        return {"note": "the model has nothing to sample from"}
    held_out = flat_images(opened, split, n)
    features = Features.of(flat_images(opened, "train", FIT_VALUES), held_out)
    sampler = default_sampler(opened.model)
    drawn = generate(opened, len(held_out), sampler).flatten(1).numpy()
    source = {"prior": "the prior", "gaussian": "a Gaussian fitted to the training latents"}[sampler]
    real: SplitName = "val" if split != "val" else "test"
    scores = {
        f"samples of {source}": features.score(drawn),
        f"real images ({real})": features.score(flat_images(opened, real, n)),
    }
    note = f"Frechet distance of {features.held_out.shape[1]} principal components of the training images of "
    note += f"{opened.run.cfg.names.dataset}: compare it with itself alone, over as many samples"
    tables.console().print(tables.samples(len(held_out), scores))
    print(note)
    return {"n": len(drawn), "note": note, **{name: asdict(score) for name, score in scores.items()}}


def flat_images(opened: TrainedRun, split: SplitName, n: int) -> np.ndarray:
    """The first images of a split as rows in [0, 1], (N, values), as many as fit in memory."""
    most = min(n, FIT_VALUES // math.prod(opened.model.shape))
    x = opened.run.data.split(split).x[:most]
    return to_float({"x": x})["x"].flatten(1).numpy()
