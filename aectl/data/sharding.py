"""How several processes share a batch: each takes some of its examples, and the random numbers that belong to them."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

IN_PLACE = (
    *(Tensor.normal_, Tensor.uniform_, Tensor.bernoulli_, Tensor.random_, Tensor.exponential_),
    *(Tensor.geometric_, Tensor.log_normal_, Tensor.cauchy_),
)
DRAWING = frozenset(
    (
        *IN_PLACE,
        *(torch.rand, torch.randn, torch.randint, torch.rand_like, torch.randn_like, torch.randint_like),
        *(torch.normal, torch.bernoulli, torch.multinomial, torch.poisson, Tensor.bernoulli, Tensor.multinomial),
        *(torch.dropout, F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.gumbel_softmax),
    )
)
"""The functions of torch whose numbers are drawn for the whole batch."""


@dataclass(frozen=True)
class Share:
    """The examples of a batch that one process of several computes: `start` to `stop` of `total`.

    The shares of all processes are the batch, without overlap; they differ by one example at most. Of a batch with
    fewer examples than there are processes some are empty. Since all processes must take the same steps, an empty share
    computes the first example, with a weight of 0.
    """

    start: int
    stop: int
    total: int
    processes: int

    @classmethod
    def of(cls, total: int, process: int, processes: int) -> "Share":
        """The share of a process, counted from 0, of a batch of `total` examples."""
        return cls(total * process // processes, total * (process + 1) // processes, total, processes)

    @property
    def size(self) -> int:
        """The examples that count."""
        return self.stop - self.start

    @property
    def is_whole(self) -> bool:
        """Whether there is one process."""
        return self.processes == 1

    @property
    def rows(self) -> slice:
        """The examples to compute, at least one."""
        return slice(self.start, self.stop) if self.size else slice(0, 1)

    @property
    def weight(self) -> float:
        """The factor on the mean loss of a share with which the mean over the processes is that over the batch."""
        return self.processes * self.size / self.total

    def up_to(self, n: int) -> int:
        """How many examples of the share are among the first `n` of the batch."""
        return min(max(n - self.start, 0), self.size)

    def draws(self) -> AbstractContextManager[object]:
        """Random numbers are drawn for the whole batch, of which this share gets its own: as in one process."""
        return nullcontext() if self.is_whole else BatchDraws(self)


class BatchDraws(TorchFunctionMode):
    """Draws random numbers for a whole batch where a share of it asks for some, and returns those of the share.

    The first axis that is as long as the share is taken to be that of its examples; numbers without such an axis are
    the same in every process. Each process thereby draws what one process would, and their generators stay alike. They
    drift apart until the next epoch, which sets them to the same state, where a function draws until it is content, as
    `torch.poisson` does.

    Arguments:
        share: of the batch.
    """

    def __init__(self, share: Share) -> None:
        super().__init__()
        self.share = share
        self.n = share.rows.stop - share.rows.start

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func in (torch.rand, torch.randn) and args and isinstance(args[0], int):
            args = (args,)  # a size in bare numbers
        axis = self._axis((*args, *kwargs.values())) if func in DRAWING else None
        if axis is None:
            return func(*args, **kwargs)
        named = {name: self._widen(value, axis) for name, value in kwargs.items()}
        drawn = func(*(self._widen(value, axis) for value in args), **named)
        own = drawn.narrow(axis, self.share.rows.start, self.n)
        return args[0].copy_(own) if func in IN_PLACE else own

    def _axis(self, values: Sequence[Any]) -> int | None:
        """The axis of the examples in the first size or tensor that has one."""
        shapes = [shape for value in values if (shape := shape_of(value)) is not None]
        return next((list(shape).index(self.n) for shape in shapes if self.n in shape), None)

    def _widen(self, value: Any, axis: int) -> Any:
        """A size or a tensor of the share as of the whole batch; any other value as it is."""
        shape = shape_of(value)
        if shape is None or len(shape) <= axis or shape[axis] != self.n:
            return value
        missing = (self.share.rows.start, self.share.total - self.share.rows.stop)
        if not torch.is_tensor(value):
            return [*shape[:axis], self.share.total, *shape[axis + 1 :]]
        like = value.narrow(axis, 0, 1)  # what the function takes, whatever it is
        before, after = (like.expand(*shape[:axis], count, *shape[axis + 1 :]) for count in missing)
        return torch.cat([before, value, after], axis)


def shape_of(value: Any) -> Sequence[int] | None:
    """The shape of a tensor, or a size; none of any other value."""
    if torch.is_tensor(value):
        return value.shape
    is_size = isinstance(value, list | tuple) and all(isinstance(each, int) for each in value)
    return value if is_size else None
