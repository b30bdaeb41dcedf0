"""The loss as the sum of its terms, in one line."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from aectl.models.base import Autoencoder

TOLERANCE = 1e-3  # of the largest term: terms are means in single precision
CHANCE = math.log(2)
"""The loss of a discriminator that guesses, in nats a decision."""
NEGATIVE = "nll is minus a log density, so it may be negative"


class LossFormat(NamedTuple):
    """How the loss of a model is put into words.

    Arguments:
        weights: the weights of terms in the loss, where they are not 1.
        units: the terms that are no part of the loss, with their unit.
        discriminators: the players whose loss has a chance level.
    """

    weights: Mapping[str, float] = MappingProxyType({})
    units: Mapping[str, str] = MappingProxyType({})
    discriminators: frozenset[str] = frozenset()

    @classmethod
    def of(cls, model: "Autoencoder") -> "LossFormat":
        return cls(model.term_weights, model.term_units, model.discriminators)


PLAIN = LossFormat()


def format_loss(
    terms: Mapping[str, float], how: LossFormat = PLAIN, spec: str = ".4g", name: str = "loss", unit: str = ""
) -> str:
    """The loss and what it consists of: `loss 30.755 = nll 26.290 + 10 x kl 0.446`, and the terms in other units.

    Arguments:
        terms: `loss` and its terms, in nats; terms that do not add up to the loss, as those of a warm-up or of a model
            that weighs them in its own way, stand in brackets behind it.
        how: the weights and the units of the terms.
        spec: the format of a number.
        name: what the loss is called.
        unit: of the loss, to be named behind it.
    """
    beside = [f"{part} {terms[part]:{spec}} {of}".rstrip() for part, of in how.units.items() if part in terms]
    in_nats = {part: value for part, value in terms.items() if part not in how.units}
    return ", ".join([format_sum(in_nats, how.weights, spec, name) + f" {unit}".rstrip(), *beside])


def format_players(losses: Mapping[str, float], how: LossFormat = PLAIN, spec: str = ".4g") -> str:
    """The losses of several players: `autoencoder 26.4  discriminator 0.61 (chance 0.693)`."""
    chance = dict.fromkeys(how.discriminators, f" (chance {CHANCE:.3f})")
    return "  ".join(f"{player} {loss:{spec}}{chance.get(player, '')}" for player, loss in losses.items())


def format_sum(terms: Mapping[str, float], given: Mapping[str, float], spec: str, name: str) -> str:
    """The loss as the sum of its terms with these weights."""
    parts = {part: terms[part] for part in sorted(terms, key=lambda part: part != "nll") if part != "loss"}
    total = f"{name} {terms['loss']:{spec}}"
    if not parts or [*parts.values()] == [terms["loss"]]:
        return total
    weights = {part: given.get(part, 1.0) for part in parts}
    missing = math.fsum(weights[part] * value for part, value in parts.items()) - terms["loss"]
    named = {part: f"{part} {value:{spec}}" for part, value in parts.items()}
    if not abs(missing) <= TOLERANCE * max(map(abs, terms.values())):
        return f"{total} ({', '.join(named.values())})"
    weighted = (text if weights[part] == 1 else f"{weights[part]:g} x {text}" for part, text in named.items())
    return f"{total} = {' + '.join(weighted)}"


def explain_negative(terms: Mapping[str, float]) -> str:
    """Why the nll is negative, in brackets with a blank before it; empty if it is not."""
    return f" ({NEGATIVE})" if terms.get("nll", 0.0) < 0 else ""
