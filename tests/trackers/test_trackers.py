"""What holds for every tracker: a stopped run and its second part, read back from where the tracker has put it."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
import torch

from aectl.config import options
from aectl.errors import UserError
from aectl.trackers import csv, mlflow, tensorboard, wandb
from aectl.trackers.base import Tracker
from tests.support.tracker_readers import Tracked, read_csv, read_mlflow, read_tensorboard, read_wandb

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*noload.*:DeprecationWarning",  # MLflow's use of SQLAlchemy
    "ignore:Implicitly cleaning up:ResourceWarning",
)
OFFLINE = {"MLFLOW_DISABLE_TELEMETRY": "true", "WANDB_ERROR_REPORTING": "false", "WANDB_MODE": "offline"}
PICTURE = "input, output, target"
OLD, NEW = (torch.full((1, 4, 6), value, dtype=torch.uint8) for value in (50, 200))
VALUES = {"model": "vae", "model.beta": 4.0, "trainer.max_epochs": 3}


class Service(NamedTuple):
    """A tracker, and what reads back what it wrote."""

    make: Callable[[Path], Tracker]
    read: Callable[[Path], Tracked]


SERVICES = {
    "tensorboard": Service(lambda _: tensorboard.TensorBoard(), read_tensorboard),
    "csv": Service(lambda _: csv.CSV(), read_csv),
    "mlflow": Service(lambda root: mlflow.MLflow(None, str(root / "mlflow.db"), "aectl"), read_mlflow),
    "wandb": Service(lambda _: wandb.WandB("aectl", None, "offline"), read_wandb),
}


@pytest.fixture(scope="module", params=SERVICES)
def service(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param in ("mlflow", "wandb"):
        pytest.importorskip(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        for name, value in OFFLINE.items():
            patch.setenv(name, value)
        yield request.param


@pytest.fixture(scope="module")
def run(service: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was stopped after step 30 and resumed from step 20."""
    root = tmp_path_factory.mktemp(service)
    folder = root / "run"
    folder.mkdir()
    for last_step, steps, picture in ((-1, (10, 20, 30), OLD), (20, (30,), NEW)):
        tracker = SERVICES[service].make(root)
        tracker.start(folder, "a run", last_step)
        tracker.log_hyperparameters(VALUES, {})
        for step in steps:
            tracker.log_scalars({"val/loss": step + len(steps) / 4, "epoch": 0}, step)
            if step != 20:
                tracker.log_image(PICTURE, picture, step)
        tracker.flush()
        if last_step >= 0:
            latents = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
            tracker.log_embedding(latents, ["one", "two"], torch.stack([OLD, NEW]) / 255)
            tracker.log_hyperparameters(VALUES, {"best/val/loss": 30.25})
        tracker.close("interrupted" if last_step < 0 else "done")
        if service == "wandb":
            time.sleep(1)  # it names its folders by the second
    return folder


@pytest.fixture(scope="module")
def tracked(service: str, run: Path) -> Tracked:
    return SERVICES[service].read(run)


def test_every_choice_but_none_is_tested_here() -> None:
    assert {*SERVICES, "none"} == {*options("tracker")}


def test_a_resumed_run_takes_back_the_points_after_the_step_that_it_resumes_from(
    service: str, tracked: Tracked
) -> None:
    again = [(30, 30.75)] if service == "wandb" else []
    assert tracked.curves["val/loss"] == [(10, 10.75), (20, 20.75), *again, (30, 30.25)]


def test_a_resumed_run_takes_back_the_pictures_after_the_step_that_it_resumes_from(
    service: str, tracked: Tracked
) -> None:
    ((name, pictures),) = tracked.pictures.items()
    assert name == (PICTURE.replace(",", "") if service == "mlflow" else PICTURE)
    again = [(30, 50)] if service == "wandb" else []
    assert [(step, int(picture.mean())) for step, picture in pictures] == [(10, 50), *again, (30, 200)]
    assert all(picture.shape[:2] == (4, 6) and not np.ptp(picture[..., :3]) for _, picture in pictures)


