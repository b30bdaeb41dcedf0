"""Starts the processes of one training and lets them meet."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from pytorch_lightning.plugins.environments import ClusterEnvironment
from torch import distributed

from aectl.devices import num_processes
from aectl.errors import UserError, shorten
from aectl.io.own_process import python_path, train_command, when_orphaned
from aectl.training import processes
from aectl.training.place import Place, find_place, free_port
from aectl.training.trainer import TrainerConfig

PARENT = "AECTL_MAIN_PROCESS"
"""The variable by which a process knows which one has started it."""
PATIENCE = 10.0  # seconds until a process that others have lost is ended
QUIET = 30.0
"""Seconds that processes wait for each other before they say so."""
POLL = 0.2


class Joined(ClusterEnvironment):
    """What Lightning asks of its surroundings, of processes that have met already.

    Arguments:
        place: of this process.
    """

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place

    @property
    def creates_processes_externally(self) -> bool:
        return True

    @property
    def main_address(self) -> str:
        return self.place.address

    @property
    def main_port(self) -> int:
        return self.place.port

    @staticmethod
    def detect() -> bool:
        return False

    def world_size(self) -> int:
        return self.place.total

    def set_world_size(self, size: int) -> None:
        """Does nothing: it is known."""

    def global_rank(self) -> int:
        return self.place.rank

    def set_global_rank(self, rank: int) -> None:
        """Does nothing: it is known."""

    def local_rank(self) -> int:
        return self.place.local_rank

    def node_rank(self) -> int:
        return self.place.node


def surroundings(settings: TrainerConfig) -> list[Joined]:
    """Of processes that have met, what Lightning has to know of them; nothing of the only process."""
    return [Joined(find_place(settings.devices, settings.num_nodes))] if num_processes() > 1 else []


class Helpers:
    """The processes that this one has started on its machine.

    If one of them ends before its time, this process notices, since it waits for it; where it does not, as in a kernel
    of a GPU, all are ended.

    Arguments:
        place: of this process.
        devices: the processes of this machine, this one among them.
        words: the arguments of `aectl train`.
    """

    def __init__(self, place: Place, devices: int, words: Sequence[str]) -> None:
        self.place = place
        self.patience = 0.0
        self.ending = False
        meeting = {"MASTER_ADDR": place.address, "MASTER_PORT": place.port, "NODE_RANK": place.node}
        known = {**os.environ, **python_path(), PARENT: os.getpid(), **meeting}
        self.running = [
            subprocess.Popen(
                train_command(words),
                env={name: str(value) for name, value in {**known, "LOCAL_RANK": local_rank}.items()},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
            for local_rank in range(1, devices)
        ]
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self) -> None:
        """Ends all processes when one has ended, unless this one does so itself."""
        while all(helper.poll() is None for helper in self.running):
            time.sleep(POLL)
        time.sleep(self.patience)
        if self.ending:
            return
        status = next(helper.returncode for helper in self.running if helper.returncode is not None)
        self.kill()
        print(f"aectl train: a process of this training has ended (status {status}); ended the others", file=sys.stderr)
        os._exit(1)

    def end(self) -> None:
        """Waits for the processes to end, and kills those that do not."""
        self.ending = True
        try:
            for helper in self.running:
                helper.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        for helper in self.running:
            helper.kill()


@contextmanager
def joined(settings: TrainerConfig, words: Sequence[str]) -> Iterator[None]:
    """The processes of a training have met while the block runs. There is nothing to do for one process.

    Arguments:
        settings: say how many.
        words: the arguments of `aectl train`, with which the others are started if nobody else has.

    Raises:
        UserError: they have not met.
    """
    if settings.num_processes == 1:
        yield
        return
    place = find_place(settings.devices, settings.num_nodes)
    place = place if place.port else place._replace(port=free_port())
    helpers = Helpers(place, settings.devices, words) if place.launches else None
    if PARENT in os.environ:
        when_orphaned(int(os.environ[PARENT]), lambda: os._exit(1))
    device = settings.device()
    try:
        meet(place, device)
        if helpers:
            helpers.patience = PATIENCE
        yield
    finally:
        if distributed.is_initialized() and device.type == "cpu":  # a GPU may still wait for a process that has ended
            distributed.destroy_process_group()
        if helpers:
            helpers.end()


def meet(place: Place, device: torch.device) -> None:
    """Waits until all processes of the training are there."""
    if device.type == "cuda":
        torch.cuda.set_device(place.local_rank)
    where = "env://" if place.starter == "torchrun" else f"tcp://{place.address}:{place.port}"
    known: dict[str, Any] = {"init_method": where, "rank": place.rank, "world_size": place.total}
    line = f"process {place.rank} waits at {place.address}:{place.port} for all {place.total} processes to be there"
    waiting = threading.Timer(QUIET, print, [f"aectl train: {line}"], {"file": sys.stderr})
    waiting.daemon = True
    waiting.start()
    try:
        distributed.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo", **known)
        processes.gather(0)
    except (RuntimeError, ValueError, OSError) as error:
        raise UserError(
            f"trainer.devices and trainer.num_nodes: the {place.total} processes have not met at "
            f"{place.address}:{place.port} ({shorten(error)}); expected an address that all machines reach"
        ) from error
    finally:
        waiting.cancel()
