"""Processes that begin at once, and processes that die."""

import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROCESSES = 8
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    ["pytorch_lightning", "torchvision", "aectl.api", "aectl.cli.commands.eval", "torch.utils.tensorboard"]
)


def together(work: Callable[..., Any], *arguments: Any, processes: int = PROCESSES) -> list[Any]:
    """What `work` returns in several processes that begin at once."""
    barrier, results = CONTEXT.Barrier(processes), CONTEXT.SimpleQueue()
    workers = [CONTEXT.Process(target=join_in, args=(barrier, results, work, arguments)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    found = [results.get() for _ in workers]
    for worker in workers:
        worker.join()
    for result in found:
        if isinstance(result, BaseException):
            raise result
    return found


def join_in(barrier: Any, results: Any, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """Waits for the others, works, and tells what came of it."""
    barrier.wait()
    try:
        results.put(work(*arguments))
    except BaseException as error:
        results.put(AssertionError(f"{type(error).__name__}: {error}"))


def killed(work: Callable[..., Any], *arguments: Any, when: Callable[[], bool]) -> None:
    """Lets a process work until `when` is true, and kills it."""
    worker = CONTEXT.Process(target=work, args=arguments)
    worker.start()
    deadline = time.monotonic() + 60
    while not when():
        assert worker.is_alive(), "it ended too early"
        assert time.monotonic() < deadline, "it never got there"
        time.sleep(0.01)
    assert worker.pid
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()


def forked(work: Callable[..., Any], *arguments: Any) -> int:
    """The process, a fork of this one, that works; it exits with 1 if that fails."""
    if child := os.fork():
        return child
    try:
        work(*arguments)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def note(log: Path, line: str) -> None:
    """Adds a line to a file; what several processes add does not mix."""
    with log.open("a") as file:
        file.write(f"{line}\n")
