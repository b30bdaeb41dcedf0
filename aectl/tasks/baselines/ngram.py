"""An n-gram model of music, which predicts each step of a track from those before it."""

from collections.abc import Callable, Sequence

import numpy as np

from aectl.tasks.baselines.base import Baseline, Pairs, Score, State
from aectl.tasks.baselines.sequences import TrackTokens, to_tokens

STEPS_PER_BAR = 16
LONGEST = 33  # steps since the last onset that are told apart, and none
PITCHES = 3


class NGram(Baseline):
    r"""The distribution of a token given its place in the bar, the time since the last onset, and the last three.

    Shorter contexts smooth longer ones, by Witten and Bell: with $c$ counts and $t(h)$ tokens that followed $h$,

    .. math:: p(x|h) = \frac{c(h x) + t(h) \, p(x|h')}{c(h) + t(h)}

    It is told the true steps before each (teacher forcing), so it is no reconstruction: its nats are a likelihood.

    References:
        | The zero-frequency problem: estimating the probabilities of novel events in adaptive text compression (Witten
          & Bell, 1991), method C
        | https://doi.org/10.1109/18.87000
    """

    name = "n-gram, teacher-forced"

    def __init__(self, tracks: Sequence[TrackTokens]) -> None:
        self.tracks = [tuple(track) for track in tracks]

    def fit(self, train: Callable[[], Pairs], val: Callable[[], Pairs], score: Score) -> State:
        tokens = to_tokens(train().target, [size for size, _ in self.tracks])
        state: State = {}
        for track, (size, first_onset) in enumerate(self.tracks):
            for level, contexts in enumerate(contexts_of(tokens[..., track], size, first_onset)):
                found = count(contexts.ravel(), tokens[..., track].ravel(), size)
                state |= {f"{track}-{level}-{name}": values for name, values in found.items()}
        return state

    def restore(self, input: np.ndarray, state: State) -> np.ndarray:
        """The probabilities of each step given the true ones before it, (N, 1, T, V)."""
        tokens = to_tokens(input, [size for size, _ in self.tracks])
        parts = []
        for track, (size, first_onset) in enumerate(self.tracks):
            p = np.full((tokens[..., track].size, size), 1 / size, np.float32)
            for level, contexts in enumerate(contexts_of(tokens[..., track], size, first_onset)):
                prefix = f"{track}-{level}-"
                found = {name.removeprefix(prefix): part for name, part in state.items() if name.startswith(prefix)}
                p = smoothed(p, contexts.ravel(), found)
            parts.append(p.reshape(*tokens.shape[:2], size))
        return np.concatenate(parts, axis=-1)[:, None]

    def nats(self, output: np.ndarray, target: np.ndarray) -> np.ndarray:
        return -np.log((output * target).reshape(len(target), -1) + (target == 0).reshape(len(target), -1)).sum(1)


def contexts_of(tokens: np.ndarray, size: int, first_onset: int) -> list[np.ndarray]:
    """A number for what is known before each step of windows (N, T), from the shortest context to the longest."""
    n, steps = tokens.shape
    last = np.zeros((PITCHES, n), np.int64)  # the onsets before the step, the latest first
    since = np.full(n, LONGEST - 1)
    columns: list[list[np.ndarray]] = []
    for step in range(steps):
        place = np.full(n, step % STEPS_PER_BAR)
        known = [np.zeros(n, np.int64), place, place * LONGEST + since]
        for pitch in last:
            known.append(known[-1] * size + pitch)
        columns.append(known)
        starts = tokens[:, step] >= first_onset
        last = np.where(starts, np.concatenate([tokens[None, :, step], last[:-1]]), last)
        since = np.where(starts, 0, np.minimum(since + 1, LONGEST - 1))
    return [np.stack(each, axis=1) for each in zip(*columns, strict=True)]


def count(contexts: np.ndarray, tokens: np.ndarray, size: int) -> State:
    """How often each token followed each context, sparsely, as rows of `tokens` and `counts` from `starts` on."""
    pairs, counts = np.unique(contexts * size + tokens, return_counts=True)
    keys, starts, kinds = np.unique(pairs // size, return_index=True, return_counts=True)
    return {
        "keys": keys,
        "starts": starts,
        "kinds": kinds,
        "totals": np.add.reduceat(counts, starts),
        "tokens": (pairs % size).astype(np.int16),
        "counts": counts.astype(np.int32),
    }


def smoothed(shorter: np.ndarray, contexts: np.ndarray, found: State) -> np.ndarray:
    """The distributions (N, V) given these contexts, from those given shorter ones; an unknown one adds nothing."""
    index = np.searchsorted(found["keys"], contexts).clip(max=len(found["keys"]) - 1)
    known = found["keys"][index] == contexts
    kinds = np.where(known, found["kinds"][index], 0)
    rows = np.repeat(np.arange(len(contexts)), kinds)
    offsets = np.arange(len(rows)) - np.repeat(np.cumsum(kinds) - kinds, kinds)
    entries = found["starts"][index][rows] + offsets
    total = np.where(known, found["totals"][index] + kinds, 1)[:, None].astype(np.float32)
    p = shorter * np.where(known, kinds, 1)[:, None].astype(np.float32)
    p[rows, found["tokens"][entries]] += found["counts"][entries]
    return p / total
