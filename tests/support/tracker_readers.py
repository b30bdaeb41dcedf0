"""Reads back what each tracker has written, in the same form."""

import csv
import io
import json
import struct
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

Curves = dict[str, list[tuple[int, float]]]
Pictures = dict[str, list[tuple[int, np.ndarray]]]
BLOCK = 32_768
"""The size of the blocks of a file of Weights & Biases, which no record's header crosses."""


class Tracked(NamedTuple):
    """What a tracker has of a run: points and pictures by name, and hyperparameters and final metrics as text."""

    curves: Curves
    pictures: Pictures
    hyperparameters: dict[str, str]


def read_tensorboard(folder: Path) -> Tracked:
    from tensorboard.backend.event_processing.event_accumulator import IMAGES, EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    events = EventAccumulator(str(folder), {IMAGES: 0}).Reload()
    curves = {
        name_of(tag): [(each.step, each.value) for each in events.Scalars(tag)] for tag in events.Tags()["scalars"]
    }
    images = {
        tag: [(each.step, np.asarray(Image.open(io.BytesIO(each.encoded_image_string)))) for each in events.Images(tag)]
        for tag in events.Tags()["images"]
    }
    stored = HParamsPluginData.FromString(events.PluginTagToContent("hparams")["_hparams_/session_start_info"])
    values = {
        name.partition(" ")[2] or name: value.string_value or f"{value.number_value:g}"
        for name, value in stored.session_start_info.hparams.items()
    }
    final = {tag: f"{curve[-1][1]:g}" for tag, curve in curves.items() if tag.startswith("best/")}
    return Tracked({tag: curve for tag, curve in curves.items() if tag not in final}, images, {**values, **final})


def name_of(tag: str) -> str:
    """The name of a curve, of which TensorBoard has turned the parts round."""
    group, _, rest = tag.rpartition("/")
    return tag.removeprefix("summary/") if tag.startswith("summary/") else f"{rest}/{group}"


def read_csv(folder: Path) -> Tracked:
    def rows(name: str) -> list[list[str]]:
        with (folder / "csv" / name).open(newline="") as file:
            return list(csv.reader(file))[1:]

    curves: Curves = defaultdict(list)
    for step, name, value in rows("curves.csv"):
        curves[name].append((int(step), float(value)))
    pictures: Pictures = defaultdict(list)
    for path in sorted((folder / "csv").glob("*/*.png")):
        pictures[path.parent.name].append((int(path.stem), np.asarray(Image.open(path))))
    return Tracked(curves, pictures, dict(map(tuple, rows("hyperparameters.csv"))))


def read_mlflow(folder: Path) -> Tracked:
    from mlflow import MlflowClient

    from aectl.trackers.mlflow import STEP

    client = MlflowClient(f"sqlite:///{folder.parent / 'mlflow.db'}")
    run = client.get_run((folder / "mlflow.id").read_text())
    curves = {
        name: sorted((point.step, point.value) for point in client.get_metric_history(run.info.run_id, name))
        for name in run.data.metrics
    }
    final = {name: f"{curve[-1][1]:g}" for name, curve in curves.items() if name.startswith("best/")}
    pictures: Pictures = defaultdict(list)
    for path in sorted(Path(client.download_artifacts(run.info.run_id, "images")).glob("*.png")):
        found = STEP.search(path.name)
        assert found, path.name
        pictures[path.name[: found.start()]].append((int(found[1] or found[2]), np.asarray(Image.open(path))))
    return Tracked(
        {name: curve for name, curve in curves.items() if name not in final}, pictures, {**run.data.params, **final}
    )


def read_wandb(folder: Path) -> Tracked:
    curves: Curves = defaultdict(list)
    pictures: Pictures = defaultdict(list)
    texts: dict[str, str] = {}
    for path in sorted(folder.glob("wandb/offline-run-*/*.wandb")):
        for record in finished_records(path):
            for item in record.config.update:
                texts[item.key] = str(json.loads(item.value_json))
            for item in record.summary.update:
                if item.nested_key[:1] == ["best/val/loss"] or item.key.startswith("best/"):
                    texts[item.key or item.nested_key[0]] = item.value_json
            row = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
            for name, value in row.items():
                if name.endswith("/path") and row.get(name.replace("/path", "/_type")) == "image-file":
                    image = np.asarray(Image.open(path.parent / "files" / value))
                    pictures[name.removesuffix("/path")].append((row["step"], image))
                elif name.startswith(("val/", "train/")):
                    curves[name].append((row["step"], value))
    return Tracked(curves, pictures, texts)


def finished_records(path: Path) -> list[Any]:
    """The records of a run that has ended; its service writes the last of them when the run is already closed."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        records = list(wandb_records(path))
        if any(record.WhichOneof("record_type") == "exit" for record in records):
            return records
        time.sleep(0.05)
    raise TimeoutError(f"{path} never ended")


def wandb_records(path: Path) -> Iterator[Any]:
    """The records in a file that Weights & Biases keeps offline: LevelDB's format, after a header of seven bytes."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, parts = path.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if BLOCK - at % BLOCK < 7:
            at += BLOCK - at % BLOCK
            continue
        _, size, kind = struct.unpack("<IHB", data[at : at + 7])
        if at + 7 + size > len(data):
            return
        parts += data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # a whole record, or the last part of one
            yield Record.FromString(parts)
            parts = b""
