"""Figures of outputs along paths through the latent space."""

import numpy as np
import torch
from torch import Tensor

from aectl.cli.chosen_examples import describe_example
from aectl.inference.latent_space import REACH, interpolate, traverse
from aectl.inference.latents import Latents, encode_split
from aectl.inference.trained_run import TrainedRun
from aectl.modalities import Tokens
from aectl.plots import figures

INCHES = 0.7  # of an image of a single test example
WINDOW_INCHES = 1.0  # of a window of music, which is wider than high
ENCODED = 5_000  # test examples that the deviation of each latent dimension is measured on


def draw_interpolation(trained: TrainedRun, ends: tuple[int, int], steps: int, cond: Tensor | None) -> figures.Figure:
    """Outputs between the codes of two test images, on a straight line and along the arc, between the images."""
    straight, arc = interpolate(trained, ends, steps, cond).clamp(0, 1).split(steps)
    first, last = (target_of(trained, index) for index in ends)
    rows = [torch.cat([first, row, last]) for row in (straight, arc)]
    named = [describe_example(trained, index).replace(", ", "\n") for index in ends]
    heads = [named[0], *(f"{position:.2g}" for position in torch.linspace(0, 1, steps).tolist()), named[1]]
    return figures.image_rows(
        draw_rows(trained, dict(zip(("straight line", "arc (slerp)"), rows, strict=True))),
        f"{trained.run.title}: interpolation between the codes of two test {trained.modality.name}, "
        f"seed {trained.seed}",
        heads,
        inches=inches_of(trained),
    )


def draw_perturbed(trained: TrainedRun, index: int, most: int, steps: int, cond: Tensor | None) -> figures.Figure:
    """Outputs for the code of a test image with one dimension changed at a time, above the image."""
    latents = encode_split(trained, "test", max(ENCODED, index + 1))
    rows = traversal_rows(trained, latents, most, steps, cond, latents.codes[index])
    title = f"{trained.run.title}: the code of {describe_example(trained, index)}, one dimension changed at a time"
    shown = draw_rows(trained, {**rows, f"the {trained.modality.name[:-1]}": target_of(trained, index)})
    return figures.image_rows(
        shown, title + count_shown(rows, latents), offsets(steps, "code"), inches=inches_of(trained)
    )


def draw_traversals(
    trained: TrainedRun, latents: Latents, most: int, steps: int, cond: Tensor | None, note: str = ""
) -> figures.Figure:
    """Outputs for the mean of the latents with one dimension changed at a time; the note ends the title."""
    rows = traversal_rows(trained, latents, most, steps, cond)
    title = f"{trained.run.title}: one dimension at a time, {REACH} sd to each side of the mean"
    shown = draw_rows(trained, rows)
    inches = inches_of(trained) if isinstance(trained.modality, Tokens) else figures.INCHES_PER_IMAGE
    heads = offsets(steps, "mean")
    return figures.image_rows(shown, title + count_shown(rows, latents) + note, heads, inches=inches)


def inches_of(trained: TrainedRun) -> float:
    """The width of a picture of a single example."""
    return WINDOW_INCHES if isinstance(trained.modality, Tokens) else INCHES


def draw_rows(trained: TrainedRun, rows: dict[str, Tensor]) -> dict[str, np.ndarray]:
    """Rows of examples as pictures, (N, C, h, w), drawn alike."""
    pictures = trained.modality.draw([*rows.values()])
    return {name: row.numpy() for name, row in zip(rows, pictures, strict=True)}


def traversal_rows(
    trained: TrainedRun, latents: Latents, most: int, steps: int, cond: Tensor | None, center: Tensor | None = None
) -> dict[str, Tensor]:
    """The outputs along each of the most active dimensions, named with its value at the center and its deviation."""
    values = latents.codes.mean(0) if center is None else center
    return {
        f"$z_{{{dimension + 1}}}$ = {values[dimension]:.2f}   sd {deviation:.2f}": outputs
        for dimension, deviation, outputs in traverse(trained, latents, most, steps, cond, center)
    }


def offsets(steps: int, center: str) -> list[str]:
    """The heads of the columns of a traversal, in standard deviations from its center."""
    return [f"{offset:+.2g} sd" if abs(offset) > 1e-6 else center for offset in torch.linspace(-REACH, REACH, steps)]


def count_shown(rows: dict[str, Tensor], latents: Latents) -> str:
    """How many of the dimensions are shown, where these are not all."""
    units = latents.codes.shape[1]
    return ", most active first" + (f", {len(rows)} of {units:,} shown" if len(rows) < units else "")


def target_of(trained: TrainedRun, index: int) -> Tensor:
    """A test image, (1, *shape)."""
    return trained.modality.to_model(trained.run.data.split("test").x[index : index + 1])
