"""Paths and planes through the latent space: interpolations, traversals, a grid of points, principal components."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.distributions import Normal

from aectl.inference.latents import Latents, decode_codes, encode_split
from aectl.models.capabilities import has_normal_prior

if TYPE_CHECKING:
    from aectl.inference.trained_run import TrainedRun

INTERPOLATION_POOL = 500  # test examples that the two ends of an interpolation are chosen from
REACH = 2.5  # how far a traversal goes to each side, in standard deviations


class Plane(NamedTuple):
    """Outputs (N^2, *shape) row by row from the top, and the coordinates of columns and, from below, of rows."""

    outputs: Tensor
    xs: Tensor
    ys: Tensor

    @property
    def box(self) -> tuple[Tensor, Tensor]:
        """The lowest and the highest coordinates, (2,) each."""
        return torch.stack([self.xs[0], self.ys[0]]), torch.stack([self.xs[-1], self.ys[-1]])


def choose_ends(trained: "TrainedRun") -> tuple[int, int]:
    """The indices of two test examples to interpolate between, which the seed chooses."""
    n = min(INTERPOLATION_POOL, len(trained.run.data.split("test").x))
    first, second = torch.randperm(n, generator=torch.Generator().manual_seed(trained.seed))[
        [0, -1] if n < 2 else [0, 1]
    ]
    return int(first), int(second)


def interpolate(trained: "TrainedRun", ends: tuple[int, int], steps: int, cond: Tensor | None) -> Tensor:
    """Outputs (2 * steps, *shape) between the test examples of two indices: on a straight line, then along the arc."""
    start, end = encode_split(trained, "test", max(*ends, INTERPOLATION_POOL - 1) + 1).codes[list(ends)]
    return decode_codes(trained, torch.cat([lerp(start, end, steps), slerp(start, end, steps)]), cond)


def decode_plane(trained: "TrainedRun", latents: Latents, side: int, cond: Tensor | None) -> Plane:
    """Decodes `side` by `side` points of a plane of latents, at quantiles of the prior if it is normal.

    Another prior, or none, has no quantiles on axes: they are those of the latents then.
    """
    probabilities = torch.linspace(0.5 / side, 1 - 0.5 / side, side)
    if has_normal_prior(trained.model):
        xs = ys = Normal(0.0, 1.0).icdf(probabilities)
    else:
        xs, ys = latents.codes.quantile(probabilities, dim=0).T
    codes = torch.cartesian_prod(ys.flip(0), xs).flip(1)  # (side^2, 2), rows from the top
    return Plane(decode_codes(trained, codes, cond), xs, ys)


def traverse(
    trained: "TrainedRun",
    latents: Latents,
    most: int,
    steps: int,
    cond: Tensor | None,
    center: Tensor | None = None,
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Yields the `most` active dimensions, their deviations, and outputs (steps, *shape) along each from a code.

    `center` (D,) is the code, by default the mean of the latents.
    """
    deviations = latents.codes.std(0)
    center = latents.codes.mean(0) if center is None else center
    for dimension in deviations.argsort(descending=True)[:most].tolist():
        codes = center.repeat(steps, 1)
        codes[:, dimension] += torch.linspace(-REACH, REACH, steps) * deviations[dimension]
        yield dimension, deviations[dimension], decode_codes(trained, codes, cond)


def principal_components(codes: Tensor) -> tuple[Tensor, list[float]]:
    """Codes (N, D) as their first two principal components (N, 2), and the share of the variance of each."""
    from sklearn.decomposition import PCA

    pca = PCA(2, random_state=0).fit(codes.numpy())
    return torch.from_numpy(pca.transform(codes.numpy())), pca.explained_variance_ratio_.tolist()


def lerp(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """Codes (steps, D) from `a` (D,) to `b` at even distances on the line between them."""
    t = torch.linspace(0, 1, steps, device=a.device).unsqueeze(1)  # (steps, 1)
    return (1 - t) * a + t * b


def slerp(a: Tensor, b: Tensor, steps: int) -> Tensor:
    r"""Codes (steps, D) from `a` (D,) to `b` along the arc between them, which keeps their length like the prior's.

    .. math:: z_t = \frac{\sin((1 - t) \omega)}{\sin \omega} a + \frac{\sin(t \omega)}{\sin \omega} b

    References:
        | Sampling Generative Networks (White, 2016), section 2.1
        | https://arxiv.org/abs/1609.04468
    """
    cosine = torch.nn.functional.cosine_similarity(a, b, dim=0).clamp(-1, 1)
    omega = cosine.arccos()
    if omega.sin() < 1e-3:
        return lerp(a, b, steps)
    t = torch.linspace(0, 1, steps, device=a.device).unsqueeze(1)  # (steps, 1)
    return (((1 - t) * omega).sin() * a + (t * omega).sin() * b) / omega.sin()
