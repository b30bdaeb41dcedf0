"""What to try when a model does not beat the best baseline: the length of its training first, then what it was told."""

import math
from dataclasses import dataclass

from aectl.models.base import Autoencoder
from aectl.models.capabilities import HasBeta, HasLatent
from aectl.runs.run import Run, instantiate_node
from aectl.runs.summary import read_losses, read_summary
from aectl.tasks.base import Task
from aectl.tasks.baselines.base import Baseline, Untouched

USUAL_BETA = {True: 0.05, False: 1.0}  # of a task that restores, whose code need not be close to the prior, or not
ENOUGH = 0.5  # of the epochs that the data set's budget asks for
LATE = 0.1  # the last part of a training
STILL_FALLING = 0.02  # of the whole fall of the validation loss, in the last part


@dataclass(frozen=True)
class Circumstances:
    """What a model was trained for and is tested on."""

    restores: bool  # whether the task degrades its input
    trained_on: str = ""  # data sets
    tested_on: str = ""
    trained_for: Task | None = None
    tested_for: Task | None = None
    length: str = ""  # that it was not trained for long enough, in a sentence
    best: Baseline | None = None


def circumstances(run: Run, best: Baseline) -> Circumstances:
    """Those of a run that loses to this baseline."""
    return Circumstances(
        run.task.restores,
        run.original.names.dataset,
        run.cfg.names.dataset,
        instantiate_node(run.original.task),
        run.task,
        describe_length(run),
        best,
    )


def suggest_improvement(model: Autoencoder, where: Circumstances) -> str:
    """Why the model may be no better, and what to change."""
    reason = unfair_test(where) or weak_task(where) or unsuitable_latent(model, where) or heavy_kl(model, where)
    return " ".join(filter(None, (where.length, reason or ("" if where.length else LARGER))))


LARGER = "Try to train for longer (trainer.max_epochs=), or make the net larger."


def unfair_test(where: Circumstances) -> str:
    """That the model was trained on other data, or for another task."""
    if where.trained_on != where.tested_on:
        on = where.tested_on
        return f"It was trained only on {where.trained_on}: to do better here, train on this data set (dataset={on})."
    if where.trained_for and where.tested_for and not where.trained_for.covers(where.tested_for):
        return (
            f"It was trained for {where.trained_for.label}, not for {where.tested_for.label}: train it for what it is "
            "tested on."
        )
    return ""


def weak_task(where: Circumstances) -> str:
    """That there is little to restore: no classical method improves on the input either."""
    if not isinstance(where.best, Untouched):
        return ""
    return "The input is hardly degraded, and no classical method improves on it: a stronger task leaves more to gain."


def unsuitable_latent(model: Autoencoder, where: Circumstances) -> str:
    """That a code is too small to restore from."""
    if not (where.restores and len(model.shape) == 3 and isinstance(model, HasLatent)):
        return ""
    if len(model.latent_shape) == 1:
        return (
            "A single code vector for the whole image loses the detail that restoring needs: try net=residual, which "
            "has a latent for each cell of pixels."
        )
    if model.latent_size < math.prod(model.input_shape):
        return (
            "Restoring through a bottleneck loses detail: raise model.latent_dim, or train for longer "
            "(trainer.max_epochs=), or make the net larger."
        )
    return ""


def heavy_kl(model: Autoencoder, where: Circumstances) -> str:
    """That the KL is weighed so much that the reconstruction suffers."""
    usual = USUAL_BETA[where.restores]
    if not isinstance(model, HasBeta) or model.beta <= usual:
        return ""
    of = "that is usual for a task that restores" if where.restores else "of the negative ELBO"
    return f"model.beta={model.beta:g} is more than the {usual:g} {of} and costs reconstruction: lower it."


def describe_length(run: Run) -> str:
    """That a run was not trained for long enough, and how to go on; empty if it was, or nothing is known of it."""
    summary = read_summary(run.summary)
    epochs, usual = summary.epochs, summary.budget_epochs
    if not epochs:
        return ""
    if usual and epochs < ENOUGH * usual:
        count = "1 epoch" if epochs == 1 else f"{epochs} epochs"
        return (
            f"It was trained for {count}, where {usual} are usual for this data set: train longer first "
            f"({run.resume_command} trainer.max_epochs={usual})."
        )
    if still_falling(read_losses(run.metrics)):
        return (
            f"Its validation loss was still falling in the last of {epochs} epochs: train longer first "
            f"({run.resume_command} trainer.max_epochs={2 * epochs})."
        )
    return ""


def still_falling(losses: list[float]) -> bool:
    """Whether the validation losses of the epochs fell in the last part of the training as they did before."""
    last = max(1, round(LATE * len(losses)))
    if len(losses) < 3 or not all(map(math.isfinite, losses)):
        return False
    before, best = min(losses[:-last]), min(losses)
    return before - best > STILL_FALLING * (losses[0] - best)
