"""Data sets from the corpus of music21: Bach's chorales, and folk tunes."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Literal

import numpy as np

from aectl.data.music import music21_pieces as corpus
from aectl.data.music.labels import Label
from aectl.data.music.pieces import Collection, Piece
from aectl.data.music.source import FORMAT, Music
from aectl.errors import notify
from aectl.io.progress import Progress, track
from aectl.types import Fraction, PositiveInt, Seed

if TYPE_CHECKING:
    from music21.stream import Score

Parse = Callable[[], list[np.ndarray]]


class Corpus(Music):
    """Pieces of music21's corpus, parsed once and kept in the cache by its version.

    Attributes:
        name: of the choice.
        licence: what its owners ask, printed when it is parsed.
    """

    name: str
    licence: str

    @property
    def where(self) -> str:
        return f"dataset={self.name}"

    @property
    def stored_as(self) -> str:
        return f"{self.name}-{corpus.music21_version(self.name)}-{FORMAT}"

    @abstractmethod
    def tunes(self) -> Iterator[tuple[str, Parse]]:
        """Each piece by name with what parses it, with a progress bar."""

    def read(self) -> Collection:
        notify(f"dataset={self.name}: {self.licence}")
        found = {name: corpus.attempt(parse) for name, parse in self.tunes()}
        pieces = [Piece(name, parts) for name, parts in found.items() if not isinstance(parts, str)]
        return Collection(pieces, {name: why for name, why in found.items() if isinstance(why, str)})


class Chorales(Corpus):
    """Bach's chorales in 4/4, from the user's installation of music21.

    Arguments:
        voices: `all` four, each in windows of its own, or the `soprano` alone.
        bars, val, test, split_seed, label, cache: as for `Music`.

    References:
        | 371 four-part chorales (Bach, edited by Riemenschneider, 1941)
        | music21: A Toolkit for Computer-Aided Musicology (Cuthbert & Ariza, 2010)
        | https://www.music21.org
    """

    name = "chorales"
    licence = (
        "Bach's chorales as encoded in music21, read from your installation; whoever encoded them may restrict "
        "commercial use: see its corpus/license.txt"
    )

    def __init__(
        self,
        voices: Literal["all", "soprano"],
        bars: PositiveInt,
        val: Fraction,
        test: Fraction,
        split_seed: Seed,
        label: Label,
        cache: str,
    ) -> None:
        super().__init__("melody", bars, val, test, split_seed, label, cache)
        self.voices = voices

    def chosen(self, pieces: list[Piece]) -> list[Piece]:
        return pieces if self.voices == "all" else [Piece(piece.name, piece.parts[:1]) for piece in pieces]

    def tunes(self) -> Iterator[tuple[str, Parse]]:
        for name in track(corpus.chorale_names(), "parsing chorales"):
            yield name, partial(parse_chorale, name)


def parse_chorale(name: str) -> list[np.ndarray]:
    score = corpus.read_score(name)
    corpus.require_metre(score, ["4/4"])
    return [corpus.to_tokens(part) for part in corpus.singing_parts(score)]


class Folk(Corpus):
    """Folk tunes of Europe and America in duple metre, from the user's installation of music21.

    Two bars of 2/4 make one of 16 steps.

    Arguments:
        bars, val, test, split_seed, label, cache: as for `Music`.

    References:
        | The Essen Folksong Collection (Schaffrath & Huron, 1995)
        | 1050 Reels and Jigs (Ryan's Mammoth Collection, 1883)
        | O'Neill's Music of Ireland (1850 Melodies, 1903)
        | A Selection of Scotch, English, Irish and Foreign Airs (Aird, 1782)
    """

    name = "folk"
    licence = (
        "four collections of tunes as encoded in music21, read from your installation; of these essenFolksong allows "
        "non-commercial use only: see its corpus/license.txt"
    )
    folders = ("essenFolksong", "ryansMammoth", "oneills1850", "airdsAirs")
    metres = ("2/4", "4/4", "2/2")

    def __init__(
        self, bars: PositiveInt, val: Fraction, test: Fraction, split_seed: Seed, label: Label, cache: str
    ) -> None:
        super().__init__("melody", bars, val, test, split_seed, label, cache)

    def tunes(self) -> Iterator[tuple[str, Parse]]:
        paths = corpus.corpus_files(self.folders)
        with Progress("parsing folk tunes", sum(map(corpus.count_tunes, paths))) as shown:
            for name, parse in chain.from_iterable(corpus.read_tunes(path, self.metres) for path in paths):
                yield name, partial(first_part, parse)
                shown.advance()


def first_part(parse: Callable[[], "Score"]) -> list[np.ndarray]:
    return [corpus.to_tokens(parse().parts[0])]
