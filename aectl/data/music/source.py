"""The base of all data sets of music."""

from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path

import torch

from aectl.data.music.labels import Label, label_windows
from aectl.data.music.pieces import Collection, Piece
from aectl.data.music.windows import Windows, cut_all, split_pieces, without_copies
from aectl.data.source import Source, Split, SplitName
from aectl.errors import UserError
from aectl.io.locks import file_lock
from aectl.modalities.midi_parts import VOCABULARIES, Kind
from aectl.modalities.vocabulary import STEPS_PER_BAR
from aectl.types import Fraction, PositiveInt, Seed, Shape

FORMAT = 1  # the version of the cache


class Music(Source, ABC):
    """Windows of some bars, one from every bar of every part of a piece on; the pieces are split, never the windows.

    Windows that occur several times in a piece are kept once, and pieces that are copies of others left out. Windows of
    the validation and test splits that also occur in the training split, in whatever key, are left out of them.

    Arguments:
        kind: of the parts: melody, drums, or trio.
        bars: of a window, of 16 steps each.
        val, test: the shares of the pieces that are held out.
        split_seed: chooses these pieces.
        label: what the class of a window is: the key that its piece seems to be in, the piece, or the number of notes.
        cache: the folder that keeps the pieces.
    """

    def __init__(
        self, kind: Kind, bars: PositiveInt, val: Fraction, test: Fraction, split_seed: Seed, label: Label, cache: str
    ) -> None:
        self.kind, self.bars, self.label = kind, bars, label
        self.shares: dict[SplitName, float] = {"val": val, "test": test}
        self.split_seed = split_seed
        self.cache = Path(cache).expanduser()
        self.vocabularies = VOCABULARIES[kind]
        self.shape: Shape = (1, bars * STEPS_PER_BAR, sum(self.vocabularies))

    @property
    @abstractmethod
    def stored_as(self) -> str:
        """The name of its file in the cache, without a suffix: other pieces have another name."""

    @property
    @abstractmethod
    def where(self) -> str:
        """The key and value of the config that name it in messages."""

    @abstractmethod
    def read(self) -> Collection:
        """All pieces, parsed with a progress bar."""

    def chosen(self, pieces: list[Piece]) -> list[Piece]:
        """What of the pieces is used."""
        return pieces

    def prepare(self) -> None:
        self.windows  # noqa: B018 - reads them

    def split(self, name: SplitName) -> Split:
        windows = self.windows[name]
        x = torch.from_numpy(windows.tokens)
        found = label_windows(windows, self.pieces, self.vocabularies, self.label)
        return Split(x) if found is None else Split(x, torch.from_numpy(found[0]), found[1])

    @cached_property
    def collection(self) -> Collection:
        """The pieces, from the cache if they are there."""
        path = self.cache / f"music-{self.stored_as}.npz"
        with file_lock(path, f"reads music into {path}"):
            if (known := Collection.load(path)) is not None:
                return known
            collection = self.read()
            try:
                collection.save(path)
            except OSError as error:
                raise UserError(
                    f"dataset.cache={self.cache}: could not be written ({error.strerror}); give a folder with more room"
                ) from error
            return collection

    @cached_property
    def pieces(self) -> list[Piece]:
        return self.chosen(self.collection.pieces)

    @cached_property
    def windows(self) -> dict[SplitName, Windows]:
        """The windows of each split; a UserError if there are none."""
        pieces = self.pieces
        chosen = split_pieces(pieces, self.shares, self.split_seed)
        windows = {name: cut_all(pieces, part, self.bars, self.vocabularies) for name, part in chosen.items()}
        if not sum(len(each.tokens) for each in windows.values()):
            raise UserError(f"{self.where}: no window of {self.bars} bars in it; {self.describe_pieces()}")
        windows["test"] = without_copies(windows["test"], [windows["train"]], self.vocabularies)
        windows["val"] = without_copies(windows["val"], [windows["train"], windows["test"]], self.vocabularies)
        return windows

    def describe_pieces(self) -> str:
        """What the pieces are, for an error: how many, and why others are left out."""
        pieces, skipped = self.collection.pieces, self.collection.skipped
        if pieces:
            longest = max(len(part) for piece in pieces for part in piece.parts) // STEPS_PER_BAR
            return f"the longest of its {len(pieces)} pieces has {longest} bars; fewer: dataset.bars={longest}"
        name, why = next(iter(skipped.items()), ("", ""))
        return f"none of its {len(skipped)} files can be used; {name}: {why}" if skipped else "no piece in it"
