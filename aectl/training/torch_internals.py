"""Whatever depends on insides of torch that a new release may move; each has a test that says what has moved."""

import re
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim import Optimizer

from aectl.errors import UserError
from aectl.types import format_bytes

# torch has one class of its own for this on a GPU; on the CPU, and from cuDNN and cuBLAS, it is a bare RuntimeError,
# told from others by its English alone.
OOM_MESSAGES = (
    *("out of memory", "can't allocate memory", "not enough memory", "Unable to allocate"),
    *("CUDNN_STATUS_ALLOC_FAILED", "CUBLAS_STATUS_ALLOC_FAILED", "Storage size calculation overflowed"),
)
LOST_CONNECTION = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "Connection refused")
"""What the messages of gloo say, which raises a bare RuntimeError."""
OOM_REQUEST = re.compile(r"(?:tried to allocate|Unable to allocate) ([\d.]+) (\w+)", re.IGNORECASE)
OOM_ON_GPU = re.compile(r"CUDA|CUDNN|CUBLAS|MPS|HIP")


def find_oom(error: BaseException | None) -> BaseException | None:
    """The out-of-memory error among this error and those that caused it, or none."""
    while error is not None and not isinstance(error, UserError):
        if isinstance(error, MemoryError):
            return error
        if isinstance(error, RuntimeError) and any(message in str(error) for message in OOM_MESSAGES):
            return error
        error = error.__cause__
    return None


def oom_device(error: BaseException) -> str:
    """Whether the memory of the GPU or of the CPU ran out."""
    return "GPU" if type(error).__name__ == "OutOfMemoryError" or OOM_ON_GPU.search(str(error)) else "CPU"


def requested_bytes(error: BaseException) -> str:
    """The size of the allocation that failed, such as `2.50 GiB`, or nothing where the error does not say."""
    found = OOM_REQUEST.search(str(error))
    if not found:
        return ""
    number, unit = found.groups()
    return format_bytes(int(number)) if unit == "bytes" else f"{number} {unit}"


def is_lost_connection(error: Exception) -> bool:
    """Whether a process cannot be reached with which this one computes together."""
    from_gloo = isinstance(error, RuntimeError) and any(words in str(error) for words in LOST_CONNECTION)
    return from_gloo or isinstance(error, torch.distributed.DistError)


class UncapturedAdamW(torch.optim.AdamW):
    """AdamW that is never captured into a CUDA graph.

    torch checks in every step whether it is being captured. In a build for CUDA on a machine without a GPU, that check
    takes a twentieth of a small net's step; it cannot be turned off.
    """

    def _accelerator_graph_capture_health_check(self) -> None:
        pass

    _cuda_graph_capture_health_check = _accelerator_graph_capture_health_check  # its name before torch 2.9


def skip_step_where(optimizer: Optimizer, skip: Tensor) -> None:
    """Has a fused optimizer leave weights and moments as they are if `skip` is 1, without waiting for the device.

    Fused kernels take this flag from GradScaler, which sets the attribute; there is no public way.
    """
    cast(Any, optimizer).found_inf = skip


def gradient_norms(gradients: list[Tensor]) -> list[Tensor]:
    """The norm of each gradient, in one kernel. The public `get_total_norm` gives the norm of all of them."""
    return list(torch._foreach_norm(gradients)) if gradients else []


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 itself; where it emulates it, float32 is faster.

    torch answers this for CUDA alone. On the CPU only oneDNN knows.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def keep_new_memory_unfilled() -> None:
    """Has deterministic mode leave new tensors as they are; to fill them with NaN costs time in every step."""
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def compile_errors() -> tuple[type[Exception], ...]:
    """What `torch.compile` raises when it cannot compile a function, and the function itself does not."""
    from torch._dynamo.exc import TorchDynamoException
    from torch._inductor.exc import CppCompileError, InvalidCxxCompiler

    return TorchDynamoException, CppCompileError, InvalidCxxCompiler
