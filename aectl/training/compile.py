"""A function that torch compiles, where it can. Knows only torch."""

import shutil
import sys
from collections.abc import Callable
from typing import Generic, ParamSpec, TypeVar

import torch

P = ParamSpec("P")
T = TypeVar("T")


class Compiled(Generic[P, T]):
    """Compiles a function when it is first called; where that fails, says why and calls it as it is.

    Arguments:
        function: to be called with tensors of the same shapes each time.
        device: where its tensors are; on CUDA its kernels are launched together, as one graph.
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
            except Exception as error:  # of the compiler; one of the function itself comes again below
                self._give_up(str(error).strip().split("\n")[0])
        return self.function(*args, **kwargs)

    def _give_up(self, why: str) -> None:
        self.fast = None
        print(f"trainer.compile: not compiled, trained as it is: {why}", file=sys.stderr)
