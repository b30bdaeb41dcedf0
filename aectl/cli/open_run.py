"""What the verbs share that work from a finished run: their keys are checked, the run is opened, files are named."""

import dataclasses
import functools
import inspect
import sys
import typing
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from aectl import runs
from aectl.cli.write_errors import user_error_on_write
from aectl.config import check, to_plain
from aectl.devices import Accelerator, pick
from aectl.errors import UserError
from aectl.inference.trained_run import TrainedRun
from aectl.modalities import picture_listing
from aectl.runs.index import latest_run
from aectl.runs.run import Run
from aectl.runs.summary import describe_training
from aectl.types import Seed

T = TypeVar("T")
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
SHARED = {"run": str, "outputs": str, "seed": Seed, "accelerator": Accelerator, "trust": bool}


def run_command(command: Callable[..., T]) -> Callable[[DictConfig], T]:
    """Makes a command on a trained run a function of the config that names the run.

    Every other parameter of the command is a key of its YAML, or a dataclass whose fields are keys; they are checked
    against their annotations.
    """

    @functools.wraps(command)
    def main(cfg: DictConfig) -> T:
        config = to_plain(cfg)
        _, *names = inspect.signature(command).parameters
        hints = typing.get_type_hints(command, include_extras=True)
        groups = {name: hints.pop(name) for name in names if dataclasses.is_dataclass(hints[name])}
        for group in groups.values():
            hints |= typing.get_type_hints(group, include_extras=True)
        check(config, {key_of(name): hint for name, hint in hints.items()} | SHARED)
        device = pick(config["accelerator"])
        run = runs.open(config["run"], config["outputs"], config["trust"])
        latest = config["run"] == "latest"
        print(f"run {run.folder}/ · {run.title}" + (f" · {describe_training(run.folder)}" if latest else ""))
        if latest:
            report_newer(run, Path(config["outputs"]))
        trained = TrainedRun(run, run.load(device), device, config["seed"])
        arguments = {name: config.get(key_of(name)) for name in names}
        for name, group in groups.items():
            arguments[name] = group(**{field.name: config[key_of(field.name)] for field in dataclasses.fields(group)})
        output = config.get("output")
        with user_error_on_write(f"output={output}" if output else str(run.folder)):
            return command(trained, **arguments)

    return main


def key_of(parameter: str) -> str:
    """The key of a parameter: `from` for `from_`, which Python has another use for."""
    return parameter.rstrip("_")


def report_newer(latest: Run, outputs: Path) -> None:
    """Says if a newer run was passed over."""
    newest = latest_run(outputs, trained=False)
    if newest != latest.folder:
        print(f"latest: passes over the newer {newest}/, which has not finished its first epoch", file=sys.stderr)


def input_files(input: str | None) -> tuple[Path, list[Path]]:
    """The picture files that the key `input` names, and the folder that their names are relative to.

    Other files in that folder are counted on standard error.
    """
    if input is None:
        raise UserError("input: no pictures to work on; give input=FILE or input=FOLDER")
    path = Path(input).expanduser()
    if path.suffix.lower() in ARCHIVES and path.is_file():
        raise UserError(f"input={input}: is an archive; unpack it and give the folder: input=FOLDER")
    if path.is_file():
        return path.parent, [path]
    if not path.is_dir():
        raise UserError(f"input={input}: no such file or folder; give a picture or a folder of pictures")
    found = picture_listing.list_images(path)
    others = picture_listing.describe_left_out(found.left_out)
    if not found.files:
        kinds = ", ".join(picture_listing.SUFFIXES)
        raise UserError(f"input={input}: no pictures in it{f' ({others})' if others else ''}; expected {kinds}")
    if others:
        print(f"input={input}: {others}", file=sys.stderr)
    return path, [path / file.name for file in found.files]


def output_folder(run: Run, output: str | None, *default: str) -> Path:
    """Where a command writes: `output` as it was typed, from the current folder, or a folder of the run.

    Of several runs in one command each has an `output` of its own, which ends in its number.
    """
    if not output:
        return run.output_path(*default)
    number = job_number()
    return Path(output if number is None else f"{output.rstrip('/')}-{number}").expanduser()


def output_file(run: Run, output: Path | None, *default: str) -> Path:
    """The same for a single file; the number stands before its suffix."""
    if output is None:
        return run.output_path(*default)
    number = job_number()
    return output if number is None else output.with_name(f"{output.stem}-{number}{output.suffix}")


def job_number() -> int | None:
    """The number of this run among several in one command, from 0; None if there is one."""
    hydra = HydraConfig.get()
    return hydra.job.num if hydra.mode is RunMode.MULTIRUN else None


def print_written(first: object, *others: object) -> None:
    print(f"wrote {first}", *others, sep="\n      ")
