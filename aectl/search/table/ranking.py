"""By what runs can be compared. Losses of different meaning are never ranked against each other."""

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

from aectl.config import spell
from aectl.search.table.differences import values_of
from aectl.search.table.facts import RunFacts
from aectl.search.table.flat_config import Flat, Value
from aectl.search.table.metrics import higher_is_better
from aectl.search.table.names import Names

POSED = re.compile(r"task\._target_|dataset\._target_|(task|dataset)\..+|data\.binarize|trainer\.limit_val_batches")
"""The keys that decide what a run is scored on."""
ON_DISK = frozenset(("dataset.root", "dataset.cache", "dataset.unpack_from", "dataset.files"))
LOSS_WEIGHTS = re.compile(
    r"model\.(_target_|alpha|beta|gamma|k|kind|estimate|estimator|regularizer|kernel|commitment|warmup_epochs|cycles"
    r"|free_bits\w*|\w+_weight|(lambda|beta)_\w+)"
)
"""The keys that decide what the loss of a model is besides its nll."""
SCORES = ("val/psnr", "val/mse", "test/psnr", "test/mse", "val/ssim", "val/onset_f1", "test/onset_f1")
"""What compares runs whose losses do not, the first that they have."""
NO_TERMS = re.compile(r"val/(loss|nll|bits|elbo|psnr\w*|ssim|lesson\w*)")
COMPARABLE = ("onset_f1", "token_accuracy", "exact", "psnr", "ssim", "mse", "psnr_gain", "psnr_hidden", "ms_ssim", "kl")
"""What means the same for all models."""
OF_LIKELIHOOD = ("nll", "elbo", "log_likelihood")
"""What means the same for all models with the same likelihood."""
MOST_NAMED = 4
Part = Callable[[RunFacts], Flat]


class Ranking(NamedTuple):
    """How runs are ordered.

    Arguments:
        metric: the name of what they are sorted by.
        maximize: whether more of it is better.
        why: why it is not the loss, or why not all of them can be compared; empty if nothing needs saying.
        losses_differ: whether their losses have several meanings.
        apart_by: the parts of their configs that runs have to have in common to be ranked against each other.
    """

    metric: str
    maximize: bool
    why: str
    losses_differ: bool
    apart_by: Sequence[Part]

    def block(self, run: RunFacts) -> tuple[str, ...]:
        """Runs are ranked only against those of the same block."""
        parts = (sorted(part_of(run).items()) for part_of in self.apart_by)
        return tuple(f"{key}={spell(value)}" for part in parts for key, value in part)


def rank(runs: Sequence[RunFacts], by: str | None = None) -> Ranking:
    """How to order runs: by what the user wants, or else by what compares them; a UserError for an unknown name."""
    scored = [run for run in runs if run.metrics]
    pairs = {(freeze(posed(run)), freeze(loss_meaning(run))) for run in scored}
    data = {pair[0] for pair in pairs}
    losses_differ = len(pairs) > len(data)
    if by is not None:
        return ranked_by(by, runs, losses_differ)
    metric = default_metric(scored, losses_differ)
    reasons = []
    if len(data) > 1:
        reasons.append(f"the runs differ in {differing(posed, scored)}, so they are ranked within each")
    if losses_differ:
        why = f"their losses mean different things ({differing(loss_meaning, scored)}), so they are sorted by {metric}"
        reasons.append(why + beside_reconstructions(scored))
    maximize = higher_is_better(metric) if losses_differ or not scored else scored[0].maximize
    return Ranking(metric, maximize, "; ".join(reasons), losses_differ, [posed])


def beside_reconstructions(runs: Sequence[RunFacts]) -> str:
    """What counts more than reconstructions and compares all runs too, after a comma; empty if nothing does."""
    likelihoods = {freeze(likelihood_of(run)) for run in runs}
    has_bound = len(likelihoods) == 1 and all("val/elbo" in run.metrics for run in runs)
    return ", which scores reconstructions alone; by=val/elbo counts the code too" if has_bound else ""


def default_metric(runs: Sequence[RunFacts], losses_differ: bool) -> str:
    """The metric that chose the best epochs, or a score where that is a loss and losses differ."""
    monitors = {run.monitor for run in runs}
    if len(monitors) == 1 and not (losses_differ and is_loss(*monitors)):
        return monitors.pop()
    if not losses_differ or not runs:
        return "val/loss"
    return next((score for score in SCORES if all(score in run.metrics for run in runs)), "val/psnr")