def test_hyperparameters_stand_beside_the_metrics_of_the_best_epoch(tracked: Tracked) -> None:
    shown = {name: value.removesuffix(".0") for name, value in tracked.hyperparameters.items()}
    wanted = {"model": "vae", "model.beta": "4", "trainer.max_epochs": "3", "best/val/loss": "30.25"}
    assert {name: shown[name] for name in wanted} == wanted


def test_latents_are_kept_with_their_classes(service: str, run: Path) -> None:
    table = "label,z0,z1\none,1.0,2.0\ntwo,3.0,4.0\n"
    if service == "tensorboard":
        assert (run / "projector" / "latents" / "tensors.tsv").read_text().split() == ["1.0", "2.0", "3.0", "4.0"]
        assert (run / "projector" / "latents" / "metadata.tsv").read_text().split() == ["one", "two"]
    elif service == "csv":
        assert (run / "csv" / "latents.csv").read_text() == table
    elif service == "mlflow":
        (path,) = run.parent.glob("mlartifacts/*/artifacts/latents.csv")
        assert path.read_text() == table
    else:
        (path,) = run.glob("wandb/offline-run-*/files/media/table/latents_*.json")
        stored = json.loads(path.read_text())
        assert stored["columns"] == ["label", "z0", "z1", "image"]
        assert [row[:3] for row in stored["data"]] == [["one", 1, 2], ["two", 3, 4]]


def test_nothing_is_written_outside_the_folder_but_the_database_of_mlflow(service: str, run: Path) -> None:
    beside = {path.name for path in run.parent.iterdir()} - {"run"}
    assert beside == ({"mlflow.db", "mlartifacts"} if service == "mlflow" else set())


@pytest.mark.parametrize("service", ["mlflow"], indirect=True)
def test_mlflow_has_one_finished_run_and_its_first_part_can_be_restored(run: Path) -> None:
    from mlflow import MlflowClient
    from mlflow.entities import ViewType

    client = MlflowClient(f"sqlite:///{run.parent / 'mlflow.db'}")
    found = {
        kind: client.search_runs(["1"], run_view_type=kind) for kind in (ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY)
    }
    ((finished,), (stopped,)) = found.values()
    assert finished.info.run_id == (run / "mlflow.id").read_text()
    assert [finished.info.status, stopped.info.status] == ["FINISHED", "KILLED"]
    assert finished.info.run_name == "a run"


@pytest.mark.parametrize("service", ["wandb"], indirect=True)
def test_both_parts_of_a_run_have_the_same_id_in_wandb(run: Path) -> None:
    assert {path.stem for path in run.glob("wandb/offline-run-*/*.wandb")} == {f"run-{(run / 'wandb.id').read_text()}"}


@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_a_missing_package_is_said_in_a_line(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UserError) as raised:
        SERVICES[name].make(tmp_path)
    assert str(raised.value) == f"tracker={name} needs {name}, which is not installed: pip install 'aectl[{name}]'"


def test_a_torn_last_line_of_a_killed_run_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / "curves.csv").write_text("step,name,value\n3,val/loss,1.5\n5,val/loss,2.5\n7,val/lo")
    csv.CSV().start(tmp_path, "a run", last_step=7)
    assert (tmp_path / "csv" / "curves.csv").read_text() == "step,name,value\n3,val/loss,1.5\n5,val/loss,2.5\n"


def test_tensorboard_shows_embedded_images_padded_to_squares() -> None:
    images = torch.rand(2, 3, 4, 6)
    squares = tensorboard.sprites(images)
    assert squares.shape == (2, 3, 6, 6)
    assert torch.equal(squares[..., :4, :], images)
    assert not squares[..., 4:, :].any()


def test_wandb_gets_embedded_images_of_every_level(monkeypatch: pytest.MonkeyPatch) -> None:
    service = pytest.importorskip("wandb")
    shown: list[np.ndarray] = []
    monkeypatch.setattr(service, "Image", lambda picture: shown.append(picture.astype(np.uint8)))
    monkeypatch.setattr(service, "Table", lambda *_: None)
    tracker = wandb.WandB("aectl", None, "offline")
    tracker.run = SimpleNamespace(log=lambda _: None)
    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    tracker.log_embedding(torch.zeros(1, 2), None, levels / 255)
    assert np.array_equal(shown[0], levels[0, 0].numpy())
