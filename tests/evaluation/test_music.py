"""What is measured of models of music."""

from pathlib import Path

import pytest
import torch

from aectl.data.loader import Batches
from aectl.evaluation.baseline_comparison import BaselineComparison
from aectl.evaluation.cache import Cache
from aectl.evaluation.music import histogram_overlap, ngram_cost, pitch_classes, score_music, transposed
from aectl.inference.trained_run import TrainedRun
from aectl.modalities import Tokens
from aectl.modalities.vocabulary import DRUMS, FIRST_PITCH, LOWEST_PITCH, MELODY
from aectl.models.probability.likelihoods import Categorical
from aectl.models.variational.music_vae import MusicVAE
from tests.support.toy_models import opened

MIDDLE_C = FIRST_PITCH + 60 - LOWEST_PITCH


def untrained() -> TrainedRun:
    torch.manual_seed(0)
    shape = (1, 32, MELODY)
    sizes = (1.0, 0.0, 0.0, 0.0, 4, 1, 4, 1, 1, 4, 1, False)
    model = MusicVAE(shape, shape, 3, *sizes, likelihood=Categorical([MELODY])).eval()
    return opened(model, "tests.support.toy_melodies.ToyMelodies")


def test_music_of_an_untrained_model_is_measured_in_full(tmp_path: Path) -> None:
    trained = untrained()
    comparison = BaselineComparison(trained, trained, Cache(tmp_path), 100)
    modality = trained.modality
    assert isinstance(modality, Tokens)
    batches = Batches(trained.run.data.split("test"), 50, shuffle=False)
    found = score_music(trained, modality, comparison, batches, 20, ["prior", "gaussian"])
    assert found.forced.keys() == modality.metrics.keys()
    cost = ngram_cost(modality, comparison)
    assert found.real_nats.mean == pytest.approx(cost(batches.split.x).mean().item())
    assert {*found.samples} == {"prior", "gaussian"}
    for drawn in found.samples.values():
        assert drawn.n == 20
        assert drawn.copies == 0
    assert found.samples["prior"].nats.mean > 2 * found.real_nats.mean  # it writes anything
    assert found.walks
    assert found.to_dict()["walks"]["to_first"][0] > 0.5
    assert score_music(trained, modality, comparison, batches, 0).samples == {}


def test_tokens_are_drawn_at_a_quarter_of_the_temperature_unless_another_is_given() -> None:
    trained = untrained()
    by_default, quarter, whole = (trained.sample(20, temperature) for temperature in (None, 0.25, 1.0))
    assert torch.equal(by_default, quarter)
    assert not torch.equal(by_default, whole)


def test_held_out_windows_are_transposed_as_in_training() -> None:
    trained = untrained()
    modality = trained.modality
    assert isinstance(modality, Tokens)
    windows = trained.run.data.split("test").x
    assert torch.equal(transposed(trained, modality, windows), windows)
    trained.run.cfg.augment = {"transpose": {"_target_": "aectl.data.music.transpose.Transpose", "semitones": 5}}
    moved = transposed(trained, modality, windows)
    distance = (moved.int() - windows.int())[windows >= FIRST_PITCH]
    assert {*distance.tolist()} == {*range(-5, 6)}
    assert torch.equal(moved < FIRST_PITCH, windows < FIRST_PITCH)


def test_pitch_classes_are_counted_in_melodies_alone() -> None:
    window = torch.tensor([[MIDDLE_C, 3], [0, 4], [1, 5], [MIDDLE_C + 12, 6], [MIDDLE_C + 9, 0]])[None]
    expected = [2, *[0] * 8, 1, 0, 0]
    assert pitch_classes(window, (MELODY, DRUMS)).tolist() == expected


def test_overlap_of_histograms() -> None:
    assert histogram_overlap(torch.tensor([2, 6]), torch.tensor([1, 3])) == pytest.approx(1)
    assert histogram_overlap(torch.tensor([1, 3]), torch.tensor([1, 0])) == pytest.approx(0.25)
    assert histogram_overlap(torch.tensor([0, 0]), torch.tensor([1, 0])) == 0
