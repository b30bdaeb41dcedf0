"""Pieces from the user's own installation of music21; nothing of its corpus is part of aectl."""

from collections.abc import Callable, Collection, Iterator
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aectl.errors import UserError, one_line
from aectl.modalities.notes import Note, melody_tokens
from aectl.modalities.vocabulary import STEPS_PER_BAR

if TYPE_CHECKING:
    from music21.abcFormat import ABCHandler
    from music21.stream import Part, Score

STEPS_PER_QUARTER = STEPS_PER_BAR // 4
VOICES = ("Soprano", "Alto", "Tenor", "Bass")


def music21_version(dataset: str) -> str:
    """The version that is installed; a UserError if none is."""
    try:
        return version("music21")
    except PackageNotFoundError:
        raise UserError(
            f"dataset={dataset}: reads the corpus of music21, which is not installed: pip install 'aectl[music]'"
        ) from None


def chorale_names() -> list[str]:
    """Bach's chorales as the corpus names them, without those that the numbering by Riemenschneider repeats."""
    from music21.corpus import chorales

    return list(dict.fromkeys(chorales.Iterator(returnType="filename")))


def read_score(name: str) -> "Score":
    """A work of the corpus, read from its file and not from a pickle that music21 may keep of it."""
    from music21 import corpus

    return corpus.parse(name, forceSource=True)


def corpus_files(folders: Collection[str]) -> list[Path]:
    """The files of ABC in these folders of the corpus."""
    import music21

    corpus = Path(music21.__file__).parent / "corpus"
    return [path for folder in folders for path in sorted((corpus / folder).glob("*.abc"))]


def count_tunes(path: Path) -> int:
    """How many tunes a file of ABC has, by their reference numbers."""
    return max(1, sum(line.startswith(b"X:") for line in path.read_bytes().splitlines()))


def read_tunes(path: Path, metres: Collection[str]) -> Iterator[tuple[str, Callable[[], "Score"]]]:
    """The tunes of a file of ABC: their names, and what parses each, which raises a ValueError at another metre."""
    from music21.abcFormat import ABCFile

    file = ABCFile()
    file.open(path)
    try:
        handler = file.read()
    finally:
        file.close()
    several = handler.definesReferenceNumbers()
    for number, tune in (handler.splitByReferenceNumber() if several else {1: handler}).items():
        yield f"{path.stem}/{number}", partial(parse_tune, tune, metres)


def parse_tune(tune: "ABCHandler", metres: Collection[str]) -> "Score":
    """Looks at the metres that are written first: to parse a tune takes music21 a thirtieth of a second."""
    from music21.abcFormat import ABCMetadata
    from music21.abcFormat.translate import abcToStreamScore

    written = (token for token in tune.tokens if isinstance(token, ABCMetadata) and token.isMeter())
    signatures = [token.getTimeSignatureParameters() for token in written]
    refuse_others({f"{signature[0]}/{signature[1]}" for signature in signatures if signature}, metres)
    score = abcToStreamScore(tune)
    require_metre(score, metres)
    return score


def singing_parts(score: "Score") -> list["Part"]:
    """Soprano, alto, tenor and bass of a chorale, which may have instruments besides; else all parts."""
    parts = list(score.parts)
    return [part for part in parts if str(part.partName).startswith(VOICES)] or parts


def require_metre(score: "Score", metres: Collection[str]) -> None:
    """Raises a ValueError if a score has another metre, or none."""
    found = {signature.ratioString for signature in score.recurse().getElementsByClass("TimeSignature")}
    if not found:
        raise ValueError("no metre")
    refuse_others(found, metres)


def refuse_others(found: set[str], metres: Collection[str]) -> None:
    if others := sorted(found - set(metres)):
        raise ValueError(f"in {', '.join(others)}; expected {', '.join(metres)}")


def to_tokens(part: "Part") -> np.ndarray:
    """The top line of a part as tokens of whole bars, (T, 1), from the first bar on that is no upbeat.

    Raises:
        ValueError: it has no notes.
    """
    notes = list(quantized(part, upbeat(part)))
    if not notes:
        raise ValueError("no notes")
    bars = -(-max(note.end for note in notes) // STEPS_PER_BAR)
    return melody_tokens(notes, bars * STEPS_PER_BAR)[:, None]


def upbeat(part: "Part") -> float:
    """The length of a first bar that is not full, in quarters."""
    measures = list(part.getElementsByClass("Measure"))
    for first, second in pairwise(measures[:2]):
        length = float(second.offset - first.offset)
        return length if length < float(first.barDuration.quarterLength) else 0.0
    return 0.0


def quantized(part: "Part", start: float) -> Iterator[Note]:
    """The notes of a part, rounded to steps after `start` in quarters; tied ones are one."""
    for first, last, pitch in tied_together(part):
        step = round((first - start) * STEPS_PER_QUARTER)
        if step >= 0:
            yield Note(step, max(step + 1, round((last - start) * STEPS_PER_QUARTER)), pitch)


def tied_together(part: "Part") -> Iterator[tuple[float, float, int]]:
    """Start, end and pitch of each note, in quarters; music21's own `stripTies` takes ten times as long."""
    held: dict[int, tuple[float, float]] = {}
    for element in part.flatten().notes:
        if not element.quarterLength:  # a grace note
            continue
        start, end = float(element.offset), float(element.offset + element.quarterLength)
        goes_on = element.tie is not None and element.tie.type in ("start", "continue")
        for pitch in {each.midi for each in element.pitches}:
            first, last = held.pop(pitch, (start, start))
            if last != start:
                yield first, last, pitch
                first = start
            if goes_on:
                held[pitch] = first, end
            else:
                yield first, end, pitch
    yield from ((first, last, pitch) for pitch, (first, last) in held.items())


def attempt(parse: Callable[[], list[np.ndarray]]) -> list[np.ndarray] | str:
    """The parts that a piece has, or in a line why it has none."""
    try:
        parts = parse()
    except Exception as error:  # music21 may raise anything on what it cannot read
        return one_line(error) or type(error).__name__
    return parts
