"""The loss as the sum of its terms, in one line."""

import math
from collections.abc import Mapping

TOLERANCE = 1e-3  # of the largest term: terms are means in single precision
NEGATIVE = "nll is minus a log density, so it may be negative"


def format_loss(terms: Mapping[str, float], beta: float = 1.0, spec: str = ".4g", name: str = "loss") -> str:
    """The loss and what it consists of: `loss 30.755 = nll 26.290 + 10 x kl 0.446`.

    Arguments:
        terms: `loss` and its terms, in nats; terms that do not add up to the loss, as those of a warm-up or of a model
            that weighs them in its own way, stand in brackets behind it.
        beta: the weight of the term `kl`.
        spec: the format of a number.
        name: what the loss is called.
    """
    parts = {part: terms[part] for part in sorted(terms, key=lambda part: part != "nll") if part != "loss"}
    total = f"{name} {terms['loss']:{spec}}"
    if not parts or [*parts.values()] == [terms["loss"]]:
        return total
    weights = {part: beta if part == "kl" else 1.0 for part in parts}
    missing = math.fsum(weights[part] * value for part, value in parts.items()) - terms["loss"]
    named = {part: f"{part} {value:{spec}}" for part, value in parts.items()}
    if not abs(missing) <= TOLERANCE * max(map(abs, terms.values())):
        return f"{total} ({', '.join(named.values())})"
    weighted = (text if weights[part] == 1 else f"{weights[part]:g} x {text}" for part, text in named.items())
    return f"{total} = {' + '.join(weighted)}"


def explain_negative(terms: Mapping[str, float]) -> str:
    """Why the nll is negative, in brackets with a blank before it; empty if it is not."""
    return f" ({NEGATIVE})" if terms.get("nll", 0.0) < 0 else ""
