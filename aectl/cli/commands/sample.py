"""`aectl sample`: new examples from a run, interpolations, and codes with one dimension changed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from torch import Tensor

from aectl.cli.attribute_figure import draw_attribute, find_attribute
from aectl.cli.chosen_examples import CLASS, Named, describe_example, find_example
from aectl.cli.latent_figures import draw_interpolation, draw_perturbed
from aectl.cli.music_attribute import draw_measured
from aectl.cli.music_files import check_audio, write_music, write_walk
from aectl.cli.open_run import output_folder, print_written, run_command
from aectl.cli.sample_rows import Rows, lay_out
from aectl.errors import UserError
from aectl.inference.latent_space import choose_ends
from aectl.inference.latents import encode_split
from aectl.inference.restoration import require_images, require_pictures
from aectl.inference.sampling import LATENTS_TO_FIT, SOURCES, Sampler, default_sampler
from aectl.inference.trained_run import TrainedRun
from aectl.io.npz import save_npz
from aectl.modalities import Tokens
from aectl.models.capabilities import HasKL, HasLatent
from aectl.plots import figures
from aectl.plots.image_grid import GAP, enlarge
from aectl.types import FiniteFloat, NonNegativeFloat, NonNegativeInt, PositiveInt, Strengths

PICTURE_PIXELS = 64  # the side that small images are enlarged to, if the grid of them is no wider than `MOST_PIXELS`
MOST_PIXELS = 2048


@dataclass(frozen=True)
class Draws:
    """What is drawn, by the keys of `sample.yaml`."""

    n: PositiveInt
    label: NonNegativeInt | None
    temperature: NonNegativeFloat | None
    sampler: Literal["auto"] | Sampler
    components: PositiveInt
    audio: bool


@dataclass(frozen=True)
class Moves:
    """Test images moved towards a class, by the keys of `sample.yaml`."""

    attribute: NonNegativeInt | str | None
    strength: Strengths | FiniteFloat


@dataclass(frozen=True)
class Paths:
    """Test images and the codes between or around them, by the keys of `sample.yaml`."""

    from_: NonNegativeInt | str | None
    to: NonNegativeInt | str | None
    perturb: NonNegativeInt | str | None
    steps: PositiveInt
    dimensions: PositiveInt


class Drawn(NamedTuple):
    """A grid of samples, (C, H, W) uint8, what it shows, and the folder of the run."""

    picture: np.ndarray
    title: str
    run: str


@run_command
def main(trained: TrainedRun, draws: Draws, paths: Paths, moves: Moves, output: str | None) -> Drawn | None:
    """Writes samples as an array and a grid, and an interpolation; or only the paths and moves that are asked for."""
    check_audio(trained, draws.audio)
    folder = output_folder(trained.run, output, "samples")
    chosen = [named for named in (paths.perturb, paths.from_, paths.to) if named is not None]
    if moves.attribute is not None:
        print_written(write_moved(trained, moves.attribute, moves, draws.n, folder))
        if not chosen:
            return None
    if not chosen:
        return write_samples(trained, draws, paths, folder)
    require_pictures(trained)
    cond = trained.as_cond(draws.label, 1)
    if paths.perturb is not None:
        print_written(write_perturbed(trained, paths.perturb, paths, cond, folder))
    if len(chosen) > 1 or paths.perturb is None:
        print_written(write_interpolation(trained, paths, cond, folder, draws.audio))
    return None


def write_samples(trained: TrainedRun, draws: Draws, paths: Paths, folder: Path) -> Drawn | None:
    """Writes the array, the grid and an interpolation, and returns the grid; None for examples without a picture."""
    sampler = choose_sampler(trained, draws.sampler)
    rows = lay_out(trained, draws.n, draws.label)
    outputs = trained.sample(rows.n, draws.temperature, sampler, draws.components, rows.labels)
    stem = f"{sampler}-seed-{trained.seed}-n-{rows.n}"
    stem += "" if draws.temperature is None else f"-temperature-{draws.temperature}"
    stem += "" if draws.label is None else f"-label-{draws.label}"
    values = trained.modality.to_arrays(outputs)
    arrays = save_npz(folder / f"{stem}.npz", {trained.modality.name: values})
    of = "tokens" if values.dtype.kind in "ui" else "in [0, 1]"
    written = f"{arrays}: {values.shape}, {values.dtype} {of}"
    picture = draw_grid(trained, outputs, rows.columns)
    if picture is None:
        print_written(f"{written}; {trained.modality.name} have no picture")
        return None
    drawn = Drawn(picture, title_of(trained, draws, sampler, rows), str(trained.run.folder))
    figure = figures.panels({drawn.title: picture}, rows.names)
    print_written(figures.save_figure(figure, folder / f"{stem}.png", tight=False), written)
    if isinstance(trained.modality, Tokens):
        print(f"      {write_music(trained.modality, outputs, folder / stem, draws.audio)}")
    if isinstance(trained.model, HasLatent) and paths.steps > 1 and not rows.names:
        print(f"      {write_interpolation(trained, paths, trained.as_cond(draws.label, 1), folder, draws.audio)}")
    return drawn


def choose_sampler(trained: TrainedRun, sampler: Literal["auto"] | Sampler) -> Sampler:
    """What to draw from; says what it is worth where that is not plain."""
    model = trained.model if trained.model.generative else trained.latent_model()
    name = type(model).__name__
    if sampler == "standard":
        print(f"sampler=standard: {compare_with_standard(trained, name)}")
    if sampler != "auto":
        return sampler
    if not trained.model.generative:
        print(
            f"{name} has no prior: drawing from a Gaussian fitted to its training latents, which makes it look better "
            "than its latent space is; sampler=standard decodes N(0, I) instead"
        )
    elif isinstance(model, HasKL) and len(model.latent_shape) > 1:
        print(
            "sampler=prior: the cells of a grid of latents are drawn independently, so these samples have no shape as "
            "a whole; to generate images, train with task=reconstruct"
        )
    return default_sampler(trained.model)


def compare_with_standard(trained: TrainedRun, name: str) -> str:
    """How far the training latents are from N(0, I), in words."""
    codes = encode_split(trained, "train", LATENTS_TO_FIT).codes
    means, deviations = codes.mean(0).abs(), codes.std(0)
    spread = f"standard deviations from {deviations.min():.2g} to {deviations.max():.2g}, means up to {means.max():.2g}"
    if trained.model.generative:
        return f"N(0, I); the mean codes of {name} on the training images have {spread}"
    return f"{name} was never trained to decode N(0, I): its training latents have {spread}"


def title_of(trained: TrainedRun, draws: Draws, sampler: Sampler, rows: Rows) -> str:
    source = SOURCES[sampler].replace("(0, I)", "(0,\N{NO-BREAK SPACE}I)")
    of = ", one class a row" if rows.names else "" if draws.label is None else f", class {draws.label}"
    tempered = "" if draws.temperature is None else f", temperature {draws.temperature:g}"
    return f"{trained.run.title}: {rows.n} samples of {source}{of}{tempered}, seed {trained.seed}"


def draw_grid(trained: TrainedRun, examples: Tensor, columns: int) -> np.ndarray | None:
    """Rows of examples as one picture, (C, H, W) uint8, small ones enlarged; None if they have no picture."""
    grid = trained.modality.preview(examples.split(columns))
    if grid is None:
        return None
    zoom = max(1, min(PICTURE_PIXELS // examples.shape[-1], MOST_PIXELS // grid.shape[-1]))
    inner = grid[None, :, GAP:-GAP, GAP:-GAP]
    return enlarge(inner, (zoom * inner.shape[2], zoom * inner.shape[3]))[0].numpy()


def write_interpolation(trained: TrainedRun, paths: Paths, cond: Tensor | None, folder: Path, audio: bool) -> Path:
    """Draws codes between two test images: those that `from` and `to` name, else ones that the seed chooses."""
    if paths.steps < 2:
        raise UserError(f"steps={paths.steps}: an interpolation has two ends; expected 2 or more")
    first, last = choose_ends(trained)
    name = f"seed-{trained.seed}"
    if paths.from_ is not None or paths.to is not None:
        first = first if paths.from_ is None else find_example(trained, "from", paths.from_)
        last = last if paths.to is None else find_example(trained, "to", paths.to)
        name = f"{first}-to-{last}"
        print(
            f"from {describe_example(trained, first)}, to {describe_example(trained, last)}{by_class(trained, paths)}"
        )
    if isinstance(trained.modality, Tokens):
        path = folder / f"interpolation-{name}.mid"
        print(f"      {write_walk(trained, (first, last), paths.steps, cond, path, audio)}")
    figure = draw_interpolation(trained, (first, last), paths.steps, cond)
    return figures.save_figure(figure, folder / f"interpolation-{name}.png")


def by_class(trained: TrainedRun, paths: Paths) -> str:
    """How to name classes, after numbers that could have been meant as such."""
    classes = len(trained.run.data.split("test").classes or [])
    meant = {"from": paths.from_, "to": paths.to}
    typed = [f"{key}={CLASS}{named}" for key, named in meant.items() if isinstance(named, int) and named < classes]
    return f"; by class: {' '.join(typed)}" if typed else ""


def write_perturbed(trained: TrainedRun, named: Named, paths: Paths, cond: Tensor | None, folder: Path) -> Path:
    """Draws the code of a test image with one dimension changed at a time; the number of steps becomes odd."""
    index = find_example(trained, "perturb", named)
    figure = draw_perturbed(trained, index, paths.dimensions, paths.steps | 1, cond)
    return figures.save_figure(figure, folder / f"perturbed-{index}.png")


def write_moved(trained: TrainedRun, named: Named, moves: Moves, n: int, folder: Path) -> Path:
    """Draws test images whose codes are moved towards a class, or what is measured of test melodies that are moved."""
    trained.latent_model()
    strengths = moves.strength if isinstance(moves.strength, list) else [moves.strength]
    if isinstance(trained.modality, Tokens):
        return figures.save_figure(draw_measured(trained, str(named), strengths, n), folder / f"attribute-{named}.png")
    require_images(trained)
    attribute = find_attribute(trained, named)
    figure = draw_attribute(trained, attribute, strengths, n)
    side = "" if attribute.away_from is None else f"-{attribute.away_from}"
    return figures.save_figure(figure, folder / f"attribute-{attribute.towards}{side}.png")
