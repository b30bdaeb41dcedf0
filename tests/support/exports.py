"""Whether a model can be written to a file that takes batches of any size."""

import warnings
from typing import Literal

import torch
from torch import Tensor

from aectl.inference.export import Exported
from aectl.models.base import Autoencoder


def assert_exported_for_any_batch(
    model: Autoencoder, method: Literal["reconstruct", "embed", "decode_mean"], input: Tensor
) -> None:
    """Exports a call of a model on a batch, and compares what it computes for fewer examples."""
    part = Exported(model, method)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # torch's, about the weights of its recurrent layers
        program = torch.export.export(part, (input,), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))
        torch.testing.assert_close(program.module()(input[:2]), part(input[:2]))
