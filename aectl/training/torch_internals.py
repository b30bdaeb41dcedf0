"""Whatever depends on insides of torch that a new release may move; each has a test that says what has moved."""

import re

from aectl.errors import UserError
from aectl.types import format_bytes

# torch has one class of its own for this on a GPU; on the CPU, and from cuDNN and cuBLAS, it is a bare RuntimeError,
# told from others by its English alone.
OOM_MESSAGES = (
    *("out of memory", "can't allocate memory", "not enough memory", "Unable to allocate"),
    *("CUDNN_STATUS_ALLOC_FAILED", "CUBLAS_STATUS_ALLOC_FAILED", "Storage size calculation overflowed"),
)
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
