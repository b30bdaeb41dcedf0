"""Writes the page of a run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, get_type_hints

from annotated_types import Ge, Le

from aectl.config import check
from aectl.data.source import SplitName
from aectl.explorer.contents import collect
from aectl.explorer.networks import Precision
from aectl.explorer.page import render
from aectl.explorer.pictures import PictureView
from aectl.explorer.projection import MapChoice, check_map
from aectl.explorer.rolls import RollView
from aectl.explorer.view import View
from aectl.inference.restoration import require_images
from aectl.inference.trained_run import TrainedRun
from aectl.io.atomic import write_text
from aectl.modalities import Tokens


@dataclass(frozen=True)
class ExploreOptions:
    """What the page shows.

    Arguments:
        split: the examples on the map.
        n: how many of them at most.
        map: how the latents become points: `auto` is the plane itself for two dimensions, else `pca`; `units` are the
            two most active ones; `umap` needs umap-learn.
        precision: of the weights in the page: `fp16` halves the file; `auto` takes it where no pixel of a few examples
            changes by half a gray level, and no token.
    """

    split: SplitName = "test"
    n: Annotated[int, Ge(2), Le(10_000)] = 10_000
    map: MapChoice = "auto"
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        check(vars(self), get_type_hints(ExploreOptions, include_extras=True))


def explore(trained: TrainedRun, path: Path, options: ExploreOptions | None = None) -> tuple[Path, list[str]]:
    """Writes the page of a run, and returns its path and what it lacks, a line each.

    Raises:
        UserError: the run is on neither images nor music, the map needs what is not installed, or the networks are too
            large.
    """
    view = view_of(trained)
    options = options or ExploreOptions()
    check_map(options.map)
    contents = collect(trained, view, options.split, options.n, options.map, options.precision)
    return write_text(path, render(contents)), contents.missing


def view_of(trained: TrainedRun) -> View:
    """How the page shows the examples of a run; a UserError if it cannot."""
    modality = trained.modality
    if isinstance(modality, Tokens):
        trained.latent_model()
        return RollView(modality)
    require_images(trained)
    return PictureView()
