"""Piano rolls: notes as bars, time from left to right and pitch upwards."""

from collections.abc import Sequence

import numpy as np

Bar = tuple[int, int, int]  # a note: its first step, the step after its last one, and its row from below

PITCH_PIXELS = 4  # the height of a semitone
WIDTH = 256  # pixels that a roll has at least
LEAST_STEP_PIXELS = 2
STEPS_PER_BEAT, BEATS_PER_BAR = 4, 4
BLACK_KEYS = (1, 3, 6, 8, 10)
COLOURS = ((31, 89, 158), (200, 80, 20), (70, 70, 70))  # of the tracks
PAPER, BLACK_ROW, BEAT_LINE, BAR_LINE, FRAME = 255, 244, 226, 170, 120
ONSET = 0.6  # how dark the first pixels of a note are, as a fraction of its colour


def piano_roll(tracks: Sequence[Sequence[Bar]], num_steps: int, rows: int, lowest: int | None = None) -> np.ndarray:
    """One roll, (3, H, W) uint8; notes outside of the rows are not drawn.

    Arguments:
        tracks: the notes of each track, which has a colour of its own.
        num_steps: how long it is.
        rows: how many pitches it shows.
        lowest: the MIDI number of the lowest of them, to shade the rows of black keys; None: no shades, as of drums.
    """
    step = max(LEAST_STEP_PIXELS, -(-WIDTH // num_steps))
    height, width = rows * PITCH_PIXELS, num_steps * step
    picture = np.full((height, width, 3), PAPER, np.uint8)
    for row in range(rows):
        if lowest is not None and (lowest + row) % 12 in BLACK_KEYS:
            picture[height - (row + 1) * PITCH_PIXELS : height - row * PITCH_PIXELS] = BLACK_ROW
    for beat in range(0, num_steps, STEPS_PER_BEAT):
        picture[:, beat * step] = BAR_LINE if beat % (STEPS_PER_BEAT * BEATS_PER_BAR) == 0 else BEAT_LINE
    for index, notes in enumerate(tracks):
        for start, end, row in notes:
            if 0 <= row < rows:
                draw_note(
                    picture[height - (row + 1) * PITCH_PIXELS : height - row * PITCH_PIXELS], start, end, step, index
                )
    return framed(picture).transpose(2, 0, 1)


def draw_note(strip: np.ndarray, start: int, end: int, step: int, track: int) -> None:
    """Draws a note into the pixels of its row, (h, W, 3), with a dark start and a gap before the next one."""
    colour = np.array(COLOURS[track % len(COLOURS)])
    strip[:, start * step : end * step - 1] = colour
    strip[:, start * step : start * step + max(1, step // 4)] = colour * ONSET


def framed(picture: np.ndarray) -> np.ndarray:
    """The picture (H, W, 3) with a thin frame."""
    return np.pad(picture, ((1, 1), (1, 1), (0, 0)), constant_values=FRAME)
