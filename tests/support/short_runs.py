"""Short trainings, ways to stop them, and what they leave."""

import csv
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from aectl.training.checkpoint_io import RESUME_STATE
from aectl.training.system import System

SMALL = ("net=mlp", "net.hidden=[16]", "data.batch_size=100", "~callbacks.projector", "~callbacks.pictures")
BATCHES = 13
"""Batches an epoch."""


def on_step(monkeypatch: pytest.MonkeyPatch, number: int, act: Any) -> None:
    """Calls `act` in this step of the training, counted from 1."""
    step, count = System.training_step, 0

    def training_step(self: System, batch: Any, batch_idx: int) -> Any:
        nonlocal count
        count += 1
        if count == number:
            act()
        return step(self, batch, batch_idx)

    monkeypatch.setattr(System, "training_step", training_step)


def press(name: str = "SIGINT") -> Any:
    """What sends this process a signal."""
    return lambda: os.kill(os.getpid(), getattr(signal, name))


def epochs(run: str) -> list[int]:
    with Path(run, "metrics.csv").open(newline="") as file:
        return [int(row["epoch"]) for row in csv.DictReader(file)]


def summary(run: str) -> dict[str, Any]:
    return json.loads(Path(run, "summary.json").read_text())


def position(run: str) -> tuple[int, int]:
    """The epoch that is being trained, and the batches of it that are done."""
    stored = torch.load(Path(run, "checkpoints", "last.ckpt"), weights_only=True)[RESUME_STATE]
    return stored["epoch"], stored["batches"]
