"""The insides of torch that aectl relies on are where they were."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from aectl.training.torch_internals import find_oom, oom_device, requested_bytes

MOVED = "torch or NumPy words this otherwise now; add it to OOM_MESSAGES in aectl/training/torch_internals.py: "


@pytest.mark.parametrize(
    ("allocate", "size"),
    [
        (lambda: torch.empty(2**58, dtype=torch.uint8), "288 PB"),
        (lambda: torch.empty(2**40, 2**40), ""),
        (lambda: np.empty(2**58, dtype=np.uint8), "256. PiB"),
    ],
    ids=["the CPU allocator", "a size that overflows", "NumPy"],
)
def test_failed_allocation_is_recognized_by_its_message(allocate: Callable[[], object], size: str) -> None:
    with pytest.raises((RuntimeError, MemoryError)) as raised:
        allocate()
    assert find_oom(raised.value) is raised.value, f"{MOVED}{raised.value}"
    assert oom_device(raised.value) == "CPU"
    assert requested_bytes(raised.value) == size, f"{MOVED}{raised.value}"


def test_error_of_the_gpu_is_recognized_by_its_class() -> None:
    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.50 GiB.")
    assert isinstance(error, RuntimeError), "torch.OutOfMemoryError is no RuntimeError any more; see find_oom"
    assert find_oom(error) is error
    assert oom_device(error) == "GPU"
    assert requested_bytes(error) == "2.50 GiB"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gpu_that_is_full_raises_an_error_that_is_recognized() -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**50, dtype=torch.uint8, device="cuda")
    assert find_oom(raised.value) is raised.value, f"{MOVED}{raised.value}"
    assert oom_device(raised.value) == "GPU"
    assert requested_bytes(raised.value).endswith("GiB"), f"{MOVED}{raised.value}"


def test_cause_of_an_error_is_searched_too() -> None:
    cause = MemoryError()
    error = ValueError("a wrapper")
    error.__cause__ = cause
    assert find_oom(error) is cause
