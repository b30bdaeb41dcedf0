"""Baselines of sequences of tokens, against counts by hand."""

from typing import Any

import numpy as np
import pytest

from aectl.tasks.baselines.base import Baseline, Pairs
from aectl.tasks.baselines.ngram import NGram, count, smoothed
from aectl.tasks.baselines.sequences import (
    NearestWindow,
    NoEvent,
    TrackTokens,
    sequence_baselines,
    to_one_hot,
    to_tokens,
)

TRACKS = [TrackTokens(6, 2), TrackTokens(4, 1)]
SIZES = [6, 4]


def windows(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(0, size, (n, 20)) for size in SIZES], axis=-1).astype(np.int16)


def fitted(baseline: Baseline, train: np.ndarray) -> dict[str, Any]:
    x = to_one_hot(train, SIZES)
    return baseline.fit(lambda: Pairs(x, x), lambda: Pairs(x, x), lambda *_: np.zeros(1))


def test_tokens_survive_the_round_trip() -> None:
    assert np.array_equal(to_tokens(to_one_hot(windows(5), SIZES), SIZES), windows(5))


def test_n_gram_is_a_distribution_over_windows_told_only_their_past() -> None:
    ngram, test = NGram(TRACKS), windows(7, 1)
    state = fitted(ngram, windows(50))
    p = ngram.restore(to_one_hot(test, SIZES), state)
    for track in np.split(p, [6], axis=-1):
        np.testing.assert_allclose(track.sum(-1), 1, rtol=1e-5)
    changed = test.copy()
    changed[:, 11:] = 0
    assert np.array_equal(ngram.restore(to_one_hot(changed, SIZES), state)[:, :, :12], p[:, :, :12])
    chosen = np.take_along_axis(p[:, 0, :, :6], test[..., :1].astype(int), -1)
    others = np.take_along_axis(p[:, 0, :, 6:], test[..., 1:].astype(int), -1)
    expected = -(np.log(chosen) + np.log(others)).sum((1, 2))
    np.testing.assert_allclose(ngram.nats(p, to_one_hot(test, SIZES)), expected, rtol=1e-5)


def test_n_gram_learns_what_always_follows() -> None:
    ngram = NGram(TRACKS)
    train = np.tile(np.arange(20)[None, :, None] % 4, (30, 1, 2)).astype(np.int16)
    p = ngram.restore(to_one_hot(train[:1], SIZES), fitted(ngram, train))
    assert np.array_equal(to_tokens(p, SIZES), train[:1])


def test_witten_and_bell_smooth_a_context_by_how_many_tokens_followed_it() -> None:
    found = count(np.array([5, 5, 5, 9]), np.array([0, 0, 1, 2]), 3)
    p = smoothed(np.full((3, 3), 1 / 3, np.float32), np.array([5, 9, 7]), found)
    np.testing.assert_allclose(p[0], (np.array([2, 1, 0]) + 2 / 3) / 5, rtol=1e-6)
    np.testing.assert_allclose(p[1], (np.array([0, 0, 1]) + 1 / 3) / 2, rtol=1e-6)
    np.testing.assert_allclose(p[2], 1 / 3, rtol=1e-6)


def test_nearest_window_has_the_most_equal_tokens() -> None:
    train = windows(40)
    test = train[[3, 17]].copy()
    test[:, :4] = 0
    nearest = NearestWindow(TRACKS)
    found = nearest.restore(to_one_hot(test, SIZES), fitted(nearest, train))
    assert np.array_equal(to_tokens(found, SIZES), train[[3, 17]])


def test_no_event_is_the_commonest_token_of_every_track() -> None:
    train = windows(40)
    train[:, 5:] = 0
    output = NoEvent().restore(to_one_hot(windows(3), SIZES), fitted(NoEvent(), train))
    assert not to_tokens(output, SIZES).any()


@pytest.mark.parametrize("baseline", sequence_baselines(TRACKS, 3), ids=lambda baseline: baseline.name)
def test_baselines_give_windows_of_the_shape(baseline: Baseline) -> None:
    output = baseline.restore(to_one_hot(windows(3), SIZES), fitted(baseline, windows(40)))
    assert output.shape == (3, 1, 20, 10)
