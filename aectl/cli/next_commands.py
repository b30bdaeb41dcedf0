"""The commands that may follow a training, as they can be pasted."""

import shlex

from aectl.data.folder.source import Folder
from aectl.modalities import Images
from aectl.models.capabilities import HasLatent
from aectl.runs.run import Run
from aectl.training.experiment import Experiment


def next_commands(run: Run, experiment: Experiment) -> list[str]:
    """What measures, applies, samples and shows a run that was trained."""
    folder, has_latent = shlex.quote(str(run.folder)), isinstance(experiment.model, HasLatent)
    commands = [f"aectl eval {folder}"]
    draws = has_latent or experiment.model.generative
    if isinstance(run.modality, Images) and (experiment.task.restores or not draws):
        masks = " mask=MASKS" if experiment.task.takes_mask else ""
        commands.append(f"aectl predict {folder} input={shlex.quote(pictures_of(experiment))}{masks}")
    if draws:
        commands.append(f"aectl sample {folder}")
    if has_latent:
        commands.append(f"aectl plot-latent {folder}")
    if isinstance(run.modality, Images):
        commands.append(f"aectl explore {folder}")
    to_view = [tracker.view_command(run.cfg.outputs) for tracker in experiment.trackers]
    return [*commands, *filter(None, to_view)]


def pictures_of(experiment: Experiment) -> str:
    """The folder that the run was trained on, or a word in its place."""
    source = experiment.data.source
    return str(source.root) if isinstance(source, Folder) else "FOLDER"
