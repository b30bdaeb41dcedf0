"""Decoders that write step by step as ONNX files with a loop: a trace would hold every step, and take minutes."""

from typing import Any

import torch
from torch import Tensor, nn

from aectl.models.capabilities import HasDecoderLoop

STATE, INPUTS = ("before", "state"), ("told", "start", "first")  # of a step


def export_decoder_loop(model: HasDecoderLoop, latent: Tensor) -> Any:
    """The `onnx.ModelProto` of a decoder that is told latents (B, D), B of any size."""
    from onnx import compose, helper

    start, step = model.decoder_loop()
    known = start(latent)
    before = to_onnx(start, {"latent": latent}, [*STATE, *INPUTS])
    examples = dict(zip((*STATE, *INPUTS), (*known[:2], *(each[0] for each in known[2:])), strict=True))
    body = compose.add_prefix(to_onnx(step, examples, ["token", "after"]), "step_")
    graph, steps = before.graph, body.graph
    graph.initializer.extend(steps.initializer)  # a body sees the values around it
    del steps.initializer[:]
    steps.node.append(helper.make_node("Identity", ["step_token"], ["step_written"]))
    steps.output.append(renamed(steps.output[0], "step_written"))
    outputs = ["last_token", "last_state", "written"]
    graph.node.append(helper.make_node("Scan", [*STATE, *INPUTS], outputs, body=steps, num_scan_inputs=len(INPUTS)))
    graph.node.append(helper.make_node("Transpose", ["written"], ["windows"], perm=[1, 0, 2]))
    graph.initializer.append(helper.make_tensor("axis_of_channels", helper.TensorProto.INT64, [1], [1]))
    graph.node.append(helper.make_node("Unsqueeze", ["windows", "axis_of_channels"], ["output"]))
    del graph.output[:]
    shape = ["batch", 1, known[2].shape[0], known[0].shape[1]]
    graph.output.append(helper.make_tensor_value_info("output", helper.TensorProto.FLOAT, shape))
    return before


def export_both_halves(model: HasDecoderLoop, encoder: nn.Module, input: Tensor) -> Any:
    """The `onnx.ModelProto` of an encoder and, behind it, the loop of the decoder."""
    from onnx import compose

    first = to_onnx(encoder, {"input": input}, ["latent"])
    first = compose.add_prefix(first, "encoder_", rename_inputs=False, rename_outputs=False)
    return compose.merge_models(first, export_decoder_loop(model, encoder(input)), io_map=[("latent", "latent")])


def renamed(value: Any, name: str) -> Any:
    copy = type(value)()
    copy.CopyFrom(value)
    copy.name = name
    return copy


def to_onnx(module: nn.Module, inputs: dict[str, Tensor], outputs: list[str], axes: Any = None) -> Any:
    """A module as an `onnx.ModelProto`; without `axes`, which may change, the first one of each input may."""
    program = torch.onnx.export(
        module,
        tuple(inputs.values()),
        input_names=list(inputs),
        output_names=outputs,
        dynamic_shapes=axes or tuple({0: torch.export.Dim.DYNAMIC} for _ in inputs),
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    return program.model_proto
