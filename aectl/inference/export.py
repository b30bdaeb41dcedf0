"""Models as files that run without aectl: ONNX, TorchScript and torch.export. Images stay float32 in [0, 1]."""

import copy
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from aectl.data.loader import Batches
from aectl.errors import UserError, shorten
from aectl.inference.onnx_loops import export_both_halves, export_decoder_loop, to_onnx
from aectl.io.atomic import write_atomic
from aectl.models.base import Autoencoder
from aectl.models.capabilities import HasDecoderLoop, HasLatent, IsConditional

if TYPE_CHECKING:
    from aectl.inference.trained_run import TrainedRun

Format = Literal["onnx", "torchscript", "torch_export"]
SUFFIXES: dict[str, str] = {"onnx": ".onnx", "torchscript": ".pt", "torch_export": ".pt2"}
CONFIG = "aectl_config.yaml"
NUM_EXAMPLES = 16  # test examples that a file is checked on
LARGEST_DIFFERENCE = 1e-4
MOST_OF_A_REASON = 200  # characters of what an exporter says
Runner = Callable[..., Tensor]


class NotExportableError(UserError):
    """A model has an operation that a format does not know."""

    def __init__(self, format: Format, name: str, reason: str) -> None:
        super().__init__(f"format={format}: {name} has no such form ({reason}); try another format")
        self.reason = reason


class Part(NamedTuple):
    """A module to export, an example batch (B >= 2) of each input by name, and whether its sides may have any size."""

    module: nn.Module
    inputs: dict[str, Tensor]
    output: str
    any_size: bool = False


