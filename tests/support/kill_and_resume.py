"""Stops trainings at random and resumes them; prints what came of it.

    python -m tests.support.kill_and_resume one,two FAULTS SEED

Every training is a fork of this process, which has imported everything but has computed nothing. A fault is a signal in
a random step, or SIGKILL after a random time: in the middle of a step, of a validation or of a checkpoint. A run is
stopped and resumed until it reaches its end, then compared with one that was never stopped.
"""

import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.summary.writer import event_file_writer

import aectl.training.fit  # noqa: F401
from aectl.cli.main import main
from aectl.training.checkpoint_io import RESUME_STATE
from aectl.training.system import System

# TensorBoard reads the files of one second in the order of their names, and there file 10 comes before file 9.
event_file_writer._global_uid = event_file_writer.AtomicCounter(1_000_000)

EPOCHS, BATCHES = 8, 13
KINDS = {
    "one": [
        *("model=beta_vae", "model.warmup_epochs=3", "likelihood=bernoulli", "data.binarize=dynamic", "task=denoise"),
        *("callbacks=early_stopping", "callbacks.pictures.every_n_epochs=3"),
    ],
    "two": [
        "model=ae",
        "model._target_=tests.support.toy_adversary.Adversarial",
        "task=denoise",
        "trainer.gradient_clip_val=1",
    ],
}
COMMON = ["net=mlp", "net.hidden=[16]", "data.batch_size=100", f"trainer.max_epochs={EPOCHS}", "~callbacks.projector"]
FAULTS = ("SIGKILL", "SIGKILL", "SIGINT", "SIGTERM", "at a random time")


def trained(arguments: list[str], log: Path, fault: str, draws: random.Random) -> int:
    """Trains in a fork that a fault stops: the exit status, negative for the signal that ended it."""
    child = os.fork()
    if child == 0:
        stopped_by(fault, draws)
        with log.open("a") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        status = 0
        try:
            main(["train", *arguments])
        except SystemExit as end:
            status = int(end.code or 0)
        sys.stdout.flush()
        os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def stopped_by(fault: str, draws: random.Random) -> None:
    """Arms the fault in this process."""
    if fault == "at a random time":
        pause = draws.uniform(0.2, 2.0)

        def kill() -> None:
            time.sleep(pause)
            os.kill(os.getpid(), signal.SIGKILL)

        threading.Thread(target=kill, daemon=True).start()
    elif fault:
        left = draws.randrange(1, EPOCHS * BATCHES // 2)
        step = System.training_step

        def training_step(self: System, batch: Any, batch_idx: int) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), getattr(signal, fault))
            return step(self, batch, batch_idx)

        System.training_step = training_step  # type: ignore[method-assign]


def campaign(kind: str, faults: int, seed: int, folder: Path) -> dict[str, Any]:
    """Stops and resumes runs until there were so many faults: how many of each, and what differs from a whole run."""
    draws = random.Random(seed)
    log = folder / "log"
    arguments = [*KINDS[kind], *COMMON]
    whole = folder / "whole"
    assert trained([*arguments, f"hydra.run.dir={whole}"], log, "", draws) == 0, log.read_text()
    ends: Counter[str] = Counter()
    different: list[str] = []
    number = 0
    while sum(ends.values()) < faults:
        number += 1
        run = folder / f"run-{number}"
        status, call = None, [*arguments, f"hydra.run.dir={run}"]
        while status != 0:
            fault = draws.choice(FAULTS) if sum(ends.values()) < faults else ""
            status = trained(call, log, fault, random.Random(draws.random()))
            assert status != 2, log.read_text()
            if status:
                ends[f"{fault}: {status}"] += 1
            if (run / "config.yaml").exists():
                call = [f"resume={run}", "trust=true"]  # the model of two players is the tests' own
        different += [f"{run.name}: {what}" for what in differences(whole, run)]
    return {"runs": number, "ends": dict(ends), "different": different}


def differences(whole: Path, run: Path) -> list[str]:
    """What is not the same, bit by bit, in two runs."""
    one, other = keep(whole), keep(run)
    return [what for what in one if not same(one[what], other[what])]


def keep(run: Path) -> dict[str, Any]:
    """All that a run has computed."""
    last, best = (torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True) for name in ("last", "best"))
    callbacks = {
        key.split("{")[0]: {name: value for name, value in state.items() if "path" not in name and "models" not in name}
        for key, state in last["callbacks"].items()
    }
    summary = json.loads((run / "summary.json").read_text())
    return {
        **{f"last.ckpt: {part}": last[part] for part in ("state_dict", "optimizer_states", "lr_schedulers")},
        "last.ckpt: callbacks": callbacks,
        "last.ckpt: random state": last[RESUME_STATE]["random"],
        "last.ckpt: steps": [last["global_step"], last["epoch"], last[RESUME_STATE]["logged_steps"]],
        "best.ckpt": best["state_dict"],
        "metrics.csv": (run / "metrics.csv").read_text(),
        "summary.json": {name: value for name, value in summary.items() if name != "seconds"},
        "TensorBoard": shown(run),
    }


def shown(run: Path) -> dict[str, Any]:
    """What TensorBoard shows: the curves, and the steps that have pictures."""
    events = EventAccumulator(str(run), {"scalars": 0, "images": 0}).Reload()
    curves = {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    images = {tag: [event.step for event in events.Images(tag)] for tag in events.Tags()["images"]}
    scores = {tag: curve[-1] for tag, curve in curves.items() if "best/" in tag}  # once a session, at step 0
    return {**curves, **scores, **images}


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


if __name__ == "__main__":
    kinds, faults, seed = sys.argv[1:]
    reports = {}
    for kind in kinds.split(","):
        with tempfile.TemporaryDirectory() as temporary, contextlib.chdir(temporary):
            reports[kind] = campaign(kind, int(faults), int(seed), Path(temporary))
    print(json.dumps(reports))
