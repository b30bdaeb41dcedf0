"""Says in one line that the memory ran out, and what would take less of it. Imports no torch."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aectl.errors import UserError
from aectl.types import format_bytes

SIGNS = (
    *("out of memory", "can't allocate memory", "not enough memory", "Unable to allocate"),
    *("CUDNN_STATUS_ALLOC_FAILED", "CUBLAS_STATUS_ALLOC_FAILED", "Storage size calculation overflowed"),
)
"""What torch, its GPU libraries and NumPy say."""
ASKED = re.compile(r"(?:tried to allocate|Unable to allocate) ([\d.]+) (\w+)", re.IGNORECASE)
TILE = 256


Advice = tuple[str, Any, str]
"""The key that decides how much is held at once, its value, and what to try."""


@contextmanager
def user_error_on_oom(advice: Callable[[], Advice]) -> Iterator[None]:
    """Turns running out of memory into a line for the user.

    Raises:
        UserError: the memory ran out. Whatever else is raised comes as it is.
    """
    try:
        yield
    except Exception as error:
        cause = find_oom(error)
        if cause is None:
            raise
        key, value, remedy = advice()
        raise UserError(
            f"{key}={value}: out of memory on the {oom_device(cause)}{requested_bytes(cause)}; {remedy}"
        ) from error


def find_oom(error: BaseException | None) -> BaseException | None:
    """The error, or the one that it was raised from, that says that the memory ran out; none if that was not it."""
    while error is not None and not isinstance(error, UserError):
        if isinstance(error, MemoryError) or (
            isinstance(error, RuntimeError) and any(sign in str(error) for sign in SIGNS)
        ):
            return error
        error = error.__cause__
    return None


def oom_device(error: BaseException) -> str:
    """Whose memory it was."""
    on_gpu = type(error).__name__ == "OutOfMemoryError" or re.search(r"CUDA|CUDNN|CUBLAS|MPS|HIP", str(error))
    return "GPU" if on_gpu else "CPU"


def requested_bytes(error: BaseException) -> str:
    """How much was asked for, where the error says so."""
    found = ASKED.search(str(error))
    if not found:
        return ""
    return f" (asked for {format_bytes(int(found[1])) if found[2] == 'bytes' else f'{found[1]} {found[2]}'} more)"


def advice_while_running(config: dict[str, Any]) -> Advice:
    """What to try when a verb with this config has run out of memory."""
    if "trainer" in config:
        n, steps = config["data"]["batch_size"], config["trainer"]["accumulate_grad_batches"]
        halved = f"data.batch_size={n // 2} trainer.accumulate_grad_batches={2 * steps}, whose steps are alike, or "
        return "data.batch_size", n, f"try {halved if n > 1 else ''}a smaller net, model or image"
    if "tile" in config:
        tile = config["tile"]
        return "tile", tile, f"try tile={tile // 2 if tile else TILE}, or accelerator=cpu"
    key = "batch_size" if "batch_size" in config else "n"
    if key in config:
        return key, config[key], f"try {key}={max(1, config[key] // 2)}, or accelerator=cpu"
    return "accelerator", config["accelerator"], "try accelerator=cpu, or a machine with more memory"


def advice_before_training(config: dict[str, Any]) -> Advice:
    """What to try when a training has run out of memory before its first step."""
    net = ", ".join(f"{name} {value}" for name, value in config["net"].items() if not name.startswith("_"))
    return "net", net, "the model or its data are too large; lower a size of net, model or dataset"
