"""The latent space in a page: the map, the sliders, the classes, and what is drawn from the prior."""

from typing import Any

import numpy as np
import torch
from torch.distributions import Normal

from aectl.explorer.observations import Observations
from aectl.explorer.projection import MapChoice, project
from aectl.explorer.tiles import make_tiles
from aectl.explorer.view import View
from aectl.inference.sampling import draw_codes
from aectl.inference.trained_run import TrainedRun
from aectl.models.capabilities import HasPrior, IsConditional, has_normal_prior
from aectl.rng import seeded_rng

MOST_UNITS = 16  # sliders
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)  # marked on each slider
NUM_DRAWS = 256  # latents from a prior that a page cannot draw from itself


def latent_space(
    trained: TrainedRun, view: View, seen: Observations, codes: np.ndarray, kind: MapChoice
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The facts of the latents (N, D) of a split, and the files that go with them."""
    projection, deviations = project(codes, kind), codes.std(0)
    units = np.argsort(-deviations)[:MOST_UNITS].tolist()
    means = class_means(seen, codes)
    tiles = make_tiles(trained, view, codes, projection, units, means)
    low, step, packed = quantize(codes)
    facts = {
        "size": codes.shape[1],
        "low": low.tolist(),
        "step": step.tolist(),
        "mean": codes.mean(0).tolist(),
        "deviations": deviations.tolist(),
        "units": units,
        "axes": list(projection.axes),
        "caption": projection.caption,
        "exact": projection.exact,
        "matrix": None if projection.matrix is None else projection.matrix.tolist(),
        "offset": projection.offset.tolist(),
        "means": {str(label): mean.tolist() for label, mean in means.items()},
        "tiles": tiles.facts,
    }
    files = {"points": projection.points.tobytes(), "codes": packed, **tiles.files}
    prior, draws = describe_prior(trained, codes[:, units])
    return facts | prior, files | draws


def describe_prior(trained: TrainedRun, codes: np.ndarray) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The quantiles that the sliders of latents (N, units) mark, and draws from a prior that is not normal."""
    if has_normal_prior(trained.model):
        marks = Normal(0.0, 1.0).icdf(torch.tensor(QUANTILES)).tolist()
        facts = {"marks": [marks] * codes.shape[1], "marksOf": "the prior", "draws": 0, "drawnFrom": "the prior"}
        return facts, {}
    own = isinstance(trained.model, HasPrior)
    facts = {
        "marks": np.quantile(codes, QUANTILES, axis=0).T.tolist(),
        "marksOf": "the latents",
        "draws": NUM_DRAWS,
        "drawnFrom": "the prior" if own else "a Gaussian fitted to the training latents",
    }
    return facts, {"draws": draw(trained).flatten(1).float().cpu().numpy().tobytes()}


@torch.inference_mode()
def draw(trained: TrainedRun) -> torch.Tensor:
    """Latents (NUM_DRAWS, *latent_shape) from the prior, or from a Gaussian fitted to the training latents."""
    model = trained.model
    if not isinstance(model, HasPrior):
        return draw_codes(trained, NUM_DRAWS, "gaussian", 1, 1.0)
    with seeded_rng(trained.seed, trained.device):
        cond = trained.as_cond(0 if isinstance(model, IsConditional) else None, NUM_DRAWS)
        return model.prior(NUM_DRAWS, cond).sample()


def quantize(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray, bytes]:
    """Latents (N, D) as whole numbers of 16 bits: low + step * number, to a 65,535th of the range of each dimension."""
    low, high = codes.min(0), codes.max(0)
    step = np.maximum(high - low, 1e-9) / 65535
    return low, step, ((codes - low) / step).round().astype(np.uint16).tobytes()


def class_means(seen: Observations, codes: np.ndarray) -> dict[int, np.ndarray]:
    """The mean latent of each class that has examples, (D,)."""
    if seen.y is None:
        return {}
    y = seen.y.numpy()
    return {int(label): codes[y == label].mean(0) for label in np.unique(y) if label >= 0}
