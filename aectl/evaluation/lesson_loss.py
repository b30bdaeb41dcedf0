"""The loss in the unit of the lesson, beside the number that the lesson, or the Keras blog, prints."""

import math
from dataclasses import dataclass
from typing import Literal

from aectl.config import to_plain
from aectl.models.base import Autoencoder
from aectl.models.probability.likelihoods import Likelihood
from aectl.runs.run import Run

TERM = "lesson"
"""What training logs it as."""

Origin = Literal["lesson", "keras"]
NAMES: dict[Origin, str] = {"lesson": "lesson", "keras": "Keras blog"}


@dataclass(frozen=True)
class LessonLoss:
    """The loss of a run of a preset of the lesson or of the Keras blog.

    References:
        | AI for Beginners, lesson 9: Autoencoders (Microsoft, 2022)
        | Building Autoencoders in Keras (Chollet, 2016), https://blog.keras.io/building-autoencoders-in-keras.html
    """

    loss: float  # in the unit of the lesson
    reference: float | None  # of the lesson's own model, on the test split of MNIST
    origin: Origin = "lesson"

    def __str__(self) -> str:
        name = NAMES[self.origin]
        beside = "" if self.reference is None else f" (the {name} on MNIST: {self.reference:#.3g})"
        return f"{name}'s loss {self.loss:#.3g}{beside}"


def lesson_units(loss: float, likelihood: Likelihood, shape: tuple[int, ...], per_pixel: bool) -> float:
    """A loss in nats per example as the lesson prints it.

    The constant part of the nll is left out. What remains is the binary cross-entropy of a Bernoulli likelihood, and
    the sum of squared errors of a Gaussian one with a variance of 1/2; a KL stays as it is.
    """
    return (loss - likelihood.nll_floor(shape)) / (math.prod(shape) if per_pixel else 1)


def lesson_loss(run: Run, loss: float) -> LessonLoss:
    """A loss in the unit of the lesson beside the number that the preset of a run states, if any.

    The config may be a stranger's.
    """
    node = lesson_node(run)
    reference = node.get("reference")
    origin: Origin = "keras" if node.get("origin") == "keras" else "lesson"
    return LessonLoss(loss, float(reference) if isinstance(reference, int | float) else None, origin)


def find_lesson_loss(run: Run, model: Autoencoder, loss: float) -> LessonLoss | None:
    """The loss of a model in the unit of the lesson; None if its run is of no preset of the lesson."""
    per_pixel, likelihood = lesson_node(run).get("per_pixel"), getattr(model, "likelihood", None)
    if not isinstance(per_pixel, bool) or not isinstance(likelihood, Likelihood):
        return None
    return lesson_loss(run, lesson_units(loss, likelihood, tuple(model.shape), per_pixel))


def lesson_node(run: Run) -> dict[str, object]:
    """The node of the callback that logs the loss in this unit; empty without it."""
    callbacks = to_plain(run.cfg).get("callbacks")
    node = callbacks.get(TERM) if isinstance(callbacks, dict) else None
    return node if isinstance(node, dict) else {}
