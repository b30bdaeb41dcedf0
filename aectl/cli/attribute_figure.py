"""`aectl sample attribute=`: test images moved along the vector between the means of classes."""

from typing import NamedTuple

import torch

from aectl.cli.chosen_examples import class_number, describe_example
from aectl.cli.latent_figures import INCHES, draw_rows, target_of
from aectl.errors import UserError
from aectl.inference.attributes import attribute_vector, move_along, of_others
from aectl.inference.trained_run import TrainedRun
from aectl.models.capabilities import IsConditional
from aectl.plots import figures

MOST_ROWS = 8


class Attribute(NamedTuple):
    """A class that examples are moved towards, and the class that they start from; None for all others."""

    towards: int
    away_from: int | None


def find_attribute(trained: TrainedRun, named: str | int) -> Attribute:
    """What `attribute=A` or `attribute=A-B` names; a UserError if there are no such classes.

    The names of classes may have hyphens of their own.
    """
    split = trained.run.data.split("train")
    if isinstance(trained.model, IsConditional):
        raise UserError(f"attribute={named}: the model is told the class, so its codes do not hold it; use label=")
    if split.y is None or not split.classes:
        raise UserError(f"attribute={named}: the data set has no classes; expected a data set with labels")
    words = str(named).split("-")
    halves = [("-".join(words[:cut]), "-".join(words[cut:])) for cut in range(1, len(words))]
    for first, second in [(str(named), None), *halves]:
        found = class_number(first, split.classes), None if second is None else class_number(second, split.classes)
        if found[0] >= 0 and (found[1] is None or found[1] >= 0) and found[0] != found[1]:
            return Attribute(*found)
    raise UserError(
        f"attribute={named}: no such class; expected CLASS, or CLASS-CLASS of two different ones, of "
        f"{', '.join(split.classes)}"
    )


def draw_attribute(trained: TrainedRun, attribute: Attribute, strengths: list[float], n: int) -> figures.Figure:
    """At most `n` test images to start from, and what becomes of them: a column for each strength."""
    chosen = starting_examples(trained, attribute, min(n, MOST_ROWS))
    outputs = move_along(trained, torch.tensor(chosen), attribute_vector(trained, *attribute), strengths).clamp(0, 1)
    rows = {
        describe_example(trained, index): torch.cat([target_of(trained, index), row])
        for index, row in zip(chosen, outputs, strict=True)
    }
    classes = trained.run.data.split("test").classes or []
    start = "all other classes" if attribute.away_from is None else f"class {classes[attribute.away_from]}"
    title = (
        f"{trained.run.title}: codes plus multiples of the vector\n"
        f"from the mean of {start} to that of class {classes[attribute.towards]}"
    )
    return figures.image_rows(
        draw_rows(trained, rows),
        title,
        [f"the {trained.modality.name[:-1]}", *(f"{strength:+g}" if strength else "0" for strength in strengths)],
        inches=INCHES,
    )


def starting_examples(trained: TrainedRun, attribute: Attribute, n: int) -> list[int]:
    """The indices of the first test examples of the class to start from, or of the first of each other class."""
    y = trained.run.data.split("test").y
    found = [] if y is None else of_others(y, *attribute).nonzero().flatten().tolist()
    if attribute.away_from is None and y is not None:
        found = list({int(y[index]): index for index in reversed(found)}.values())
    if not found:
        raise UserError("attribute: no test example of a class to start from; choose another class")
    return sorted(found)[:n]
