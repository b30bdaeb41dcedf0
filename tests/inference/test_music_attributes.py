"""The vectors of attributes that are measured of melodies, of a model whose code is the number of notes."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from aectl.data.source import Split, SplitName
from aectl.errors import UserError
from aectl.inference.attributes import correlation, measure_moved, measured_vector, quartile_distance
from aectl.inference.trained_run import TrainedRun
from aectl.modalities.music_attributes import ATTRIBUTES
from aectl.modalities.vocabulary import DRUMS, MELODY
from aectl.models.ae import AE
from aectl.models.nets.mlp import MLP
from tests.support.toy_models import identity, opened

STEPS = 16
NOTES = [1, 1, 2, 2, 3, 4, 5, 9]


def window(notes: int) -> Tensor:
    """Tokens (T, 1) of so many notes, one after the other."""
    return (torch.arange(STEPS) < notes).long()[:, None] * 40


class Melodies:
    """Windows of known numbers of notes."""

    shape = (1, STEPS, MELODY)
    vocabularies = (MELODY,)
    notes = NOTES

    def prepare(self) -> None:
        pass

    def split(self, name: SplitName) -> Split:
        return Split(torch.stack([window(notes) for notes in self.notes]), None, None)


class Leaping(Melodies):
    """The more notes, the larger the intervals, but for a few windows."""

    def split(self, name: SplitName) -> Split:
        steps = torch.arange(STEPS)
        chosen = [(2, 1), (2, 2), (3, 2), (3, 4), (4, 3), (5, 5), (5, 4), (5, 6)]
        windows = [((steps < notes) * (40 + leap * (steps % 2)))[:, None] for notes, leap in chosen]
        return Split(torch.stack(windows), None, None)


class AllAlike(Melodies):
    notes = (2,) * 8


class Drums(Melodies):
    shape = (1, STEPS, DRUMS)
    vocabularies = (DRUMS,)


class Counting(AE):
    """Its code is the number of notes, and it writes as many."""

    def embed(self, input: Tensor, cond: Tensor | None = None) -> Tensor:
        return input[:, 0, :, 2:].sum((1, 2))[:, None]

    def decode_mean(self, z: Tensor, cond: Tensor | None = None) -> Tensor:
        windows = torch.stack([window(round(float(notes)))[:, 0] for notes in z])
        return F.one_hot(windows, self.shape[2])[:, None].float()


def counting(source: type[Melodies] = Melodies) -> TrainedRun:
    model = Counting(source.shape, source.shape, 1, net=MLP([]), likelihood=identity())
    return opened(model.eval(), f"{__name__}.{source.__name__}")


def test_vector_leads_from_the_quarter_with_least_to_the_quarter_with_most() -> None:
    most, least = (5 + 9) / 2, (1 + 1) / 2
    assert measured_vector(counting(), "density").tolist() == pytest.approx([most - least])


def test_where_the_quartiles_are_the_same_those_with_more_stand_against_the_others() -> None:
    assert quartile_distance(torch.tensor([2.0] * 7 + [6.0]), "density") == 4


def test_vector_holds_the_other_attributes_as_they_are() -> None:
    """The code tells the notes alone, which go together with the intervals here."""
    trained = counting(Leaping)
    tokens = trained.run.data.split("train").x[..., 0]
    density, interval = (ATTRIBUTES[name].compute(tokens) for name in ("density", "interval"))
    assert correlation(density, interval) > 0.5
    assert measured_vector(trained, "interval").tolist() == pytest.approx([0], abs=1e-4)
    assert measured_vector(trained, "density").tolist() == pytest.approx([3])


def test_moved_windows_have_more_of_it_the_further_they_are_moved() -> None:
    found = measure_moved(counting(), "density", [0.0, 0.5, 1.0], 3)
    assert found["density"].values.tolist() == [[1, 4, 7], [1, 4, 7], [2, 5, 8]]
    assert found["density"].correlation > 0.95
    mean, low, high = found["density"].mean_and_quartiles
    assert mean.tolist() == pytest.approx([4 / 3, 13 / 3, 22 / 3])
    assert (low <= mean).all()
    assert (mean <= high).all()
    assert found["pitch"].values.unique().tolist() == [59]


def test_correlation_leaves_out_what_is_not_measured() -> None:
    strengths, values = torch.tensor([0.0, 1.0, 2.0, 3.0]), torch.tensor([1.0, 3.0, math.nan, 7.0])
    assert correlation(strengths, values) == pytest.approx(1)
    assert math.isnan(correlation(strengths, torch.full((4,), math.nan)))


@pytest.mark.parametrize(
    ("source", "attribute", "message"),
    [
        (Melodies, "tempo", "attribute=tempo: is not measured of melodies; expected one of density, pitch"),
        (Drums, "density", "attribute=density: is of melodies, but the data have none"),
        (AllAlike, "density", "attribute=density: no training window has more of it than 2, which most have"),
    ],
)
def test_what_cannot_be_measured_is_refused(source: type[Melodies], attribute: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        measure_moved(counting(source), attribute, [0.0], 2)
