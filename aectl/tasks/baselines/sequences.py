"""Baselines of sequences of tokens, one-hot vectors (N, 1, T, V): what needs no network."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from aectl.tasks.baselines.base import Baseline, Pairs, Score, State
from aectl.tasks.baselines.learned import PCA


class TrackTokens(NamedTuple):
    """The tokens of a track: how many there are, and the first one that starts a note."""

    size: int
    first_onset: int


def sequence_baselines(tracks: Sequence[TrackTokens], latent_size: int) -> list[Baseline]:
    """Those that rebuild windows, and the n-gram, which predicts each step from the true ones before it."""
    from aectl.tasks.baselines.ngram import NGram

    return [NoEvent(), NGram(tracks), NearestWindow(tracks), PCA(latent_size)]


class NoEvent(Baseline):
    """Nothing happens, at any step: the first token of the first track, which most steps have."""

    name = "no event"

    def fit(self, train: Callable[[], Pairs], val: Callable[[], Pairs], score: Score) -> State:
        return {"commonest": train().target.mean(axis=(0, 1, 2))}

    def restore(self, input: np.ndarray, state: State) -> np.ndarray:
        return np.broadcast_to(state["commonest"].astype(np.float32), input.shape)


class NearestWindow(Baseline):
    """The training window with the most equal tokens."""

    name = "nearest training window"

    def __init__(self, tracks: Sequence[TrackTokens]) -> None:
        self.tracks = [tuple(track) for track in tracks]

    def fit(self, train: Callable[[], Pairs], val: Callable[[], Pairs], score: Score) -> State:
        return {"windows": to_tokens(train().target, [size for size, _ in self.tracks])}

    def restore(self, input: np.ndarray, state: State) -> np.ndarray:
        sizes = [size for size, _ in self.tracks]
        windows = state["windows"]  # (M, T, tracks)
        equal = np.zeros((len(input), len(windows)), np.int16)
        tokens = to_tokens(input, sizes)
        for step in np.ndindex(tokens.shape[1:]):
            equal += tokens[:, None, *step] == windows[None, :, *step]
        return to_one_hot(windows[equal.argmax(1)], sizes)


def to_tokens(x: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """One-hot vectors (N, 1, T, V) as tokens (N, T, tracks) int16."""
    parts = np.split(x[:, 0], np.cumsum(sizes)[:-1], axis=-1)
    return np.stack([part.argmax(-1) for part in parts], axis=-1).astype(np.int16)


def to_one_hot(tokens: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """The inverse of `to_tokens`, float32."""
    hot = [np.eye(size, dtype=np.float32)[tokens[..., track]] for track, size in enumerate(sizes)]
    return np.concatenate(hot, axis=-1)[:, None]
