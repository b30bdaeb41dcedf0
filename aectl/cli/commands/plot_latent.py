"""`aectl plot-latent`: pictures of a run's latent space."""

from dataclasses import replace

from aectl.cli.latent_figures import draw_traversals
from aectl.cli.open_run import output_folder, print_written, run_command
from aectl.config import to_plain
from aectl.data.music.labels import Label
from aectl.data.music.source import Music
from aectl.data.source import SplitName
from aectl.errors import UserError
from aectl.inference.latent_space import Plane, decode_plane, principal_components
from aectl.inference.latents import Latents, encode_split
from aectl.inference.trained_run import TrainedRun
from aectl.modalities.pixels import to_uint8
from aectl.models.capabilities import IsConditional, has_normal_prior
from aectl.plots import figures
from aectl.plots.image_grid import tile_images
from aectl.runs.run import Run
from aectl.types import NonNegativeInt, PositiveInt

FAR, FEW_FAR = 2.0, 0.02  # times the half side of the box of the grid; the share of latents that may lie further out


@run_command
def main(
    trained: TrainedRun,
    split: SplitName,
    n: PositiveInt,
    label: NonNegativeInt | None,
    colour: Label | None,
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
    latents = encode_split(coloured_by(trained, colour), split, n)
    folder = output_folder(trained.run, output, "latent")
    pictures = trained.modality.has_pictures
    plane = decode_plane(trained, latents, grid, cond) if pictures and latents.codes.shape[1] == 2 else None
    figure = scatter(latents, trained.run, split, plane)
    print_written(figures.save_figure(figure, folder / f"scatter-{split}.png"))
    if plane:
        print(f"      {figures.save_figure(draw_plane(trained, plane, label), folder / 'grid.png')}")
        if has_normal_prior(trained.model):
            warn_of_far_latents(latents, plane, split)
    elif pictures:
        figure = draw_traversals(trained, latents, traversals, steps, cond, as_class(label))
        print(f"      {figures.save_figure(figure, folder / 'traversals.png')}")


def coloured_by(trained: TrainedRun, colour: Label | None) -> TrainedRun:
    """The run with other classes of its windows of music."""
    if colour is None:
        return trained
    if not isinstance(trained.run.data.source, Music):
        raise UserError(
            f"colour={colour}: is of windows of music, but the run is on {trained.modality.name}; leave it out"
        )
    node = {**to_plain(trained.run.cfg.dataset), "label": colour}
    return replace(trained, run=trained.run.replaced(dataset=node))


def scatter(latents: Latents, run: Run, split: str, plane: Plane | None) -> figures.Figure:
    """The latents themselves in one or two dimensions, else their first two principal components.

    The box of the decoded points is drawn around those of a plane.
    """
    points, labels = latents.codes, None if latents.y is None else latents.y.numpy()
    names, note = ["$z_1$", "$z_2$"], ""
    if points.shape[1] == 1:
        figure = figures.histogram(points[:, 0].numpy(), labels, latents.classes, "$z$")
    else:
        if points.shape[1] > 2:
            points, shares = principal_components(points)
            names = [f"principal component {i + 1} ({share:.0%})" for i, share in enumerate(shares)]
            note = f", PCA of {latents.codes.shape[1]} dimensions"
        figure = figures.scatter(points.numpy(), labels, latents.classes, names, plane and plane.box)
    figure.axes[0].set_title(f"{run.title}: {len(points):,} {split} latents{note}", fontsize=10)
    return figure


def warn_of_far_latents(latents: Latents, plane: Plane, split: str) -> None:
    """Says that points decoded at quantiles of the prior are not where the latents are, if many lie far from them."""
    low, high = plane.box
    center, reach = (low + high) / 2, (high - low) / 2
    distances = ((latents.codes - center).abs() / reach.clamp_min(1e-9)).amax(1)  # 1 at the edge of the box
    outside, far = (float((distances > factor).float().mean()) for factor in (1, FAR))
    if len(plane.xs) > 1 and far > FEW_FAR:
        print(
            f"the grid shows {low[0]:.1f} to {high[0]:.1f}, but {outside:.0%} of the {split} latents lie outside of it "
            f"and {far:.0%} far outside (the box in scatter-{split}.png); a larger model.beta draws them to the prior"
        )


def draw_plane(trained: TrainedRun, plane: Plane, label: int | None) -> figures.Figure:
    picture = tile_images(to_uint8(trained.modality.draw([plane.outputs])[0]), columns=len(plane.xs), gap=1)
    no_prior = "" if trained.model.generative else " (the model has no prior)"
    of = "prior" if has_normal_prior(trained.model) else f"latents{no_prior}"
    title = f"{trained.run.title}: decoded points at the quantiles of the {of}{as_class(label)}"
    return figures.latent_grid(picture.numpy(), plane.xs.numpy(), plane.ys.numpy(), title)


def as_class(label: int | None) -> str:
    """What codes are decoded as, at the end of a title; empty for a model that is not conditional."""
    return "" if label is None else f", as class {label}"
