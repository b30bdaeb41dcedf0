"""Malicious configs and checkpoints, and the time and memory that refusing them may take."""

import copy
import io
import pickle
import resource
import signal
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

import aectl
from aectl.errors import UserError

SECONDS = 5
MEGABYTES = 500
HANGS = 60
ROOM = 4 * 2**30
"""Bytes that an attack may allocate before it is stopped, so that one that works does not take the machine down."""


def memory(field: str) -> float:
    """A field of this process in /proc, in megabytes."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1]) / 1024


@contextmanager
def limited() -> Iterator[None]:
    """Fails if its body takes too much computing time or memory, or never ends."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    former = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (int(memory("VmSize") * 2**20) + ROOM, former[1]))
    signal.signal(signal.SIGALRM, lambda *_: pytest.fail(f"no end after {HANGS} s"))
    signal.alarm(HANGS)
    began, before = time.process_time(), memory("VmRSS")
    try:
        yield
    finally:
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_AS, former)
    assert time.process_time() - began < SECONDS
    assert memory("VmHWM") - before < MEGABYTES


def refused(call: Callable[[], Any], said: str = ".") -> str:
    """The message of the UserError that a call raises: one line, in little time and memory."""
    with limited(), pytest.raises(UserError, match=said) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 2_000
    return message


def refused_run(run: Path, said: str = ".") -> str:
    """The message with which opening a run is refused."""
    return refused(lambda: aectl.open(str(run), accelerator="cpu"), said)


def put(config: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The config with another value at a dotted path, which may be new."""
    changed = copy.deepcopy(config)
    *above, last = path.split(".")
    inner = changed
    for key in above:
        inner = inner.setdefault(key, {})
    inner[last] = value
    return changed


def poisoned(run: Path, text: str, lone: Path) -> tuple[Path, Path]:
    """A run folder with this text for its config, and a lone checkpoint with the same."""
    contents = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    torch.save({**contents, "aectl": {"config": text}}, lone)
    (run / "config.yaml").write_text(text)
    return run, lone


class Payload:
    """Pickles as a call of a function."""

    def __init__(self, call: Callable[..., Any], *arguments: Any) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call, self.arguments


def archive(path: Path, entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    """A zip file as torch writes them."""
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in entries.items():
            file.writestr(f"archive/{name}", content)
    return path


def entries_of(path: Path) -> dict[str, bytes]:
    """The entries of a checkpoint."""
    with zipfile.ZipFile(path) as file:
        return {name.partition("/")[2]: file.read(name) for name in file.namelist()}


def nested_tuples(levels: int) -> bytes:
    """A pickle of a dictionary whose key holds itself twice a level: hashing it takes 2^levels steps."""
    body = b"\x80\x02})q\x00"
    for level in range(levels):
        body += b"h" + bytes([level]) + b"\x86" + b"q" + bytes([level + 1])
    return body + b"K\x01s."


def pickled(value: Any) -> bytes:
    """A pickle of the protocol that torch writes."""
    buffer = io.BytesIO()
    pickle.Pickler(buffer, 2).dump(value)
    return buffer.getvalue()
