"""The networks of a run as ONNX files in memory, their weights in half precision where nobody sees it."""

import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch

from aectl.errors import UserError
from aectl.explorer.view import View
from aectl.inference.export import (
    NotExportableError,
    Part,
    exportable_parts,
    import_onnxruntime,
    onnx_runner,
    write_part,
)
from aectl.inference.trained_run import TrainedRun
from aectl.types import format_bytes

Precision = Literal["auto", "fp16", "fp32"]
INSTALL = "pip install 'aectl[explore]'"
MOST_BYTES = 100 * 2**20  # of all networks in a page
FEW = 64  # numbers: a smaller tensor stays in single precision
SAME = 1e-4  # how much the reconstruction and the decoded embedding may differ to be one


class Networks(NamedTuple):
    """ONNX files by name, how far each is from the checkpoint on test examples, and why there are none, if so."""

    files: dict[str, bytes]
    differences: dict[str, float]
    problem: str


def export_networks(trained: TrainedRun, view: View, precision: Precision) -> Networks:
    """What the view needs of encoder, decoder and, where it is not the two in a row, the whole model.

    Raises:
        UserError: the files are too large for a page.
    """
    try:
        import_onnxruntime()
    except UserError:
        return Networks({}, {}, f"the model does not run in this page: ONNX is not installed; {INSTALL}")
    files, differences = {}, {}
    for name, part in needed_parts(trained, view.networks).items():
        try:
            exported = to_onnx(part)
        except NotExportableError as error:
            return Networks({}, {}, f"the model does not run in this page: it has no ONNX form ({error.reason})")
        files[name], differences[name] = with_precision(exported, part, precision, view)
    check_size(sum(map(len, files.values())), precision)
    return Networks(files, differences, "")


def check_size(num_bytes: int, precision: Precision) -> None:
    if num_bytes > MOST_BYTES:
        remedy = "train a smaller net" if precision == "fp16" else "use precision=fp16"
        raise UserError(
            f"precision={precision}: the networks take {format_bytes(num_bytes)}; expected at most "
            f"{format_bytes(MOST_BYTES)} in a page; {remedy}"
        )


@torch.no_grad()
def needed_parts(trained: TrainedRun, names: Collection[str]) -> dict[str, Part]:
    """The parts of a model with these names, without the whole where it is its two halves in a row."""
    parts = {name: part for name, part in exportable_parts(trained).items() if name in names}
    if {"decoder", "whole"} <= parts.keys():
        decoded, whole = (parts[name].module(*parts[name].inputs.values()) for name in ("decoder", "whole"))
        if float((decoded - whole).abs().max()) < SAME:
            del parts["whole"]
    return parts


def to_onnx(part: Part) -> Any:
    """The network as an `onnx.ModelProto`."""
    import onnx

    with tempfile.TemporaryDirectory() as folder:
        return onnx.load(write_part(part, "onnx", "", Path(folder) / "network.onnx"))


@torch.no_grad()
def with_precision(exported: Any, part: Part, precision: Precision, view: View) -> tuple[bytes, float]:
    """The file in the precision asked for, and the largest difference of its output from the checkpoint's."""
    inputs = part.inputs.values()
    expected = part.module(*inputs)
    single = exported.SerializeToString()
    if precision != "fp32":
        halve_weights(exported)
        half = exported.SerializeToString()
        output = onnx_runner(half)(*inputs)
        if precision == "fp16" or view.looks_same(output, expected):
            return half, float((output - expected).abs().max())
    return single, float((onnx_runner(single)(*inputs) - expected).abs().max())


def halve_weights(model: Any) -> None:
    """Stores the weights in half precision; the graph begins with their conversion and computes as before."""
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    for tensor in list(graph.initializer):
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < FEW:
            continue
        half = numpy_helper.to_array(tensor).astype(np.float16)
        if not np.isfinite(half).all():
            continue
        name = tensor.name
        graph.initializer.remove(tensor)
        graph.initializer.append(numpy_helper.from_array(half, f"{name}_half"))
        graph.node.insert(0, helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
