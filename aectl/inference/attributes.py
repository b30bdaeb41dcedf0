"""Attributes: classes or measures as directions in the latent space, along which the codes of examples are moved."""

import math
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from aectl.errors import UserError
from aectl.inference.latents import decode_codes, encode_split
from aectl.inference.sampling import LATENTS_TO_FIT
from aectl.modalities import Tokens
from aectl.modalities.music_attributes import ATTRIBUTES
from aectl.modalities.vocabulary import MELODY

if TYPE_CHECKING:
    from aectl.inference.trained_run import TrainedRun


def attribute_vector(trained: "TrainedRun", towards: int, away_from: int | None) -> Tensor:
    r"""The mean training latent of a class less that of another, or of all others where it is None, (D,).

    .. math:: a = \mathbb{E}[z | y = A] - \mathbb{E}[z | y = B]

    References:
        | Sampling Generative Networks (White, 2016), section 3.2
        | https://arxiv.org/abs/1609.04468

    Raises:
        UserError: one of the two has no training examples.
    """
    codes, y, classes = encode_split(trained, "train", LATENTS_TO_FIT)
    assert y is not None
    own, others = y == towards, of_others(y, towards, away_from)
    if not (own.any() and others.any()):
        raise UserError(
            f"attribute={classes[towards]}: no training examples on one side of the vector; expected a class with some"
        )
    return codes[own].mean(0) - codes[others].mean(0)


def of_others(y: Tensor, towards: int, away_from: int | None) -> Tensor:
    """Which of the labels (N,) are of the class to start from, or of any other, (N,); an unlabelled one is of none."""
    return (y != towards) & (y >= 0) if away_from is None else y == away_from


def move_along(trained: "TrainedRun", examples: Tensor, vector: Tensor, strengths: list[float]) -> Tensor:
    """Outputs (len(examples), len(strengths), *shape) for the codes of test examples, moved by multiples of a vector.

    `examples` (N,) are their indices.
    """
    codes = encode_split(trained, "test", int(examples.max()) + 1).codes[examples]  # (N, D)
    moved = codes.unsqueeze(1) + torch.tensor(strengths).view(1, -1, 1) * vector  # (N, S, D)
    return decode_codes(trained, moved.flatten(0, 1), None).unflatten(0, moved.shape[:2])


class Measured(NamedTuple):
    """An attribute of windows whose codes were moved.

    Arguments:
        values: (N, S), of N windows at S strengths; NaN where a window has nothing to measure.
        correlation: Pearson's, of strength and attribute over all of them; NaN where the attribute does not change.
    """

    values: Tensor
    correlation: float

    @property
    def mean_and_quartiles(self) -> Tensor:
        """Over the windows, (3, S)."""
        quartiles = self.values.nanquantile(torch.tensor([0.25, 0.75]), dim=0)
        return torch.cat([self.values.nanmean(0, keepdim=True), quartiles])


def measure_moved(trained: "TrainedRun", attribute: str, strengths: list[float], n: int) -> dict[str, Measured]:
    """Every attribute of the first `n` test windows, moved along the vector of one by multiples of it."""
    modality = melodies_of(trained, attribute)
    vector = measured_vector(trained, attribute)
    windows = torch.arange(min(n, len(trained.run.data.split("test").x)))
    moved = modality.to_stored(move_along(trained, windows, vector, strengths).flatten(0, 1))
    values = {name: each.compute(moved[..., 0]).view(-1, len(strengths)) for name, each in ATTRIBUTES.items()}
    strength = torch.tensor(strengths).expand(len(windows), -1)
    return {name: Measured(of, correlation(strength, of)) for name, of in values.items()}


def measured_vector(trained: "TrainedRun", attribute: str) -> Tensor:
    r"""The latent's change from a training window with little of an attribute to one with much, others alike, (D,).

    .. math:: a = w_j \, \big( \mathbb{E}[m_j | m_j \geq m_{j, 3/4}] - \mathbb{E}[m_j | m_j \leq m_{j, 1/4}] \big),
        \quad z \approx b + \sum_j w_j m_j

    The $w_j$ are fitted by least squares to all attributes $m_j$ together. The published vector is the difference of
    the mean latents of the two quarters; it mixes up attributes that go together, such as low voices and their leaps.

    References:
        | A Hierarchical Latent Vector Model for Learning Long-Term Structure in Music (Roberts et al., 2018), section
          5.4, of the top and the bottom quartile
        | https://arxiv.org/abs/1803.05428

    Raises:
        UserError: the windows do not differ in it, or are no melodies.
    """
    melodies_of(trained, attribute)
    tokens = trained.run.data.split("train").first(LATENTS_TO_FIT).x[..., 0]
    measured = {name: each.compute(tokens) for name, each in ATTRIBUTES.items()}
    distance = quartile_distance(measured[attribute], attribute)
    m, codes = torch.stack([*measured.values()], 1), encode_split(trained, "train", LATENTS_TO_FIT).codes
    complete = m.isfinite().all(1)
    m, codes = (each[complete].double() - each[complete].double().mean(0) for each in (m, codes))
    weights = torch.linalg.lstsq(m, codes, driver="gelsd").solution  # (attributes, D)
    return (distance * weights[[*measured].index(attribute)]).float()


def quartile_distance(values: Tensor, attribute: str) -> float:
    """From the mean of the lowest quarter to that of the highest; where most are equal, to that of those above."""
    least, most = values.nanquantile(torch.tensor([0.25, 0.75])).tolist()
    high = values >= most if most > least else values > least
    if not high.any():
        raise UserError(
            f"attribute={attribute}: no training window has more of it than {least:.3g}, which most have; expected "
            "data that differ in it"
        )
    return float(values[high].mean() - values[values <= least].mean())


def melodies_of(trained: "TrainedRun", attribute: str) -> Tokens:
    """The modality of a run whose first track is a melody, of which an attribute is measured; else a UserError."""
    if attribute not in ATTRIBUTES:
        raise UserError(f"attribute={attribute}: is not measured of melodies; expected one of {', '.join(ATTRIBUTES)}")
    modality = trained.modality
    if not isinstance(modality, Tokens) or modality.vocabularies[0] != MELODY:
        raise UserError(f"attribute={attribute}: is of melodies, but the data have none; expected a run on melodies")
    return modality


def correlation(x: Tensor, y: Tensor) -> float:
    """Pearson's, of two tensors of a shape, where neither is NaN."""
    both = torch.stack([x.flatten(), y.flatten()]).double()
    both = both[:, both.isfinite().all(0)]
    return float(both.corrcoef()[0, 1]) if both.shape[1] > 1 else math.nan
