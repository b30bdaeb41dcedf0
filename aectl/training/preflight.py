"""Checks a training before anything of it is written, and builds what it is made of."""

import inspect
import math
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from aectl.config import BadValueError, check, locate, suggest, to_plain
from aectl.data.augmentation import Augment
from aectl.data.loader import Data
from aectl.errors import UserError, shorten
from aectl.modalities import Tokens
from aectl.models.base import Autoencoder
from aectl.rng import get_rng_state, seed_everything
from aectl.runs.run import Config, Run, complete_config, instantiate_node, require_values
from aectl.runs.source import load_weights
from aectl.tasks.base import Task
from aectl.training.callbacks import check_callbacks
from aectl.training.data_warnings import warn_of_examples
from aectl.training.experiment import Experiment
from aectl.training.lr_schedulers import TorchSchedule, build_schedule
from aectl.training.metric_check import check_metrics
from aectl.training.monitor import Mode, Monitor
from aectl.training.optimizers import MakeOptimizer
from aectl.training.players import check_shared_weights
from aectl.training.trainer import TrainerConfig
from aectl.types import Seed, format_bytes

TOP_LEVEL = {
    "seed": Seed,
    "outputs": str,
    "resume": str | None,
    "like": str | None,
    "source": str | None,
    "trust": bool,
    "monitor": str,
    "mode": Mode | None,
}
"""The keys of the config that belong to no node."""
FILES = 4
"""The most checkpoints at once: the best, the last, the one before it, and one that is being written."""
PROBE_SIZE = 1_000
SMALL_BATCH = 4_096
"""The most values of a batch for which one thread is as fast as several: 64 images of 8x8."""
USUAL_STATE = 2.0
"""What an optimizer that cannot be probed is taken to keep of a parameter, as a multiple of it."""


def preflight(config: Config, folder: Path, source: Run | None = None, objectives: Sequence[str] = ()) -> Experiment:
    """The experiment that a composed config describes.

    Arguments:
        config: without Hydra's part.
        folder: where the checkpoints will lie; it need not exist.
        source: the run whose autoencoder a prior is trained on, unless a checkpoint will give it its weights.
        objectives: of a search, which may be metrics of the validation.

    Raises:
        UserError: a value, a shape, a missing file, package or GPU, or too little room on the disk.
    """
    require_values(config)
    check(to_plain(config), TOP_LEVEL)
    settings = instantiate_node(config.trainer)
    settings.device()
    check_callbacks(to_plain(config.callbacks))
    trackers = [instantiate_node(node) for node in config.get("tracker", {}).values()]
    data = instantiate_node(config.data, source=instantiate_node(config.dataset))
    task = instantiate_node(config.task)
    check_tokens(config, data, task)
    config = complete_config(config, data, task)
    augment = Augment({name: instantiate_node(node) for name, node in config.get("augment", {}).items()}, data.modality)
    data.source.prepare()
    warn_of_examples(data.split("train"))
    settings = resolve_settings(config, settings, data)
    weights = load_weights(source) if source else {}
    seed_everything(config.seed)
    model = instantiate_node(config.model)
    check_shared_weights(model, settings)
    rng_state = get_rng_state()
    check_metrics(config, data, task, model, objectives)
    if source:
        model.autoencoder.load_state_dict(weights)
    optimizers = build_optimizers(to_plain(config.optimizer), model)
    check_schedule(config, settings, data, next(iter(optimizers.values()))([*model.parameters()]))
    check_disk_space(folder, checkpoint_bytes(model, next(iter(optimizers.values()))))
    return Experiment(config, data, augment, task, model, optimizers, settings, trackers, rng_state)


def check_tokens(config: Config, data: Data, task: Task) -> None:
    """Raises a UserError for tokens with a likelihood of pixels, or with a task that degrades pixels."""
    if not isinstance(data.modality, Tokens):
        return
    if "vocabularies" not in {*config.likelihood}:
        raise UserError(
            f"likelihood._target_={config.likelihood._target_}: takes pixels, but the data are tokens; "
            "use likelihood=categorical"
        )
    if task.restores:
        raise UserError(f"task={config.names.task}: degrades pixels, but the data are tokens; use task=reconstruct")


