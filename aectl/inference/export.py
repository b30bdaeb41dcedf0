"""Models as files that run without aectl: ONNX, TorchScript and torch.export. Images stay float32 in [0, 1]."""

import warnings
from collections.abc import Callable
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from aectl.errors import UserError
from aectl.io.atomic import write_atomic
from aectl.models.ae import AE
from aectl.models.base import Autoencoder

Format = Literal["onnx", "torchscript", "torch_export"]
SUFFIXES: dict[str, str] = {"onnx": ".onnx", "torchscript": ".pt", "torch_export": ".pt2"}
CONFIG = "aectl_config.yaml"
Runner = Callable[[Tensor], Tensor]


class Part(NamedTuple):
    """What is exported.

    Arguments:
        module: one tensor to one tensor.
        example: an input of it, with a batch of two or more.
        names: of input and output.
        any_size: whether height and width of the input may change.
    """

    module: nn.Module
    example: Tensor
    names: tuple[str, str]
    any_size: bool


class FullModel(nn.Module):
    """(B, *input_shape) to the model's output, cut to [0, 1] as a file would be."""

    def __init__(self, model: Autoencoder) -> None:
        super().__init__()
        self.model = model

    def forward(self, input: Tensor) -> Tensor:
        return self.model.reconstruct(input).clamp(0, 1)


class Encoder(nn.Module):
    """(B, *input_shape) to latents (B, D)."""

    def __init__(self, model: AE) -> None:
        super().__init__()
        self.model = model

    def forward(self, input: Tensor) -> Tensor:
        return self.model.embed(input)


class Decoder(nn.Module):
    """Latents (B, D) to images (B, *shape), cut to [0, 1]."""

    def __init__(self, model: AE) -> None:
        super().__init__()
        self.model = model

    def forward(self, latent: Tensor) -> Tensor:
        return self.model.decode_mean(latent).clamp(0, 1)


def exportable_parts(model: Autoencoder, images: Tensor) -> dict[str, Part]:
    """The whole model and, where it has a single latent, its two halves."""
    whole = {"whole": Part(FullModel(model), images, ("input", "output"), model.any_size)}
    if not isinstance(model, AE):
        return whole
    with torch.no_grad():
        latents = model.embed(images).contiguous().clone()
    encoder = Part(Encoder(model), images, ("input", "latent"), any_size=False)
    return {**whole, "encoder": encoder, "decoder": Part(Decoder(model), latents, ("latent", "output"), any_size=False)}


def export(part: Part, format: Format, config: str, path: Path) -> Path:
    """Writes a part in a format, with the config of its run in the file."""
    savers = {"onnx": save_onnx, "torchscript": save_torchscript, "torch_export": save_torch_export}
    with silence_exporters(), torch.no_grad():
        return write_atomic(path, lambda aside: savers[format](part, config, aside))


def load(format: Format, path: Path) -> Runner:
    """What runs the file, as its user would."""
    if format == "onnx":
        session = import_onnxruntime().InferenceSession(str(path), providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        return lambda x: torch.from_numpy(np.asarray(session.run(None, {name: x.numpy()})[0]))
    with silence_exporters():
        return torch.jit.load(path) if format == "torchscript" else torch.export.load(path).module()


def save_onnx(part: Part, config: str, path: Path) -> None:
    import_onnxruntime()
    import onnx

    program = torch.onnx.export(
        part.module.eval(),
        (part.example,),
        input_names=[part.names[0]],
        output_names=[part.names[1]],
        dynamic_shapes=dynamic_axes(part),
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    proto = program.model_proto
    onnx.helper.set_model_props(proto, {CONFIG: config})
    onnx.save(proto, path)


def save_torchscript(part: Part, config: str, path: Path) -> None:
    traced = torch.jit.trace(part.module.eval(), part.example)
    torch.jit.save(traced, path, _extra_files={CONFIG: config})


def save_torch_export(part: Part, config: str, path: Path) -> None:
    program = torch.export.export(part.module.eval(), (part.example,), dynamic_shapes=dynamic_axes(part))
    torch.export.save(program, path, extra_files={CONFIG: config})


def dynamic_axes(part: Part) -> Any:
    """Which sides of the input may change."""
    sides: dict[int, Any] = {0: torch.export.Dim.DYNAMIC}
    if part.any_size:
        sides |= {2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    return (sides,)


@contextmanager
def silence_exporters() -> Any:
    """Leaves out what the exporters say of themselves."""
    with warnings.catch_warnings(), redirect_stdout(StringIO()):
        warnings.simplefilter("ignore")
        yield


def import_onnxruntime() -> Any:
    """The library that runs ONNX.

    Raises:
        UserError: it is not installed.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(f"format=onnx needs {error.name}, which is not installed: pip install 'aectl[onnx]'") from error
    return onnxruntime
