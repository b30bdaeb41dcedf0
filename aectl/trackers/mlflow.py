"""Runs in an MLflow server or database."""

import csv
import io
import os
import re
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from aectl.trackers.base import BEST, Hyperparameter, Tracker, channels_last, latent_rows, require_package

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

STATUSES = {"done": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}
AT_ONCE = 1_000  # the most metrics that MLflow accepts in a request
STEP = re.compile(r"%step%(\d+)%|\+step\+(\d+)\+")  # the step in the file name that MLflow gives a picture


class MLflow(Tracker):
    """Logs to an MLflow tracking server or, without one, to a local SQLite database.

    The file `mlflow.id` in a run's folder holds the id of its MLflow run. MLflow cannot remove single points, so a
    resumed run continues as a new MLflow run, with a copy of what was logged up to that step; the former one is
    deleted, and can be restored until MLflow's garbage collection.

    Arguments:
        uri: of the tracking server; null for MLFLOW_TRACKING_URI or, if that is not set, the local database.
        database: file of the local database; pictures and latents go to the folder `mlartifacts` next to it.
        experiment: the experiment that the runs belong to.
    """

    def __init__(self, uri: str | None, database: str, experiment: str) -> None:
        require_package("mlflow")
        self.uri = uri or os.environ.get("MLFLOW_TRACKING_URI")
        self.database, self.experiment = Path(database), experiment

    def start(self, folder: Path, name: str, last_step: int) -> None:
        from mlflow import MlflowClient

        self.database.parent.mkdir(parents=True, exist_ok=True)
        self.client = MlflowClient(self.uri or f"sqlite:///{self.database}")
        artifacts = None if self.uri else (self.database.parent / "mlartifacts").absolute().as_uri()
        found = self.client.get_experiment_by_name(self.experiment)
        experiment = found.experiment_id if found else self.client.create_experiment(self.experiment, artifacts)
        former = find_run(self.client, folder / "mlflow.id")
        self.run = self.client.create_run(experiment, run_name=name, tags={"folder": str(folder)}).info.run_id
        if former and last_step >= 0:
            copy_history(self.client, former, self.run, last_step)
        (folder / "mlflow.id").write_text(self.run)
        if former:
            self.client.delete_run(former.info.run_id)

    def log_scalars(self, values: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1_000)
        self.client.log_batch(self.run, [Metric(name, value, now, step) for name, value in values.items()])

    def log_image(self, name: str, picture: Tensor, step: int) -> None:
        key = name.replace(",", "")  # MLflow does not accept commas
        self.client.log_image(self.run, channels_last(picture), key=key, step=step, synchronous=True)

    def log_embedding(self, latents: Tensor, labels: list[str] | None, images: Tensor | None) -> None:
        table = io.StringIO()
        csv.writer(table, lineterminator="\n").writerows(latent_rows(latents, labels))
        self.client.log_text(self.run, table.getvalue(), "latents.csv")

    def log_hyperparameters(self, values: Mapping[str, Hyperparameter], metrics: Mapping[str, float]) -> None:
        from mlflow.entities import Param

        self.client.log_batch(self.run, params=[Param(name, str(value)) for name, value in values.items()])
        if metrics:
            self.log_scalars(metrics, 0)

    def close(self, status: str) -> None:
        self.client.set_terminated(self.run, STATUSES[status])

    def view_command(self, outputs: str) -> str | None:
        return None if self.uri else f"mlflow ui --backend-store-uri sqlite:///{self.database}"


def find_run(client: "MlflowClient", path: Path) -> "Run | None":
    """The MLflow run whose id is in a file; None if either does not exist."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_run(path.read_text())
    except (FileNotFoundError, MlflowException):
        return None


def copy_history(client: "MlflowClient", former: "Run", new: str, last_step: int) -> None:
    names = [name for name in former.data.metrics if not name.startswith(BEST)]
    points = [point for name in names for point in client.get_metric_history(former.info.run_id, name)]
    kept = [point for point in points if point.step <= last_step]
    for start in range(0, len(kept), AT_ONCE):
        client.log_batch(new, kept[start : start + AT_ONCE])
    if not client.list_artifacts(former.info.run_id, "images"):
        return
    with tempfile.TemporaryDirectory() as folder:
        pictures = Path(client.download_artifacts(former.info.run_id, "images", folder))
        for path in pictures.iterdir():
            found = STEP.search(path.name)
            if found and int(found[1] or found[2]) > last_step:
                path.unlink()
        client.log_artifacts(new, str(pictures), "images")
