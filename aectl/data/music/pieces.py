"""Pieces of music, and the file in the cache that keeps those of a data set."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aectl.io.npz import load_npz, save_npz


@dataclass(frozen=True)
class Piece:
    """A piece of music.

    Arguments:
        name: of its file, or of a tune in it.
        parts: its voices, each (T, tracks) tokens of whole bars that start with a bar.
    """

    name: str
    parts: list[np.ndarray]

    @property
    def content(self) -> bytes:
        """The same for pieces with the same notes."""
        return b"|".join(part.tobytes() for part in self.parts)


@dataclass(frozen=True)
class Collection:
    """The pieces of a data set, and why others were left out, by their names."""

    pieces: list[Piece]
    skipped: dict[str, str]

    def save(self, path: Path) -> None:
        parts = [part for piece in self.pieces for part in piece.parts]
        save_npz(
            path,
            {
                "tokens": np.concatenate(parts) if parts else np.empty((0, 1), np.uint8),
                "lengths": np.array([len(part) for part in parts], np.int64),
                "parts": np.array([len(piece.parts) for piece in self.pieces], np.int64),
                "names": np.array(json.dumps([piece.name for piece in self.pieces])),
                "skipped": np.array(json.dumps(self.skipped)),
            },
        )

    @classmethod
    def load(cls, path: Path) -> "Collection | None":
        """What `save` wrote; None if there is no file, or a damaged one."""
        try:
            found = load_npz(path)
            parts = np.split(found["tokens"], np.cumsum(found["lengths"])[:-1])
            names, skipped = json.loads(str(found["names"])), json.loads(str(found["skipped"]))
            return cls([Piece(*each) for each in zip(names, grouped(parts, found["parts"]), strict=True)], skipped)
        except (KeyError, ValueError, TypeError, IndexError):
            return None


def grouped(parts: list[np.ndarray], counts: Sequence[int] | np.ndarray) -> list[list[np.ndarray]]:
    """The parts of each piece; a ValueError if there are not as many as the counts say."""
    ends = np.cumsum(counts)
    if len(ends) and ends[-1] != len(parts):
        raise ValueError(f"{len(parts)} parts; expected {ends[-1]}")
    return [parts[end - count : end] for end, count in zip(ends, counts, strict=True)]
