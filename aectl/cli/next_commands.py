"""The commands that may follow a training, as they can be pasted."""

import shlex
from collections.abc import Iterable

from aectl.data.folder.source import Folder
from aectl.modalities import Images, modality_for
from aectl.models.base import Autoencoder
from aectl.models.capabilities import HasLatent
from aectl.runs.run import Run
from aectl.trackers.base import Tracker


def next_commands(run: Run, model: Autoencoder, trackers: Iterable[Tracker] = ()) -> list[str]:
    """What measures, applies, samples and shows a run that was trained."""
    folder, has_latent = shlex.quote(str(run.folder)), isinstance(model, HasLatent)
    commands = [f"aectl eval {folder}"]
    draws = has_latent or model.generative
    if is_of_images(run) and (run.task.restores or not draws):
        masks = " mask=MASKS" if run.task.takes_mask else ""
        commands.append(f"aectl predict {folder} input={shlex.quote(pictures_of(run))}{masks}")
    if draws:
        commands.append(f"aectl sample {folder}")
    if has_latent:
        commands.append(f"aectl plot-latent {folder}")
    if is_of_images(run):
        commands.append(f"aectl explore {folder}")
    to_view = [tracker.view_command(run.cfg.outputs) for tracker in trackers]
    return [*commands, *filter(None, to_view)]


def pictures_of(run: Run) -> str:
    """The folder that the run was trained on, or a word in its place."""
    source = run.data.source
    return str(source.root) if isinstance(source, Folder) else "FOLDER"


def is_of_images(run: Run) -> bool:
    """Whether a run is trained on images, as its config says: to ask its data would read them once more."""
    vocabularies = run.cfg.get("likelihood", {}).get("vocabularies") or ()
    return isinstance(modality_for(tuple(run.cfg.model.shape), tuple(vocabularies)), Images)
