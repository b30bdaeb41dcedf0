"""`aectl plot-latent`: pictures of a run's latent space."""

import torch
from omegaconf import DictConfig
from sklearn.decomposition import PCA
from torch.distributions import Normal

from aectl.cli.open_run import run_command
from aectl.data.source import SplitName
from aectl.inference.latents import Latents, encode_split
from aectl.inference.trained_run import TrainedRun
from aectl.plots import figures
from aectl.plots.image_grid import tile_images
from aectl.runs.run import Run
from aectl.types import PositiveInt

REACH = 2.5
"""How far a traversal goes to each side, in standard deviations."""


def main(cfg: DictConfig) -> None:
    run_command(plot_latent, cfg)


@torch.inference_mode()
def plot_latent(
    opened: TrainedRun, split: SplitName, n: PositiveInt, grid: PositiveInt, traversals: PositiveInt, steps: PositiveInt
) -> None:
    """Leaves a scatter of the latents in the run, and a grid of decoded points or traversals of each dimension."""
    latents = encode_split(opened, split, n)
    if latents.codes.shape[1] == 2:
        name, decoded = "grid", decoded_grid(opened, latents, grid)
    else:
        name, decoded = "traversals", traverse(opened, latents, traversals, steps)
    folder = opened.run.place("latent")
    print(f"wrote {figures.save_figure(scatter(latents, opened.run, split), folder / f'scatter-{split}.png')}")
    print(f"      {figures.save_figure(decoded, folder / f'{name}.png')}")


def scatter(latents: Latents, run: Run, split: str) -> figures.Figure:
    """The latents themselves in one or two dimensions, else their first two principal components."""
    points, labels = latents.codes.numpy(), None if latents.y is None else latents.y.numpy()
    names, note = ["$z_1$", "$z_2$"], ""
    if points.shape[1] == 1:
        figure = figures.histogram(points[:, 0], labels, latents.classes, "$z$")
    else:
        if points.shape[1] > 2:
            pca = PCA(2, random_state=0).fit(points)
            points = pca.transform(points)
            names = [
                f"principal component {i + 1} ({share:.0%})" for i, share in enumerate(pca.explained_variance_ratio_)
            ]
            note = f", PCA of {latents.codes.shape[1]} dimensions"
        figure = figures.scatter(points, labels, latents.classes, names)
    figure.axes[0].set_title(f"{run.title}: {len(points):,} {split} latents{note}", fontsize=10)
    return figure


def decoded_grid(opened: TrainedRun, latents: Latents, side: int) -> figures.Figure:
    """What each point of the plane decodes to, at equal steps of probability under the prior."""
    probabilities = torch.linspace(0.5 / side, 1 - 0.5 / side, side)
    if opened.model.generative:
        xs = ys = Normal(0.0, 1.0).icdf(probabilities)
        title = "decoded points at the quantiles of the prior"
    else:
        xs, ys = latents.codes.quantile(probabilities, dim=0).T
        title = "decoded points at the quantiles of the latents (the model has no prior)"
    codes = torch.cartesian_prod(ys.flip(0), xs).flip(1)  # (side^2, 2), rows from the top
    images = opened.run.modality.to_uint8(opened.single_latent.decode_mean(codes.to(opened.device)))
    picture = tile_images(images, columns=side, gap=0)
    return figures.latent_grid(picture.numpy(), xs.numpy(), ys.numpy(), title)


def traverse(opened: TrainedRun, latents: Latents, most: int, steps: int) -> figures.Figure:
    """A row for each dimension, most active first: it alone moves, from the mean of all latents."""
    mean, spread = latents.codes.mean(0), latents.codes.std(0)
    active = spread.argsort(descending=True)[:most].tolist()
    named = {}
    for dimension in active:
        codes = mean.repeat(steps, 1)
        codes[:, dimension] += torch.linspace(-REACH, REACH, steps) * spread[dimension]
        images = opened.single_latent.decode_mean(codes.to(opened.device)).cpu()
        named[f"$z_{{{dimension + 1}}}$   sd {spread[dimension]:.2f}"] = images.numpy()
    return figures.image_rows(named, f"one dimension at a time, {REACH} sd to each side of the mean, most active first")
