"""Event files for TensorBoard."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from aectl.trackers.base import Hyperparameter, Tracker

FIRST = ("model", "task", "dataset", "model.latent_dim", "model.beta", "optimizer.lr", "data.batch_size")
"""The first columns of the HPARAMS tab."""
SPLITS = ("train", "val")
CHANCE = "/chance/train"
"""The end of the tag of a chance level."""
LAST = "summary"
"""The group of the curves that are no metric of a split, which TensorBoard sorts behind the others."""


class TensorBoard(Tracker):
    """Writes curves, pictures, the HPARAMS tab and the Projector's files into the run's folder."""

    def start(self, folder: Path, name: str, last_step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.folder = folder
        self.writer = SummaryWriter(str(folder), purge_step=last_step + 1)
        self.tags: set[str] = set()
        self.charted: set[str] = set()

    def log_scalars(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self.writer.add_scalar(tag_of(name), value, step)
        self.tags |= set(map(tag_of, values))
        paired = {tag.removesuffix("/val") for tag in self.tags if f"{tag.removesuffix('/val')}/train" in self.tags}
        players = {tag.removesuffix(CHANCE) for tag in self.tags if tag.endswith(CHANCE)}
        if paired | players > self.charted:
            self.charted = paired | players
            self.writer.add_custom_scalars(both_splits(paired) | beside_chance(players))

    def log_image(self, name: str, picture: Tensor, step: int) -> None:
        self.writer.add_image(name, picture, step)

    def log_embedding(self, latents: Tensor, labels: list[str] | None, images: Tensor | None) -> None:
        self.writer.add_embedding(latents, labels, None if images is None else sprites(images), tag="latents")
        folder, config = self.folder / "projector", self.folder / "projector_config.pbtxt"
        shutil.rmtree(folder, ignore_errors=True)
        (self.folder / "00000").rename(folder)  # torch names it after the step
        config.write_text(config.read_text().replace('"00000/', '"projector/'))

    def log_hyperparameters(self, values: Mapping[str, Hyperparameter], metrics: Mapping[str, float]) -> None:
        if metrics:  # SummaryWriter.add_hparams would make a second run of it
            for name, value in metrics.items():
                self.writer.add_scalar(tag_of(name), value)
            for summary in hparams_summaries(values, metrics):
                self.writer._get_file_writer().add_summary(summary)

    def flush(self) -> None:
        self.writer.flush()

    def close(self, status: str) -> None:
        self.writer.close()

    def view_command(self, outputs: str) -> str:
        return f"tensorboard --logdir {outputs}"


def tag_of(name: str) -> str:
    """What a metric is called in TensorBoard, which groups curves by the first part of their names.

    `train/loss` and `val/loss` become `loss/train` and `loss/val`, in one group; what belongs to no split comes last.
    """
    split, _, term = name.partition("/")
    return f"{term}/{split}" if split in SPLITS and term else f"{LAST}/{name}"


def both_splits(terms: set[str]) -> dict[str, dict[str, list[Any]]]:
    """The layout of the tab Custom Scalars: for each of the terms a chart with the curves of both splits."""
    charts = {term: ["Multiline", [f"^{re.escape(term)}/({'|'.join(SPLITS)})$"]] for term in sorted(terms)}
    return {"training and validation": charts}


def beside_chance(players: set[str]) -> dict[str, dict[str, list[Any]]]:
    """Charts of the losses of these discriminators, each with its chance level."""
    charts = {f"{player}/loss": ["Multiline", [f"^{re.escape(player)}/(loss|chance)/train$"]] for player in players}
    return {"discriminators": dict(sorted(charts.items()))} if charts else {}


def hparams_summaries(values: Mapping[str, Hyperparameter], metrics: Mapping[str, float]) -> list[Any]:
    """The summaries that the HPARAMS tab reads: its columns, and the start and end of a session.

    TensorBoard sorts columns by name and shows display names, so the first ones have numbers in their names. It takes
    the columns for all runs from the first run, so every run declares the first ones, with or without a value.
    """
    from tensorboard.plugins.hparams.api_pb2 import DATA_TYPE_FLOAT64, HParamInfo
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
    from torch.utils.tensorboard.summary import hparams

    names = {name: f"{index} {name}" for index, name in enumerate(FIRST)}
    tags = {tag_of(name): value for name, value in metrics.items()}
    columns, *session = hparams({names.get(name, name): value for name, value in values.items()}, tags)
    plugin = columns.value[0].metadata.plugin_data
    data = HParamsPluginData.FromString(plugin.content)
    infos = data.experiment.hparam_infos
    infos.extend(HParamInfo(name=names[name], type=DATA_TYPE_FLOAT64) for name in FIRST if name not in values)
    shown = {sorting: name for name, sorting in names.items()}
    for info in infos:
        info.display_name = shown.get(info.name, "")
    for info, name in zip(data.experiment.metric_infos, metrics, strict=True):
        info.display_name = name
    plugin.content = data.SerializeToString()
    return [columns, *session]


def sprites(images: Tensor) -> Tensor:
    """Images (N, C, H, W), padded to the squares that `add_embedding` takes."""
    height, width = images.shape[-2:]
    side = max(height, width)
    return torch.nn.functional.pad(images, (0, side - width, 0, side - height))


def add_image(picture: Path, name: str, folder: Path) -> None:
    """Writes a PNG into an events file in `folder`, replacing the one of an earlier call."""
    from torch.utils.tensorboard import SummaryWriter

    earlier = list(folder.glob("events.out.tfevents.*"))
    with SummaryWriter(str(folder)) as writer:
        writer.add_image(name, np.asarray(Image.open(picture).convert("RGB")), dataformats="HWC")
    for path in earlier:
        path.unlink(missing_ok=True)