class Exported(nn.Module):
    """One call of a model, with the label where it is conditional; outputs are clipped to [0, 1] as a file would be.

    `keep_known` gives an output, of its input, with what the input tells exactly.
    """

    def __init__(
        self,
        model: Autoencoder,
        method: Literal["reconstruct", "embed", "decode_mean"],
        keep_known: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.model, self.method, self.keep_known = model, method, keep_known
        self.eval()

    def forward(self, input: Tensor, label: Tensor | None = None) -> Tensor:
        output = getattr(self.model, self.method)(input, label)
        if self.keep_known is not None:
            output = self.keep_known(output, input)
        return output if self.method == "embed" else output.clamp(0, 1)


def export_parts(trained: "TrainedRun", format: Format, folder: Path) -> Iterator[tuple[Path, Part, float]]:
    """Writes the whole model, encoder and decoder; each file comes with how far it is from the checkpoint.

    A file that computes something else on test examples is deleted, and a UserError raised.
    """
    parts = exportable_parts(trained)
    for name, part in parts.items():
        path = write_part(part, format, trained.run.config_text, folder / f"{name}{SUFFIXES[format]}")
        try:
            difference = largest_difference(part, load(format, path))
            if not difference <= LARGEST_DIFFERENCE:
                raise UserError(
                    f"format={format}: {name} differs from the checkpoint by {difference:.1e} on test examples; "
                    f"expected at most {LARGEST_DIFFERENCE:.0e}, so it was not kept; try another format"
                )
        except BaseException:
            path.unlink()
            raise
        yield path, part, difference


@torch.no_grad()
def exportable_parts(trained: "TrainedRun") -> dict[str, Part]:
    """The whole model and, where it has a single latent, its two halves, on the CPU, with test examples."""
    example = trained.make_example(next(iter(Batches(trained.run.data.split("test"), NUM_EXAMPLES, shuffle=False))))
    model, input = copy.deepcopy(trained.model).cpu(), example.input.cpu()
    cond = example.cond if isinstance(model, IsConditional) else None
    labels = {} if cond is None else {"label": cond.cpu()}
    inputs = {"input": input, **labels}
    parts = {
        "whole": Part(Exported(model, "reconstruct", trained.run.task.keep_known), inputs, "output", model.any_size)
    }
    if isinstance(model, HasLatent):
        latents = {"latent": model.embed(input, *labels.values()).contiguous().clone(), **labels}
        parts["encoder"] = Part(Exported(model, "embed"), inputs, "latent")
        parts["decoder"] = Part(Exported(model, "decode_mean"), latents, "output")
    return parts


@torch.no_grad()
def largest_difference(part: Part, runner: Runner) -> float:
    inputs = part.inputs.values()
    return float((runner(*inputs) - part.module(*inputs)).abs().max())


def write_part(part: Part, format: Format, config: str, path: Path) -> Path:
    """Writes a part to a file, whole or not at all; a NotExportableError if it has no such form."""
    savers = {"onnx": save_onnx, "torchscript": save_torchscript, "torch_export": save_torch_export}
    with silence_exporters(), torch.no_grad():
        try:
            return write_atomic(path, lambda aside: savers[format](part, config, aside))
        except (UserError, OSError):
            raise
        except Exception as error:  # an exporter raises many kinds, whatever the operation it does not know
            raise NotExportableError(format, path.stem, shorten(error, MOST_OF_A_REASON)) from error


def load(format: Format, path: Path) -> Runner:
    """What runs the file, as its user would: tensors in the order of the part's inputs to its output."""
    if format == "onnx":
        return onnx_runner(str(path))
    with silence_exporters():
        return torch.jit.load(path) if format == "torchscript" else torch.export.load(path).module()


def onnx_runner(file: str | bytes) -> Runner:
    """What runs an ONNX file, given by its path or its content."""
    session = import_onnxruntime().InferenceSession(file, providers=["CPUExecutionProvider"])
    names = [node.name for node in session.get_inputs()]
    return lambda *inputs: torch.from_numpy(
        session.run(None, {name: x.numpy() for name, x in zip(names, inputs, strict=True)})[0]
    )


def save_onnx(part: Part, config: str, path: Path) -> None:
    import_onnxruntime()
    import onnx

    proto = as_loop(part) or to_onnx(part.module, part.inputs, [part.output], dynamic_axes(part))
    onnx.helper.set_model_props(proto, {CONFIG: config})
    onnx.save(proto, path)


def as_loop(part: Part) -> Any:
    """The `onnx.ModelProto` of a part with a decoder that writes step by step; None of any other part."""
    module = part.module
    if not isinstance(module, Exported) or not isinstance(module.model, HasDecoderLoop) or module.method == "embed":
        return None
    if module.method == "decode_mean":
        return export_decoder_loop(module.model, part.inputs["latent"])
    return export_both_halves(module.model, Exported(module.model, "embed"), part.inputs["input"])


def save_torchscript(part: Part, config: str, path: Path) -> None:
    torch.jit.save(torch.jit.trace(part.module, tuple(part.inputs.values())), path, _extra_files={CONFIG: config})


def save_torch_export(part: Part, config: str, path: Path) -> None:
    program = torch.export.export(part.module, tuple(part.inputs.values()), dynamic_shapes=dynamic_axes(part))
    torch.export.save(program, path, extra_files={CONFIG: config})


def dynamic_axes(part: Part) -> Any:
    """Which axes of each input may change: the batch, and height and width where the model takes any size."""
    batch = {0: torch.export.Dim.DYNAMIC}
    sides = dict.fromkeys((2, 3), torch.export.Dim.DYNAMIC) if part.any_size else {}
    return ({**batch, **sides}, *(dict(batch) for _ in range(1, len(part.inputs))))


@contextmanager
def silence_exporters() -> Iterator[None]:
    with warnings.catch_warnings(), redirect_stdout(StringIO()):
        warnings.simplefilter("ignore")
        yield


def import_onnxruntime() -> Any:
    """onnxruntime; raises a UserError if it, or what writes ONNX files, is not installed."""
    try:
        import onnx  # noqa: F401
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(f"format=onnx needs {error.name}, which is not installed: pip install 'aectl[onnx]'") from error
    return onnxruntime
