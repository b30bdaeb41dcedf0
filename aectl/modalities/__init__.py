"""Kinds of data, images, vectors and tokens: how an example is checked, scored, previewed and stored."""

from aectl.errors import UserError
from aectl.modalities.base import HIDDEN, Metric, Modality
from aectl.modalities.images import Images
from aectl.modalities.tokens import Tokens
from aectl.modalities.vectors import Vectors
from aectl.types import Shape

__all__ = ["HIDDEN", "Images", "Metric", "Modality", "Tokens", "Vectors", "modality_for"]
BY_AXES: dict[int, type[Modality]] = {1: Vectors, 3: Images}


def modality_for(shape: Shape, vocabularies: tuple[int, ...] = ()) -> Modality:
    """The modality of examples of this shape: with vocabularies tokens, else (C, H, W) are images, (D,) vectors.

    Raises:
        UserError: other shapes.
    """
    if vocabularies:
        return Tokens(tuple(shape), vocabularies)
    if len(shape) not in BY_AXES:
        raise UserError(f"dataset: examples of shape {tuple(shape)}; expected (C, H, W) for images or (D,) for vectors")
    return BY_AXES[len(shape)](tuple(shape))
