"""Whether the numbers of a training step are finite and, where not, which of them and what to try. Knows only torch."""

import math
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

LARGE = 1e9
"""A sum that rounding would not leave below this if any of its terms were too large to be squared in float32."""
USUAL_LR = 1e-3
NAMED = 3
"""Numbers that a message names, at most."""


def all_finite(terms: Mapping[str, Tensor], gradients: Iterable[Tensor]) -> bool:
    """Whether all terms of a loss are finite and all gradients small enough for an optimizer that squares them.

    Reads from the device. A sum is not finite where one of its terms is not, and takes half the time of a norm; the
    norm is looked at where the sum leaves a doubt.
    """
    if not all(math.isfinite(term.item()) for term in terms.values()):
        return False
    return all(abs(g.sum().item()) < LARGE or math.isfinite(g.norm().item()) for g in gradients)


def summarize(input: Tensor, target: Tensor, terms: Mapping[str, Tensor], gradients: list[Tensor]) -> Tensor:
    """A number for each of these, on their device, finite where all of it is; nothing is read from the device."""
    losses = [term.detach().float() for term in terms.values()]
    norms = torch._foreach_norm(gradients) if gradients else []
    return torch.stack([input.detach().sum().float(), target.detach().sum().float(), *losses, *norms])


def has_nonfinite(values: Tensor) -> Tensor:
    """1 where a term or a gradient of an overview is not finite, else 0, on the device: `found_inf` of an optimizer."""
    return (~values[2:].isfinite().all()).float()


def find_culprit(values: Sequence[float], terms: Iterable[str], parameters: Iterable[str]) -> list[str]:
    """What of an overview is not finite and comes first: the data, else the terms, else the gradients."""
    terms = list(terms)
    data, losses, norms = values[:2], values[2 : 2 + len(terms)], values[2 + len(terms) :]
    if found := [
        f"the {name}" for name, value in zip(("input", "target"), data, strict=True) if not math.isfinite(value)
    ]:
        return found
    named = {name: value for name, value in zip(terms, losses, strict=True) if not math.isfinite(value)}
    if causes := {name: value for name, value in named.items() if name != "loss"} or named:
        return [f"{name}={value}" for name, value in causes.items()]
    pairs = zip(parameters, norms, strict=True)
    return [f"the gradient of {name} (its norm is {value})" for name, value in pairs if not math.isfinite(value)]


def suggest_remedy(causes: Sequence[str], lr: float, clip: float | None, precision: str) -> str:
    """What to try, most promising first."""
    if causes and causes[0] in ("the input", "the target"):
        return "look for NaN and infinity in the data, and in what the task makes of them"
    ways = [f"optimizer.lr={min(lr / 10, USUAL_LR):g}"]
    ways += ["trainer.gradient_clip_val=1"] if clip is None else []
    ways += ["trainer.precision=32-true"] if precision not in ("32-true", "64-true") else []
    return f"try {', '.join(ways)}; trainer.detect_anomaly=true names the operation"


def format_causes(causes: Sequence[str]) -> str:
    """The first few of them in a row."""
    more = len(causes) - NAMED
    return ", ".join(causes[:NAMED]) + (f" and {more} more" if more > 0 else "")
