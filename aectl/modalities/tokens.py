"""Sequences of tokens, such as melodies: every step of a track is one of the tokens of its vocabulary."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from aectl.errors import UserError
from aectl.modalities.base import Metric, Modality
from aectl.modalities.token_metrics import exact, onset_f1, token_accuracy
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
