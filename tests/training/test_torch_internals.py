"""The insides of torch that aectl relies on are where they were."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from aectl.training.torch_internals import (
    UncapturedAdamW,
    compile_errors,
    find_oom,
    gradient_norms,
    has_bfloat16,
    keep_new_memory_unfilled,
    oom_device,
    requested_bytes,
    skip_step_where,
)

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


def parameter_with_gradient() -> torch.nn.Parameter:
    weight = torch.nn.Parameter(torch.ones(3))
    weight.grad = torch.ones(3)
    return weight


def test_adamw_does_not_check_whether_it_is_captured(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(self: torch.optim.Optimizer) -> None:
        raise AssertionError("checked")

    names = [name for name in vars(UncapturedAdamW) if name.endswith("graph_capture_health_check")]
    for name in names:
        monkeypatch.setattr(torch.optim.Optimizer, name, check, raising=False)
    with pytest.raises(AssertionError, match="checked"):
        torch.optim.AdamW([parameter_with_gradient()]).step()
        pytest.fail(f"torch's AdamW calls none of {names} any more; see what UncapturedAdamW has to override now")
    UncapturedAdamW([parameter_with_gradient()]).step()


@pytest.mark.parametrize("skip", [0.0, 1.0])
def test_fused_step_is_skipped_where_it_is_told_to(skip: float) -> None:
    weight = parameter_with_gradient()
    optimizer = UncapturedAdamW([weight], lr=0.1, fused=True)
    skip_step_where(optimizer, torch.tensor(skip))
    optimizer.step()
    moved = not torch.equal(weight, torch.ones(3))
    assert moved == (not skip), "fused optimizers of torch no longer read `found_inf` from their attribute"


def test_gradient_norms_are_those_of_each_gradient() -> None:
    gradients = [torch.randn(5), torch.randn(2, 3)]
    assert torch.allclose(torch.stack(gradient_norms(gradients)), torch.stack([g.norm() for g in gradients]))
    assert gradient_norms([]) == []


def test_the_cpu_is_asked_for_bfloat16() -> None:
    operator = "_is_mkldnn_bf16_supported"
    if torch.backends.mkldnn.is_available():
        assert hasattr(torch.ops.mkldnn, operator), f"torch.ops.mkldnn.{operator} is gone; see has_bfloat16"
    assert has_bfloat16(torch.device("cpu")) in (False, True)
    assert not has_bfloat16(torch.device("meta"))


def test_new_memory_is_not_filled_in_deterministic_mode() -> None:
    torch.utils.deterministic.fill_uninitialized_memory = True
    torch.use_deterministic_algorithms(True)
    try:
        filled = torch.empty(100)
        assert filled.isnan().all(), "deterministic mode no longer fills new memory; drop keep_new_memory_unfilled"
        keep_new_memory_unfilled()
        assert not torch.utils.deterministic.fill_uninitialized_memory
        torch.zeros(100)  # whose memory comes next
        assert not torch.empty(100).isnan().all()
    finally:
        torch.use_deterministic_algorithms(False)


def test_errors_of_the_compiler_are_told_from_those_of_the_function() -> None:
    def broken_backend(*args: object) -> None:
        raise ValueError("the backend is broken")

    def broken_function(x: torch.Tensor) -> torch.Tensor:
        raise ValueError("the function is broken")

    with pytest.raises(compile_errors()):
        torch.compile(lambda x: x + 1, backend=broken_backend)(torch.ones(1))
    with pytest.raises(ValueError, match="the function is broken") as raised:
        torch.compile(broken_function, backend="eager")(torch.ones(1))
    assert not isinstance(raised.value, compile_errors()), "compile_errors() takes errors of the function itself"
