"""Checks before training that the metrics which a config goes by are those of the validation."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from aectl.config import target_nodes, to_plain
from aectl.data.loader import Data
from aectl.evaluation.lesson_loss import TERM
from aectl.models.base import Autoencoder
from aectl.rng import seeded_rng
from aectl.runs.run import Config
from aectl.tasks.base import Task
from aectl.training.monitor import LOSS, UnknownMetricError
from aectl.training.validation_metrics import ReconstructionScores


def check_metrics(config: Config, data: Data, task: Task, model: Autoencoder, objectives: Sequence[str] = ()) -> None:
    """Raises an UnknownMetricError if the validation does not log a metric that decides on epochs, rates or runs.

    Validates one example with a copy of the model, unless all go by the loss. With a callback of the user's own, which
    may log metrics too, and with a model that fails here, the first validation tells.
    """
    callbacks = to_plain(config.callbacks) if config.get("callbacks") else {}
    of_search = [("sweep.objectives", name) for name in objectives if name.startswith("val/")]
    wanted = [(key, name) for key, name in (*named_metrics(config, callbacks), *of_search) if name != LOSS]
    if not wanted or any(not node["_target_"].startswith("aectl.") for _, node in target_nodes(callbacks)):
        return
    try:
        known = validated_metrics(data, task, model)
    except Exception:  # whatever a model of the user's raises: its training says it with the line of code
        return
    known |= {f"val/{TERM}"} if "lesson" in callbacks else set()
    for key, name in wanted:
        if name not in known:
            raise UnknownMetricError(key, name, known)


def named_metrics(config: Config, callbacks: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The keys that name a metric, with the metric."""
    yield "monitor", config.get("monitor") or LOSS
    yield "schedule.monitor", config.schedule.get("monitor") or LOSS
    for path, node in target_nodes(callbacks, "callbacks"):
        yield f"{path}.monitor", node.get("monitor") or LOSS


@torch.no_grad()
def validated_metrics(data: Data, task: Task, model: Autoencoder) -> set[str]:
    """The metrics that a validation of this model on this task logs."""
    batch = data.batches("val").take(torch.zeros(1, dtype=torch.long))
    batch["x"] = data.modality.to_model(batch["x"])
    model = copy.deepcopy(model).eval()
    with seeded_rng(0, torch.device("cpu")):
        terms, found, _ = ReconstructionScores(task, data.modality).loss_and_scores(model, task(**batch))
    return {f"val/{name}" for name in (*terms, *found, *model.epoch_terms())}
