"""Whether the numbers of a training step are finite and, if not, which are not and what to do. Knows only torch."""

import math
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from aectl.training.torch_internals import gradient_norms

LARGE = 1e9
"""A sum that rounding would not leave below this if any of its terms were too large to be squared in float32."""
USUAL_LR = 1e-3
MOST_NAMED = 3
"""The most numbers that a message names."""


def all_finite(terms: Mapping[str, Tensor], gradients: Iterable[Tensor]) -> bool:
    """Whether all terms of a loss are finite and all gradients small enough for an optimizer that squares them.

    Reads from the device. A sum is not finite if one of its terms is not, and takes half the time of a norm; the norm
    is computed only where the sum leaves a doubt.
    """
    if not all(math.isfinite(term.item()) for term in terms.values()):
        return False
    return all(abs(g.sum().item()) < LARGE or math.isfinite(g.norm().item()) for g in gradients)


def summarize(input: Tensor, target: Tensor, terms: Mapping[str, Tensor], gradients: list[Tensor]) -> Tensor:
    """One number for each of these, on their device, finite if all of it is; nothing is read from the device."""
    losses = [term.detach().float() for term in terms.values()]
    data = [input.detach().sum().float(), target.detach().sum().float()]
    return torch.stack([*data, *losses, *gradient_norms(gradients)])


def has_nonfinite(summary: Tensor) -> Tensor:
    """1 if a term or a gradient of a summary is not finite, else 0, on the device."""
    return (~summary[2:].isfinite().all()).float()


def find_culprit(summary: Sequence[float], terms: Iterable[str], parameters: Iterable[str]) -> list[str]:
    """What of a summary is not finite and comes first: the data, else the terms, else the gradients."""
    terms = list(terms)
    data, losses, norms = summary[:2], summary[2 : 2 + len(terms)], summary[2 + len(terms) :]
    pairs = zip(("input", "target"), data, strict=True)
    if wrong := [f"the {name}" for name, value in pairs if not math.isfinite(value)]:
        return wrong
    named = {name: value for name, value in zip(terms, losses, strict=True) if not math.isfinite(value)}
    if causes := {name: value for name, value in named.items() if name != "loss"} or named:
        return [f"{name}={value}" for name, value in causes.items()]
    pairs = zip(parameters, norms, strict=True)
    return [f"the gradient of {name} (its norm is {value})" for name, value in pairs if not math.isfinite(value)]


def suggest_remedy(
    causes: Sequence[str], lr: float, clip: float | None, precision: str, key: str = "optimizer.lr"
) -> str:
    """What to try, most promising first; `key` is what the learning rate is called."""
    if causes and causes[0] in ("the input", "the target"):
        return "look for NaN and infinity in the data, and in what the task makes of them"
    remedies = [f"{key}={min(lr / 10, USUAL_LR):g}"]
    remedies += ["trainer.gradient_clip_val=1"] if clip is None else []
    remedies += ["trainer.precision=32-true"] if precision not in ("32-true", "64-true") else []
    return f"try {', '.join(remedies)}; trainer.detect_anomaly=true names the operation"


def format_causes(causes: Sequence[str]) -> str:
    """The first few causes, and how many more there are."""
    more = len(causes) - MOST_NAMED
    return ", ".join(causes[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
