"""`aectl plot-latent`: pictures of a run's latent space."""

from torch import Tensor

from aectl.cli.latent_figures import draw_traversals
from aectl.cli.open_run import output_folder, print_written, run_command
from aectl.data.source import SplitName
from aectl.inference.latent_space import decode_plane, principal_components
from aectl.inference.latents import Latents, encode_split
from aectl.inference.trained_run import TrainedRun
from aectl.modalities import Images
from aectl.models.capabilities import IsConditional
from aectl.plots import figures
from aectl.plots.image_grid import tile_images
from aectl.runs.run import Run
from aectl.types import NonNegativeInt, PositiveInt


@run_command
def main(
    trained: TrainedRun,
    split: SplitName,
    n: PositiveInt,
    label: NonNegativeInt | None,
    grid: PositiveInt,
    traversals: PositiveInt,
    steps: PositiveInt,
    output: str | None,
) -> None:
    """Writes a scatter of the latents, and a grid of decoded points or traversals, into a folder."""
    trained.latent_model()
    if label is None and isinstance(trained.model, IsConditional):
        print("decoding as class 0; label=NUMBER chooses another")
        label = 0
    cond = trained.as_cond(label, 1)
    latents = encode_split(trained, split, n)
    folder = output_folder(trained.run, output, "latent")
    print_written(figures.save_figure(scatter(latents, trained.run, split), folder / f"scatter-{split}.png"))
    if not isinstance(trained.modality, Images):
        return
    if latents.codes.shape[1] == 2:
        figure, name = draw_plane(trained, latents, grid, cond), "grid"
    else:
        figure, name = draw_traversals(trained, latents, traversals, steps, cond), "traversals"
    print(f"      {figures.save_figure(figure, folder / f'{name}.png')}")


def scatter(latents: Latents, run: Run, split: str) -> figures.Figure:
    """The latents themselves in one or two dimensions, else their first two principal components."""
    points, labels = latents.codes, None if latents.y is None else latents.y.numpy()
    names, note = ["$z_1$", "$z_2$"], ""
    if points.shape[1] == 1:
        figure = figures.histogram(points[:, 0].numpy(), labels, latents.classes, "$z$")
    else:
        if points.shape[1] > 2:
            points, shares = principal_components(points)
            names = [f"principal component {i + 1} ({share:.0%})" for i, share in enumerate(shares)]
            note = f", PCA of {latents.codes.shape[1]} dimensions"
        figure = figures.scatter(points.numpy(), labels, latents.classes, names)
    figure.axes[0].set_title(f"{run.title}: {len(points):,} {split} latents{note}", fontsize=10)
    return figure


def draw_plane(trained: TrainedRun, latents: Latents, side: int, cond: Tensor | None) -> figures.Figure:
    plane = decode_plane(trained, latents, side, cond)
    picture = tile_images(trained.modality.to_uint8(plane.outputs), columns=side, gap=0)
    of = "prior" if trained.model.generative else "latents (the model has no prior)"
    title = f"decoded points at the quantiles of the {of}"
    return figures.latent_grid(picture.numpy(), plane.xs.numpy(), plane.ys.numpy(), title)
