"""Everything a page is made of, as plain values and named files."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from aectl.data.source import SplitName
from aectl.explorer.facts import run_facts
from aectl.explorer.latent_space import latent_space
from aectl.explorer.networks import Precision, export_networks
from aectl.explorer.observations import Observations, observe
from aectl.explorer.projection import MapChoice
from aectl.explorer.runtime import read_runtime
from aectl.explorer.sheets import sheet, to_pictures
from aectl.inference.trained_run import TrainedRun
from aectl.models.capabilities import IsConditional
from aectl.tasks.denoise import Denoise, DenoiseSaltPepper
from aectl.tasks.strength import bounds

NO_RUNTIME = (
    "the model does not run in this page: ONNX Runtime Web is not installed; pip install 'aectl[explore]', then "
    "python -m aectl.explorer.fetch_runtime"
)
COLUMNS = 100  # of the sheet of thumbnails


@dataclass
class Contents:
    """The facts of a page, its files by name, which of them are gzipped, and what it lacks, a line each."""

    facts: dict[str, Any]
    files: dict[str, bytes]
    packed: dict[str, bytes] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


def collect(trained: TrainedRun, split: SplitName, n: int, kind: MapChoice, precision: Precision) -> Contents:
    """Looks at a split, exports the networks, and decodes what a page shows without them.

    Raises:
        UserError: the networks are too large for a page.
    """
    networks, runtime = export_networks(trained, precision), read_runtime()
    seen = observe(trained, split, n)
    problem = networks.problem or ("" if runtime else NO_RUNTIME)
    contents = Contents(
        {
            "run": run_facts(trained),
            "split": split,
            "shape": list(trained.model.shape),
            "inputShape": list(trained.model.input_shape),
            "anySize": trained.model.any_size,
            "columns": COLUMNS,
            "thumbnail": list(seen.thumbnails.shape[1:3]),
            "count": len(seen.errors),
            "total": seen.total,
            "classes": class_names(seen),
            "conditional": trained.model.num_classes if isinstance(trained.model, IsConditional) else 0,
            "problem": problem,
            "parts": [] if problem else sorted(networks.files),
            "differences": networks.differences,
            "noise": noise(trained),
            "restores": trained.run.task.restores,
            "shown": len(seen.shown[0]),
            "latent": None,
        },
        {
            "thumbnails": sheet(seen.thumbnails, COLUMNS),
            "shown": sheet(to_pictures(torch.cat(seen.shown)), len(seen.shown[0]), lossless=True),
            "errors": seen.errors.astype(np.float32).tobytes(),
            "labels": (np.full(len(seen.errors), -1) if seen.y is None else seen.y.numpy()).astype(np.int16).tobytes(),
        },
    )
    if seen.codes is not None:
        contents.facts["latent"], files = latent_space(trained, seen, seen.codes.numpy(), kind)
        contents.files |= files
    if problem:
        contents.missing.append(problem)
    else:
        contents.files |= {f"{name}.onnx": file for name, file in networks.files.items()}
        contents.packed = runtime
    return contents


def class_names(seen: Observations) -> list[str]:
    if seen.y is None:
        return []
    return seen.classes or [str(label) for label in range(int(seen.y.max()) + 1)]


def noise(trained: TrainedRun) -> dict[str, Any] | None:
    """How the page adds the noise of the task itself, with any strength; None for any other task."""
    task = trained.run.task
    if isinstance(task, Denoise):
        low, high = bounds(task.sigma)
        return {"kind": "gaussian", "strength": (low + high) / 2, "mean": task.mean, "clip": task.clip}
    if isinstance(task, DenoiseSaltPepper):
        return {"kind": "salt and pepper", "strength": task.amount, "mean": 0, "clip": True}
    return None
