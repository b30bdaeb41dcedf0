"""`aectl train`: makes a run and trains it."""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from aectl.cli.error_messages import advice_before_training, user_error_on_oom
from aectl.config import check, to_plain
from aectl.errors import UserError
from aectl.models.ae import AE
from aectl.runs.run import Run, complete_config, instantiate_node, num_parameters
from aectl.training.preflight import check_disk_space, checkpoint_bytes
from aectl.types import Seed, format_shape

TOP_LEVEL = {"seed": Seed, "outputs": str, "resume": str | None}
DERIVED = {"model.shape", "model.input_shape"}
"""What data set and task decide."""
NAMED_GROUPS = ("model", "task", "dataset", "net", "likelihood")


def preflight(config: DictConfig) -> None:
    """Whatever would stop the training, before anything of it exists.

    Raises:
        UserError: a value, a shape, a missing file, a missing GPU, or too little room in memory or on the disk.
    """
    cfg = config.copy()
    OmegaConf.set_struct(cfg, False)
    cfg.pop("hydra", None)
    for key in sorted(OmegaConf.missing_keys(cfg) - DERIVED):
        raise UserError(f"{key}: has no default; give it a value: {key}=VALUE")
    check(to_plain(cfg), TOP_LEVEL)
    instantiate_node(cfg.trainer).device()
    with user_error_on_oom(lambda: advice_before_training(to_plain(cfg))):
        run = Run(Path(), complete_config(cfg, {}), Path())
        run.data.source.prepare()
        model = run.build()
    hydra = HydraConfig.get()
    folder = Path(hydra.sweep.dir if hydra.mode is RunMode.MULTIRUN else hydra.run.dir)
    check_disk_space(folder, checkpoint_bytes(model, instantiate_node(run.cfg.optimizer)))


def main(cfg: DictConfig) -> float:
    """Trains and returns the lowest validation loss, the objective of a sweep."""
    hydra = HydraConfig.get()
    if hydra.mode is RunMode.MULTIRUN:
        preflight(cfg)
    if cfg.resume is not None:
        run = Run.reopen(relative_to_cwd(Path(cfg.resume)), cfg)
    else:
        names = {group: hydra.runtime.choices[group] for group in NAMED_GROUPS}
        run = Run.create(relative_to_cwd(Path(hydra.runtime.output_dir)), cfg, names)
    device, model = instantiate_node(run.cfg.trainer).device(), run.build()
    shape, parameters = format_shape(run.cfg.model.shape), f"{num_parameters(model):,} parameters"
    print(f"{run.title} of {shape} · {parameters} · {device.type} · {run.folder}/")

    from aectl.training.fit import fit

    best = fit(run, resume=cfg.resume is not None)
    if hydra.mode is not RunMode.MULTIRUN:
        print(closing_lines(run, best, ("sample", "plot-latent") if isinstance(model, AE) else ("predict",)))
    return best


def closing_lines(run: Run, best: float, next_verbs: tuple[str, ...]) -> str:
    """The best score, where the run is, and what to type next."""
    verbs = "\n".join(f"  aectl {verb} {run.folder}" for verb in ("eval", *next_verbs))
    return f"best val/loss {best:.4g} nats · {run.folder}/\nnext:\n{verbs}\n  tensorboard --logdir {run.cfg.outputs}"


def relative_to_cwd(folder: Path) -> Path:
    """The folder as a user would type it: relative where it lies below the current one."""
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
