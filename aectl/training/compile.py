"""Compiles a function where torch can. Knows only torch."""

import shutil
import sys
from collections.abc import Callable
from typing import Generic, ParamSpec, TypeVar

import torch

from aectl.errors import one_line
from aectl.training.torch_internals import compile_errors

P = ParamSpec("P")
T = TypeVar("T")


class Compiled(Generic[P, T]):
    """Compiles a function when it is first called; if that fails, says why, once, and calls it uncompiled.

    Arguments:
        function: to be called with tensors of the same shapes each time.
        device: where its tensors are; on CUDA its kernels are launched together, as one graph.

    Attributes:
        fast: the compiled function, or none.
    """

    def __init__(self, function: Callable[P, T], device: torch.device) -> None:
        self.function = function
        mode = "reduce-overhead" if device.type == "cuda" else None
        self.fast: Callable[P, T] | None = torch.compile(function, dynamic=False, mode=mode)
        if device.type == "cpu" and not any(map(shutil.which, ("g++", "clang++", "c++", "cl"))):
            self._give_up("no C++ compiler was found; install g++ or clang")

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        if self.fast:
            try:
                return self.fast(*args, **kwargs)
            except compile_errors() as error:
                self._give_up(one_line(str(error).strip().split("\n")[0]))
        return self.function(*args, **kwargs)

    def _give_up(self, why: str) -> None:
        self.fast = None
        print(f"trainer.compile: not compiled, training continues without: {why}", file=sys.stderr)
