"""Sequences of tokens, such as melodies: every step of a track is one of the tokens of its vocabulary."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from aectl.errors import UserError
from aectl.modalities.base import Metric, Modality
from aectl.modalities.midi_files import UnusableError, read_midi, write_midi
from aectl.modalities.midi_parts import to_parts
from aectl.modalities.rolls import draw_roll, pitch_span
from aectl.modalities.token_metrics import exact, onset_f1, token_accuracy
from aectl.modalities.vocabulary import NO_EVENT, STEPS_PER_BAR
from aectl.types import Shape


@dataclass(frozen=True)
class Tokens(Modality):
    """Windows of tokens, stored as (T, tracks) integers; a model sees one-hot vectors (1, T, V), V for all tracks.

    Arguments:
        shape: (1, T, V), what a model sees.
        vocabularies: the number of tokens of each track; they add up to V.

    Raises:
        UserError: the shape and the vocabularies do not fit together.
    """

    vocabularies: tuple[int, ...] = ()
    name = "windows"
    has_pictures = True
    suffix = ".mid"
    value = "step"

    def __post_init__(self) -> None:
        if len(self.shape) != 3 or self.shape[0] != 1 or self.shape[2] != sum(self.vocabularies):
            raise UserError(
                f"dataset: tokens of shape {self.shape} with vocabularies {self.vocabularies}; "
                f"expected (1, steps, {sum(self.vocabularies)})"
            )

    @property
    def metrics(self) -> Mapping[str, Metric]:
        f1 = partial(onset_f1, vocabularies=self.vocabularies)
        return {
            "onset_f1": Metric(partial(self._measure, f1), "onset F1", 3),
            "token_accuracy": Metric(partial(self._measure, token_accuracy), "token accuracy", 3),
            "exact": Metric(partial(self._measure, exact), "exact windows", 3),
        }

    def _measure(
        self, metric: Callable[..., Tensor], output: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> Tensor:
        """A metric of one-hot vectors or probabilities (B, 1, T, V), by their likeliest tokens."""
        tokens, true = self.to_stored(output), self.to_stored(target)
        weights = torch.ones_like(true, dtype=output.dtype) if weight is None else self._weight_of_tracks(weight)
        return metric(tokens, true, weights)

    def _weight_of_tracks(self, weight: Tensor) -> Tensor:
        """What expands to (B, 1, T, V) as (B, T, tracks): the weight of the first token of each track."""
        first = [sum(self.vocabularies[:track]) for track in range(len(self.vocabularies))]
        return weight.expand(len(weight), *self.shape).squeeze(1)[..., first]

    @property
    def num_values(self) -> int:
        """The steps of a window: those of several tracks at once count once."""
        return self.shape[1]

    @property
    def stored_shape(self) -> Shape:
        """The shape of a window of tokens, (T, tracks)."""
        return (self.shape[1], len(self.vocabularies))

    def check(self, x: Tensor, where: str, name: str) -> None:
        """Checks that the split (N, T, tracks) holds integers below the vocabulary of their track."""
        if x.is_floating_point() or tuple(x.shape[1:]) != self.stored_shape:
            raise UserError(
                f"{where}: its {name} split is {x.dtype} of shape {tuple(x.shape)}; "
                f"expected integers (N, {', '.join(map(str, self.stored_shape))})"
            )
        for track, size in enumerate(self.vocabularies):
            lowest, highest = (int(value) for value in x[..., track].aminmax())
            if lowest < 0 or highest >= size:
                raise UserError(
                    f"{where}: its {name} split has tokens from {lowest} to {highest} in track {track}; "
                    f"expected 0 to {size - 1}"
                )

    def to_model(self, x: Tensor) -> Tensor:
        """Tokens (B, T, tracks) as one-hot vectors (B, 1, T, V) of floating point, the tracks side by side."""
        hot = [F.one_hot(x[..., track].long(), size) for track, size in enumerate(self.vocabularies)]
        return torch.cat(hot, dim=-1).unsqueeze(1).float()

    def to_stored(self, x: Tensor) -> Tensor:
        """The likeliest tokens of a model's output (B, 1, T, V), as they are stored: (B, T, tracks)."""
        best = [track.argmax(-1) for track in x.squeeze(1).split(self.vocabularies, dim=-1)]
        return torch.stack(best, dim=-1).to(torch.uint8 if max(self.vocabularies) <= 256 else torch.int16)

    def draw(self, batches: Sequence[Tensor]) -> list[Tensor]:
        """Piano rolls of the likeliest tokens, all of the same range of pitches."""
        windows = [self.to_stored(batch).cpu().numpy() for batch in batches]
        span = pitch_span([window for batch in windows for window in batch], self.vocabularies)
        rolls = [np.stack([draw_roll(window, self.vocabularies, span) for window in batch]) for batch in windows]
        return [torch.from_numpy(roll).float() / 255 for roll in rolls]

    def to_arrays(self, outputs: Tensor) -> np.ndarray:
        """The likeliest tokens, (N, T, tracks)."""
        return self.to_stored(outputs).numpy()

    def write_file(self, output: Tensor, path: Path) -> Path:
        return self.write_windows(output[None], path)

    def write_windows(self, outputs: Tensor, path: Path) -> Path:
        """Writes windows (N, 1, T, V), one after the other, into one MIDI file."""
        return self.write_parts([outputs], path)

    def to_batch(self, x: Any, any_size: bool = False) -> Tensor:
        """Tokens (N, T, tracks), or (T, tracks) of one window, or what a model puts out, as (N, 1, T, V).

        Raises:
            UserError: another shape, or tokens out of range.
        """
        if isinstance(x, list):
            return torch.cat([self.to_batch(example) for example in x])
        batch = torch.as_tensor(x)
        if batch.is_floating_point():
            return super().to_batch(batch)
        batch = batch[None] if batch.ndim == 2 else batch
        self.check(batch, "x", "only")
        return self.to_model(batch)

    def read_parts(self, path: Path) -> list[np.ndarray]:
        """Of each voice of a MIDI file the windows that follow one another, (N, T, tracks); its end may be left out.

        Raises:
            UnusableError: it has no such voices, or none is as long as a window.
        """
        parts = to_parts(read_midi(path), self.vocabularies, "all", path)
        steps = self.shape[1]
        windows = [part[: len(part) // steps * steps].reshape(-1, *self.stored_shape) for part in parts]
        if not any(map(len, windows)):
            bars = max(map(len, parts)) // STEPS_PER_BAR
            raise UnusableError(f"{path}: {bars} bars; expected {steps // STEPS_PER_BAR} or more")
        return [each for each in windows if len(each)]

    def write_parts(self, parts: Sequence[Tensor], path: Path) -> Path:
        """Writes voices that sound together, each as windows (N, 1, T, V), into one MIDI file."""
        tokens = [self.to_arrays(part).reshape(-1, len(self.vocabularies)) for part in parts]
        longest = max(map(len, tokens))
        voices = [np.pad(part, ((0, longest - len(part)), (0, 0)), constant_values=NO_EVENT) for part in tokens]
        return write_midi(np.concatenate(voices, axis=1), self.vocabularies * len(parts), path)

    def read_file(self, path: Path) -> np.ndarray:
        """The windows of a MIDI file, one after the other, voice after voice, (N, T, tracks)."""
        return np.concatenate(self.read_parts(path))
