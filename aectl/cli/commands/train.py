"""`aectl train`: makes a run and trains it."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from aectl.cli.error_messages import advice_before_training, unknown_choice, user_error_on_oom
from aectl.cli.hydra_hooks import TrainHooks, check_single
from aectl.cli.hydra_internals import known_choices
from aectl.cli.next_commands import next_commands
from aectl.cli.restoration_gain import gain_line
from aectl.cli.resume import config_like, restore_job
from aectl.config import GROUPS, options, to_plain
from aectl.errors import UserError
from aectl.runs.code import write_code
from aectl.runs.run import Run, num_parameters
from aectl.runs.source import adopt, open_source
from aectl.runs.stored_config import PARTS
from aectl.search.reporting import current as report
from aectl.training.experiment import Experiment
from aectl.training.preflight import preflight
from aectl.training.process_checks import check_processes
from aectl.types import format_shape


def prepare(config: DictConfig) -> Experiment:
    """The experiment of a composed config; a UserError for whatever would stop the training, such as little memory."""
    hydra = HydraConfig.get()
    check_augmentations(hydra.overrides.task)
    cfg = config.copy() if config.get("like") is None else config_like(config)
    OmegaConf.set_struct(cfg, False)
    cfg.pop("hydra", None)
    source = None if has_checkpoint(cfg.resume) else open_source(cfg, config.trust)
    cfg.resume = None  # the config of a run does not say how often it was stopped, or who trusted it
    cfg.pop("trust", None)
    cfg.pop("like", None)
    objectives = (cfg.pop("sweep", None) or {}).get("objectives") or {}
    if "names" not in cfg:
        cfg.names = named_choices(cfg, hydra.runtime.choices)
    if source and OmegaConf.is_missing(cfg.model, "autoencoder"):
        cfg = adopt(cfg, source, {override.partition("=")[0] for override in hydra.overrides.task})
    folder = hydra.sweep.dir if hydra.mode is RunMode.MULTIRUN else hydra.run.dir
    with user_error_on_oom(lambda: advice_before_training(to_plain(cfg))):
        experiment = preflight(cfg, Path(folder), source, [str(key) for key in objectives])
    if hydra.mode is RunMode.MULTIRUN:
        check_single(cfg)
    else:
        check_processes(experiment.settings, experiment.model)
    return experiment


def has_checkpoint(resumed: str | None) -> bool:
    """Whether a run is resumed that has a checkpoint, with the weights of all of its parts."""
    return resumed is not None and any(Path(resumed, "checkpoints").glob("*.ckpt"))


def check_augmentations(overrides: Sequence[str]) -> None:
    """Raises a UserError for an unknown choice of `augment`, whose default is optional: Hydra would pass it over."""
    for override in overrides:
        group, _, value = override.partition("=")
        for name in value.strip("[]").split(",") if group == "augment" else []:
            known = known_choices("augment")
            if name.strip() not in {*options("augment"), *known, "null"}:
                raise UserError(unknown_choice("augment", name.strip(), known))


def named_choices(cfg: DictConfig, choices: Mapping[str, str]) -> dict[str, str]:
    """The choices of the groups that a run is built from when it is opened; a UserError if one has none or several."""
    for group in PARTS:
        if group in GROUPS and choices.get(group) in (None, "null"):
            raise UserError(f"{group}: expected one choice, such as {group}={options(group)[0]}")
    return {group: choice for group, choice in choices.items() if group in cfg and group in {*PARTS, *cfg.model}}


def main(cfg: DictConfig) -> float:
    """Trains and returns the best score of the validation, the objective of a sweep: the lowest loss by default."""
    hydra = HydraConfig.get()
    if hydra.mode is RunMode.MULTIRUN and cfg.resume is not None:
        restore_job(cfg, Path(cfg.resume))
    experiment = prepare(cfg) if hydra.mode is RunMode.MULTIRUN else TrainHooks.take_prepared()
    folder = Path(hydra.runtime.output_dir if cfg.resume is None else cfg.resume)

    from aectl.training import processes
    from aectl.training.launch import joined

    with joined(experiment.settings, sys.argv[1:]), processes.only_main_prints():
        return train(experiment, processes.from_main(lambda: folder), resume=cfg.resume is not None)


def train(experiment: Experiment, folder: Path, resume: bool) -> float:
    """Trains in a folder, and says at its end what to do next; all that is written is written by the main process."""
    from aectl.training import processes
    from aectl.training.fit import fit

    folder = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder  # as a user would type it
    run = Run.to_train(folder, experiment.config)
    if not resume and processes.is_main():
        run.write_config()
        write_code(run)
    shape, parameters = format_shape(experiment.model.shape), f"{num_parameters(experiment.model):,} parameters"
    steps = f"{experiment.settings.max_steps:,} steps in " if experiment.settings.max_steps else ""
    work = f"{steps}{experiment.settings.max_epochs} epochs of {experiment.data.num_examples('train'):,} examples"
    print(f"{run.title} of {shape} · {parameters} · {work} · {experiment.settings.device().type} · {run.folder}/")
    best = fit(experiment, run, resume, report.get())
    if HydraConfig.get().mode is not RunMode.MULTIRUN and processes.is_main():
        print(closing_lines(run, best, experiment))
    return best


def closing_lines(run: Run, best: float, experiment: Experiment) -> str:
    from aectl.training.overfitting import overfitting_line

    lines = "\n".join(f"  {command}" for command in next_commands(run, experiment.model, experiment.trackers))
    ending = f"{loss_lines(run, best, experiment)}{gain_line(run)}{overfitting_line(run.metrics)}"
    return f"{ending}next:\n{lines}"


def loss_lines(run: Run, best: float, experiment: Experiment) -> str:
    """The loss of the best epoch with its terms, and in the unit of the lesson for one of its presets."""
    from aectl.evaluation.lesson_loss import TERM, lesson_loss
    from aectl.evaluation.loss_terms import LossFormat, format_loss, format_players
    from aectl.training.monitor import LOSS, Monitor
    from aectl.training.records import best_row
    from aectl.training.validation_metrics import SCORES

    monitor = Monitor.of(run.cfg).name
    row = best_row(run.metrics, monitor, best)
    terms = {name.removeprefix("val/"): value for name, value in row.items() if name.startswith("val/")}
    lesson = terms.pop(TERM, None)
    others = {name: value for name, value in terms.items() if name not in SCORES}
    terms = others if "loss" in others else {"loss": best, **others}
    name = "best val/loss" if monitor == LOSS else f"best {monitor} {best:.4g}, its val/loss"
    how = LossFormat.of(experiment.model)
    opponents = {player: row.get(f"train/{player}/loss") for player in sorted(how.discriminators)}
    beside = format_players({player: loss for player, loss in opponents.items() if loss is not None}, how)
    beside = beside and f", {beside}"
    said = f"{format_loss(terms, how, name=name, unit='nats')}{beside} · {run.folder}/\n"
    return said if lesson is None else f"{said}{lesson_loss(run, lesson)}\n"