def resolve_settings(config: Config, settings: TrainerConfig, data: Data) -> TrainerConfig:
    """The settings with the epochs of the budget and torch's number of threads where they leave these open, which
    the processes of a machine share.

    The config gets them too: a run stores what it was trained with.
    """
    if settings.max_epochs is None:
        budget = instantiate_node(config.budget)
        config.trainer.max_epochs = budget.epochs(data.num_examples("train"), data.source.shape)
    if settings.threads == "auto" and settings.device().type == "cpu":
        values = min(data.batch_size, data.num_examples("train")) * math.prod(data.source.shape)
        config.trainer.threads = 1 if values <= SMALL_BATCH else max(1, torch.get_num_threads() // settings.devices)
    threads = config.trainer.get("threads", settings.threads)
    return replace(settings, max_epochs=config.trainer.max_epochs, threads=threads)


def build_optimizers(node: dict[str, Any], model: Autoencoder) -> dict[str, MakeOptimizer]:
    """For each player of a model what makes its optimizer.

    Arguments:
        node: the settings of all players and, under `players`, those of single ones.
        model: the model.

    Raises:
        UserError: settings for a player whom the model does not have, or that the optimizer does not take.
    """
    own = node.get("players", {})
    for player in own:
        if player not in model.players:
            raise UserError(
                f"optimizer.players.{player}: {type(model).__name__} has no such player; "
                f"expected one of {', '.join(model.players)}{suggest(player, list(model.players))}"
            )
    nodes = {player: {**node, **own.get(player, {})} for player in model.players}
    try:
        check({"optimizer": {"players": {player: nodes[player] for player in own}}}, {})
    except BadValueError as error:
        raise UserError(f"{error}, as for optimizer.{error.key.rpartition('.')[2]}") from error
    made = {player: make_optimizer(node) for player, node in nodes.items()}
    for player, parameters in model.players.items():
        try:
            made[player](parameters)
        except Exception as error:  # a constructor raises whatever odd values lead it to
            raise UserError(f"optimizer: {node['_target_']} cannot be made: {shorten(error)}") from error
    return made


def make_optimizer(node: dict[str, Any]) -> MakeOptimizer:
    """What a node makes, to call with parameters: settings of aectl's, or a class of torch's with its arguments."""
    target = locate(node["_target_"], "optimizer._target_")
    if inspect.isclass(target) and issubclass(target, Optimizer):
        return partial(target, **{key: value for key, value in node.items() if key[:1] != "_" and key != "players"})
    return instantiate_node(node)


def check_schedule(config: Config, settings: TrainerConfig, data: Data, optimizer: Optimizer) -> None:
    """Raises a UserError if a scheduler of torch's cannot be made for the length of this run."""
    schedule = build_schedule(to_plain(config.schedule), Monitor.of(config))
    if isinstance(schedule, TorchSchedule):
        epochs = settings.max_epochs or 1
        schedule.make(optimizer, settings.max_steps or epochs * steps_per_epoch(settings, data), epochs)


def steps_per_epoch(settings: TrainerConfig, data: Data) -> int:
    batches = math.ceil(data.num_examples("train") / data.batch_size)
    return math.ceil(min(batches, settings.limit_train_batches or batches) / settings.accumulate_grad_batches)


def checkpoint_bytes(model: nn.Module, optimizer: MakeOptimizer) -> int:
    """The size of a checkpoint: the weights, and what the optimizer keeps of each parameter."""
    weights = sum(value.nbytes for value in model.state_dict().values())
    trained = sum(value.nbytes for value in model.parameters() if value.requires_grad)
    return weights + round(trained * optimizer_state_ratio(optimizer))


def optimizer_state_ratio(optimizer: MakeOptimizer) -> float:
    """The size of what an optimizer keeps of a parameter, as a multiple of the parameter: two for Adam."""
    probe = nn.Parameter(torch.zeros(PROBE_SIZE))
    probe.grad = torch.zeros(PROBE_SIZE)
    try:
        stepped = optimizer([probe])
        stepped.step()
    except Exception:  # one that takes other parameters, or a function that computes the loss again
        return USUAL_STATE
    return sum(value.nbytes for value in stepped.state[probe].values() if torch.is_tensor(value)) / probe.nbytes


def check_disk_space(folder: Path, checkpoint: int) -> None:
    """Warns on standard error if the disk has too little room for the checkpoints of a run.

    Arguments:
        folder: where they will lie; it need not exist.
        checkpoint: the bytes of one.

    Raises:
        UserError: there is no room for a single one.
    """
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.is_dir())
    free = shutil.disk_usage(existing).free
    if free >= FILES * checkpoint:
        return
    line = (
        f"outputs: {format_bytes(free)} free on the disk of {existing}; "
        f"checkpoints take {format_bytes(FILES * checkpoint)}, {FILES} times {format_bytes(checkpoint)}; "
        "free some, or give another disk: outputs=FOLDER"
    )
    if free < checkpoint:
        raise UserError(line)
    print(line, file=sys.stderr)
