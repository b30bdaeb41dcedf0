"""Everything a page is made of, as plain values and named files."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aectl.data.source import SplitName
from aectl.explorer.facts import run_facts
from aectl.explorer.latent_space import latent_space
from aectl.explorer.networks import Precision, export_networks
from aectl.explorer.observations import Observations, observe
from aectl.explorer.projection import MapChoice
from aectl.explorer.runtime import read_runtime
from aectl.explorer.view import View
from aectl.inference.trained_run import TrainedRun
from aectl.models.capabilities import IsConditional

NO_RUNTIME = (
    "the model does not run in this page: ONNX Runtime Web is not installed; pip install 'aectl[explore]', then "
    "python -m aectl.explorer.fetch_runtime"
)


@dataclass
class Contents:
    """The facts of a page, its files by name, those that are gzipped already, and what it lacks, a line each."""

    facts: dict[str, Any]
    files: dict[str, bytes]
    packed: dict[str, bytes] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


def collect(
    trained: TrainedRun, view: View, split: SplitName, n: int, kind: MapChoice, precision: Precision
) -> Contents:
    """Looks at a split, exports the networks, and decodes what a page shows without them.

    Raises:
        UserError: the networks are too large for a page.
    """
    networks, runtime = export_networks(trained, view, precision), read_runtime()
    seen = observe(trained, view, split, n)
    facts, files = view.describe(trained, seen)
    problem = networks.problem or ("" if runtime else NO_RUNTIME)
    contents = Contents(
        {
            "run": run_facts(trained),
            "view": view.name,
            "measures": list(view.measures),
            "scores": list(trained.modality.metrics),
            "split": split,
            "shape": list(trained.model.shape),
            "count": len(seen.kept),
            "total": seen.total,
            "classes": class_names(seen),
            "conditional": trained.model.num_classes if isinstance(trained.model, IsConditional) else 0,
            "problem": problem,
            "parts": [] if problem else sorted(networks.files),
            "differences": networks.differences,
            "latent": None,
            **facts,
        },
        {
            "measures": seen.measures.astype(np.float32).tobytes(),
            "labels": (np.full(len(seen.kept), -1) if seen.y is None else seen.y.numpy()).astype(np.int16).tobytes(),
            **files,
        },
    )
    if seen.codes is not None:
        contents.facts["latent"], files = latent_space(trained, view, seen, seen.codes.numpy(), kind)
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
