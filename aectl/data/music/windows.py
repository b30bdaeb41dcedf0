"""Cuts pieces into windows of some bars, and splits them by piece."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from aectl.data.folder.splitting import SPLITS, split_files
from aectl.data.music.pieces import Piece
from aectl.data.source import SplitName
from aectl.modalities.vocabulary import FIRST_PITCH, MELODY, STEPS_PER_BAR, first_onset


class Windows(NamedTuple):
    """Windows (N, T, tracks), and for each the index of its piece, (N,)."""

    tokens: np.ndarray
    pieces: np.ndarray

    def take(self, chosen: np.ndarray) -> "Windows":
        return Windows(self.tokens[chosen], self.pieces[chosen])


def cut(piece: Piece, bars: int, vocabularies: tuple[int, ...]) -> np.ndarray:
    """The windows of a piece that differ, in order, one from every bar on, (N, T, tracks), without those of no note."""
    steps, first = bars * STEPS_PER_BAR, [first_onset(size) for size in vocabularies]
    found: dict[bytes, np.ndarray] = {}
    for part in piece.parts:
        for start in range(0, len(part) - steps + 1, STEPS_PER_BAR):
            window = part[start : start + steps]
            if (window >= first).any():
                found.setdefault(window.tobytes(), window)
    return np.stack(list(found.values())) if found else np.empty((0, steps, len(vocabularies)), np.uint8)


def cut_all(pieces: Sequence[Piece], chosen: Sequence[int], bars: int, vocabularies: tuple[int, ...]) -> Windows:
    """The windows of some of the pieces."""
    parts = [cut(pieces[index], bars, vocabularies) for index in chosen]
    if not parts:
        return Windows(np.empty((0, bars * STEPS_PER_BAR, len(vocabularies)), np.uint8), np.empty(0, int))
    return Windows(np.concatenate(parts), np.repeat(np.array(chosen), [len(part) for part in parts]))


def split_pieces(pieces: Sequence[Piece], shares: Mapping[SplitName, float], seed: int) -> dict[SplitName, list[int]]:
    """The indices of the pieces of each split; one that is a copy of another is in none."""
    content = {
        str(index): hashlib.blake2b(piece.content, digest_size=16).hexdigest() for index, piece in enumerate(pieces)
    }
    first = {digest: name for name, digest in reversed(content.items())}
    unique = {name: digest for name, digest in content.items() if first[digest] == name}
    chosen = split_files(unique, {}, shares, seed)
    return {split: [int(name) for name, found in chosen.items() if found == split] for split in SPLITS}


def without_copies(windows: Windows, others: Sequence[Windows], vocabularies: tuple[int, ...]) -> Windows:
    """The windows that do not occur among others, in whatever key: a model is trained on all of these."""
    known = {window.tobytes() for other in others for window in in_one_key(other.tokens, vocabularies)}
    inside = [window.tobytes() in known for window in in_one_key(windows.tokens, vocabularies)]
    return windows.take(~np.array(inside, bool))


def in_one_key(tokens: np.ndarray, vocabularies: tuple[int, ...]) -> np.ndarray:
    """Windows (N, T, tracks) moved so that their lowest note is the lowest there is; drums stay."""
    notes = (tokens >= FIRST_PITCH) & (np.array(vocabularies) == MELODY)
    lowest = np.where(notes, tokens, MELODY).min((1, 2), keepdims=True, initial=MELODY)
    return np.where(notes, tokens - lowest + FIRST_PITCH, tokens)
