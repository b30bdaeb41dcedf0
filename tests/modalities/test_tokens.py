"""Tokens: their check, their one-hot vectors and their scores, against counts by hand."""

import pytest
import torch

from aectl.errors import UserError
from aectl.modalities import Images, Tokens, modality_for
from aectl.modalities.vocabulary import DRUMS, MELODY

MELODIES = Tokens((1, 4, MELODY), (MELODY,))
TRIO = Tokens((1, 4, 2 * MELODY + DRUMS), (MELODY, MELODY, DRUMS))


def tokens(*windows: list[int]) -> torch.Tensor:
    return torch.tensor(windows, dtype=torch.uint8).unsqueeze(-1)


def test_vocabularies_make_an_example_tokens_and_not_an_image() -> None:
    assert modality_for((1, 4, MELODY), (MELODY,)) == MELODIES
    assert isinstance(modality_for((1, 4, MELODY)), Images)
    with pytest.raises(UserError, match=r"vocabularies \(90, 512\); expected \(1, steps, 602\)"):
        Tokens((1, 4, MELODY), (MELODY, DRUMS))


@pytest.mark.parametrize("modality", [MELODIES, TRIO])
def test_tokens_survive_the_round_trip_through_one_hot_vectors(modality: Tokens) -> None:
    x = torch.stack([torch.randint(0, size, (5, 4)) for size in modality.vocabularies], dim=-1)
    hot = modality.to_model(x.to(torch.int16))
    assert hot.shape == (5, *modality.shape)
    for track in hot.split(modality.vocabularies, dim=-1):
        assert (track.sum(-1) == 1).all()
    assert torch.equal(modality.to_stored(hot).long(), x)


def test_a_token_outside_of_its_vocabulary_is_refused_with_its_track() -> None:
    MELODIES.check(tokens([0, 1, 2, 89]), "dataset", "val")
    with pytest.raises(UserError, match="its val split has tokens from 0 to 90 in track 0; expected 0 to 89"):
        MELODIES.check(tokens([0, 1, 2, 90]), "dataset", "val")
    with pytest.raises(UserError, match=r"float32 of shape \(1, 4, 1\); expected integers \(N, 4, 1\)"):
        MELODIES.check(tokens([0, 1, 2, 3]).float(), "dataset", "val")


def test_scores_of_tokens_are_those_counted_by_hand() -> None:
    target = tokens([40, 0, 42, 1], [0, 0, 0, 0], [40, 0, 0, 0])
    output = tokens([40, 41, 43, 1], [0, 0, 0, 0], [0, 40, 0, 0])
    scores = MELODIES.score(MELODIES.to_model(output), MELODIES.to_model(target))
    assert scores["token_accuracy"].tolist() == [0.5, 1, 0.5]
    assert scores["onset_f1"].tolist() == [pytest.approx(2 / 5), 1, 0]
    assert scores["exact"].tolist() == [0, 1, 0]


def test_steps_without_weight_do_not_count() -> None:
    weight = torch.tensor([1.0, 1, 0, 0]).view(1, 1, 4, 1)
    hot = MELODIES.to_model(tokens([40, 0, 42, 1])), MELODIES.to_model(tokens([40, 0, 50, 50]))
    scores = MELODIES.score(*hot, weight)
    assert {name: float(score) for name, score in scores.items()} == {"onset_f1": 1, "token_accuracy": 1, "exact": 1}