def ranked_by(by: str, runs: Sequence[RunFacts], losses_differ: bool) -> Ranking:
    """The order that a user asks for: `psnr`, `val/loss`, or `-seconds` for the other way round."""
    metric = Names(runs).resolve(by.removeprefix("-"), f"by={by}")
    parts = {words: part_of for words, part_of in comparable_within(metric).items() if differs(part_of, runs)}
    why = f"{metric} does not compare across {' and '.join(parts)}: ranked within each" if parts else ""
    return Ranking(metric, higher_is_better(metric) != by.startswith("-"), why, losses_differ, [*parts.values()])


def comparable_within(metric: str) -> dict[str, Part]:
    """What runs have to have in common for a metric to compare them, by its name in words."""
    leaf = metric.partition("/")[2]
    if not leaf:
        return {}
    within: dict[str, Part] = {"tasks or data": posed}
    if leaf in OF_LIKELIHOOD:
        return within | {"likelihoods": likelihood_of}
    return within if leaf in COMPARABLE else within | {"meanings of the loss": loss_meaning}


def differs(part_of: Part, runs: Sequence[RunFacts]) -> bool:
    return len({freeze(part_of(run)) for run in runs if run.metrics}) > 1


def is_loss(metric: str) -> bool:
    """Whether a metric means the same only where the losses or the likelihoods do."""
    return metric.partition("/")[2] not in COMPARABLE


def posed(run: RunFacts) -> Flat:
    """What a run is scored on: its task and its data, wherever the files are."""
    return {key: value for key, value in run.config.items() if value is not None and is_posed(key)}


@cache
def is_posed(key: str) -> bool:
    return POSED.fullmatch(key) is not None and key not in ON_DISK


@cache
def is_loss_weight(key: str) -> bool:
    return LOSS_WEIGHTS.fullmatch(key) is not None


def loss_meaning(run: RunFacts) -> Flat:
    """What the loss of a run is: its likelihood and, unless it is the nll alone, the model and the weights of terms."""
    likelihood = likelihood_of(run)
    terms = [name for name in run.metrics if is_term(name)]
    weights = {key: value for key, value in run.config.items() if is_loss_weight(key)} if terms else {}
    return {**likelihood, **weights, "data.binarize": run.config.get("data.binarize")}


@cache
def is_term(metric: str) -> bool:
    """Whether it is a term of the loss beside the nll."""
    return metric.startswith("val/") and NO_TERMS.fullmatch(metric) is None


def likelihood_of(run: RunFacts) -> Flat:
    """The likelihood; the scale that learning starts from does not matter."""
    prefix = "model.likelihood" if "model.likelihood" in run.config else "likelihood."
    found = {key: value for key, value in run.config.items() if key.startswith(prefix)}
    if found.get("likelihood.learn_scale") is True:
        found.pop("likelihood.scale", None)
    return found


def freeze(flat: Flat) -> frozenset[tuple[str, Value]]:
    return frozenset(flat.items())


def differing(part_of: Part, runs: Sequence[RunFacts]) -> str:
    """What differs between parts of their configs, in words: `model ae, vae and model.beta 0.1, 1, 10`."""
    parts = [part_of(run) for run in runs]
    keys = [key for key in dict.fromkeys(key for part in parts for key in part) if len(found_in(parts, key)) > 1]
    classes = {key.removesuffix("._target_") for key in keys if key.endswith("._target_")}
    several = [key for key in keys if key.partition(".")[0] not in classes or len(values_of(key, runs)) > 1]
    named = [key.removesuffix("._target_") for key in several if not key.endswith("._target_")]
    return " and ".join(f"{key} {spelled(values_of(key, runs))}" for key in [*sorted(classes), *named])


def found_in(parts: Sequence[Flat], key: str) -> set[Value]:
    """The values of a key; a part without it counts as another value."""
    return {part.get(key, "missing") for part in parts}


def spelled(values: Sequence[Value]) -> str:
    """The first of the values in order."""
    numbers = [value for value in values if isinstance(value, int | float)]
    ordered = sorted(numbers) if len(numbers) == len(values) else sorted(values, key=str)
    texts = [f"{value:g}" if isinstance(value, float) else spell(value) for value in ordered[:MOST_NAMED]]
    return ", ".join(texts) + (", ..." if len(values) > MOST_NAMED else "")
