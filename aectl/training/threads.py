"""On how many threads of the CPU a training computes."""

import copy
import statistics
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, cast

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from aectl.data.loader import Batch
from aectl.errors import notify
from aectl.rng import seeded_rng
from aectl.training.system import System
from aectl.training.trainer import TrainerConfig
from aectl.types import Shape

EVERY = 400
"""Steps, of which the last are a trial of the other number of threads."""
FIRST = 30
"""Steps up to the end of the first trial."""
TRIAL = 5
SWITCH_BELOW = 0.9
"""The number of threads is changed where a step on the other number takes less than this share of the time."""
MUCH_SLOWER = 1.5


def use_threads(count: int) -> None:
    """Lets torch compute on so many threads; a call costs time even if nothing changes."""
    if torch.get_num_threads() != count:
        torch.set_num_threads(count)


@contextmanager
def torch_threads(count: int | Literal["auto"]) -> Iterator[None]:
    """torch computes on `count` threads of the CPU, and then on as many as before; `auto`: no other number."""
    before = torch.get_num_threads()
    use_threads(before if count == "auto" else count)
    try:
        yield
    finally:
        use_threads(before)


class BusyCores(Callback):
    """Trains on one thread while that is faster, as it is where other processes keep the cores busy.

    torch's threads wait for each other at the end of every operation, so that one that has to share its core delays
    all. But a sum over several threads may be rounded differently. So the number is changed only for batches of a shape
    of which one, on a copy of the model, has given the same gradients and weights on one thread as on all, bit by bit.
    Where they differ, the user is told if one thread would be much faster.

    Arguments:
        count: the threads of the run.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.current = count
        self.steps = EVERY - FIRST
        self.same: dict[Shape, bool] = {}
        self.seconds: dict[int, deque[float]] = {1: deque(maxlen=TRIAL), count: deque(maxlen=TRIAL)}

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int) -> None:
        position, shape = self.steps % EVERY, batch["x"].shape
        self.steps += 1
        if position == EVERY - TRIAL and shape not in self.same:
            self.same[shape] = self.compare(cast(System, pl_module), batch)
        wanted = self.current if position < EVERY - TRIAL else self.other
        use_threads(wanted if self.same.get(shape) else self.count)
        self.begun = time.perf_counter()

    def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
        self.seconds[torch.get_num_threads()].append(time.perf_counter() - self.begun)
        if self.steps % EVERY == 0 and self.seconds[self.other]:
            now, other = (statistics.median(self.seconds[count]) for count in (self.current, self.other))
            self.current = self.other if other < SWITCH_BELOW * now else self.current

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        use_threads(self.count)

    @property
    def other(self) -> int:
        return 1 if self.current == self.count else self.count

    def compare(self, system: System, batch: Batch) -> bool:
        """Whether a step gives the same numbers on one thread as on all."""
        seconds, found = {}, {}
        for count in self.seconds:
            with torch_threads(count):
                begun = time.perf_counter()
                try:
                    found[count] = step_of_copy(system, batch)
                except (RuntimeError, TypeError):  # a model that cannot be copied
                    return False
                seconds[count] = time.perf_counter() - begun
        same = all(map(torch.equal, found[1], found[self.count]))
        if not same and seconds[self.count] > MUCH_SLOWER * seconds[1]:
            notify(
                f"a step on {self.count} threads takes {seconds[self.count] / seconds[1]:.1f} times as long as on one, "
                "as where other processes keep the cores busy; to train on one: trainer.threads=1"
            )
        return same


def busy_cores(settings: TrainerConfig, num_players: int) -> list[Callback]:
    """The callback, where a step is computed by torch's threads alone and can be repeated on a copy of the model."""
    count = settings.threads if settings.num_processes == 1 else 1
    eager = settings.resolve_precision()[0].endswith("-true") and not settings.compile
    return [BusyCores(count)] if count != "auto" and count > 1 and eager and num_players == 1 else []


def step_of_copy(system: System, batch: Batch) -> list[Tensor]:
    """The gradients and the state of a copy of the model after one step of a new optimizer."""
    model = copy.deepcopy(system.model)
    with seeded_rng(system.seed, system.device):
        ((player, parameters),) = model.players.items()
        optimizer = system.make_optimizers[player](list(parameters))
        loss = model.loss(system.pose(batch), player)["loss"]
        loss.backward()
        trained = [each for group in optimizer.param_groups for each in group["params"] if each.grad is not None]
        gradients = [each.grad.clone() for each in trained]
        if system.clip is not None:
            clip_grad_norm_(trained, system.clip)
        optimizer.step()
    return [*gradients, *model.state_dict().values()]
